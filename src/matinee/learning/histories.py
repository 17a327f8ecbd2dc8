"""Histories as arrays: users and items are integers, all of a user's interactions lie together, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from matinee.learning.datasets import About, Dataset

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]
Times = Floats


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """User ``u`` watched ``items[starts[u]:starts[u + 1]]`` at ``times`` of the same places, oldest first.

    Times are seconds where the data set gives any. Where it gives none they count a user's interactions from the last
    one backwards (-1, -2, …), so that what is recent for one user is as recent for another.
    """

    starts: Ints
    items: Ints
    times: Times
    n_items: int
    timed: bool = True

    @property
    def n_users(self) -> int:
        """How many users there are, those without interactions included."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        """How many interactions each user has."""
        return np.diff(self.starts)

    def owners(self) -> Ints:
        """The user of each interaction."""
        return np.repeat(np.arange(self.n_users), self.lengths)

    def ages(self) -> Ints:
        """How many interactions of the same user came after each one: 0 for the last."""
        return np.repeat(self.starts[1:], self.lengths) - 1 - np.arange(len(self.items))

    def counts(self) -> Ints:
        """How often each item was watched."""
        return np.bincount(self.items, minlength=self.n_items).astype(np.int64)

    def part(self, keep: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> "Histories":
        """The interactions of a mask over all of them; every user stays, if need be without any."""
        kept = np.bincount(self.owners()[keep], minlength=self.n_users)
        starts = np.concatenate(([0], np.cumsum(kept)))
        return Histories(starts, self.items[keep], self.times[keep], self.n_items, self.timed)

    def without_last(self, count: int) -> "Histories":
        """All but the last ``count`` interactions of every user."""
        return self.part(self.ages() >= count)

    def last(self, count: int) -> "Histories":
        """The last ``count`` interactions of every user."""
        return self.part(self.ages() < count)

    def of(self, users: Ints) -> "Histories":
        """The histories of some users, in that order."""
        lengths = self.lengths[users]
        starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        places = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths) + np.repeat(self.starts[:-1][users], lengths)
        return Histories(starts, self.items[places], self.times[places], self.n_items, self.timed)

    def matrix(self, weights: Floats | None = None) -> sp.csr_matrix:
        """Users by items, 1 where watched or the interaction's weight."""
        data = np.ones(len(self.items), np.float32) if weights is None else weights.astype(np.float32)
        return sp.csr_matrix((data, self.items, self.starts), shape=(self.n_users, self.n_items))

    def recency(self, decay: float, window: int | None = None) -> Floats:
        """``decay ** age`` of each interaction, 0 beyond the ``window`` last ones."""
        ages = self.ages()
        weights = np.power(np.float32(decay), ages.astype(np.float32))
        return weights if window is None else np.where(ages < window, weights, np.float32(0))


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """What is asked of a model: one history a row, and when it is asked (in the histories' own times)."""

    histories: Histories
    times: Times

    def __len__(self) -> int:
        """How many are asked."""
        return self.histories.n_users

    def of(self, rows: Ints) -> "Queries":
        """Some of the questions, in that order."""
        return Queries(self.histories.of(rows), self.times[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Which item each number is, and what the data set says of it."""

    users: tuple[str, ...]
    items: tuple[str, ...]
    about: tuple[About, ...]


def coded(dataset: Dataset) -> tuple[Histories, Catalogue]:
    """A data set's histories as arrays. Items and users are numbered as they first appear."""
    users: dict[str, int] = {}
    items: dict[str, int] = {}
    who = np.fromiter((users.setdefault(one.user, len(users)) for one in dataset.interactions), np.int64)
    what = np.fromiter((items.setdefault(one.item, len(items)) for one in dataset.interactions), np.int64)
    when = np.fromiter((one.time for one in dataset.interactions), np.float64)
    nothing = About()
    catalogue = Catalogue(tuple(users), tuple(items), tuple(dataset.about.get(item, nothing) for item in items))
    return gathered(who, what, when, len(items), timed=dataset.timed), catalogue


def gathered(who: Ints, what: Ints, when: Times, n_items: int, *, timed: bool = True) -> Histories:
    """Histories of parallel arrays that are in order of time; ties keep the arrays' order."""
    order = np.argsort(who, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(who)))).astype(np.int64)
    found = Histories(starts, what[order], when[order], n_items, timed)
    if timed:
        return found
    return Histories(starts, found.items, -1.0 - found.ages().astype(np.float64), n_items, timed)


def familiar(histories: Histories, most: int) -> tuple[Histories, Ints]:
    """The histories of the ``most`` watched items alone, renumbered, and each new number's old one, ascending."""
    counts = histories.counts()
    if np.count_nonzero(counts) <= most:
        known = np.flatnonzero(counts)
    else:
        known = np.sort(np.argsort(-counts, kind="stable")[:most])
    numbers = np.full(histories.n_items, -1)
    numbers[known] = np.arange(len(known))
    kept = histories.part(numbers[histories.items] >= 0)
    return Histories(kept.starts, numbers[kept.items], kept.times, len(known), kept.timed), known


def one_after_another(parts: Sequence[Histories]) -> Histories:
    """All users of several histories of one catalogue."""
    starts = np.concatenate(([0], np.cumsum(np.concatenate([one.lengths for one in parts])))).astype(np.int64)
    items, times = (np.concatenate([getattr(one, name) for one in parts]) for name in ("items", "times"))
    return Histories(starts, items, times, parts[0].n_items, parts[0].timed)


def histories_of(lists: Sequence[Sequence[int]], n_items: int) -> Histories:
    """Untimed histories of item numbers, one list a user."""
    who = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    what = np.fromiter((item for one in lists for item in one), np.int64)
    starts = np.concatenate(([0], np.cumsum([len(one) for one in lists]))).astype(np.int64)
    plain = Histories(starts, what, np.zeros(len(who)), n_items, timed=False)
    return Histories(starts, what, -1.0 - plain.ages().astype(np.float64), n_items, timed=False)
