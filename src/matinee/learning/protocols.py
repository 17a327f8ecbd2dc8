"""How models are asked and judged: what they may learn from, what they are asked, what the answer is.

A split holds all three. Choices are made on a validation split, whose targets lie before the test's; the test's targets
are looked at once, for the table.
"""

from dataclasses import dataclass

import numpy as np

from matinee.learning.histories import Histories, Ints, Queries

LEAST_OF_STRONG = 5  # Liang et al. 2018, section 4.1: users with fewer interactions are left out
FOLDED_IN = 0.8
_HELD_OUT_SHARE = 10  # one in ten users is held out for validation, one in ten for the test …
_HELD_OUT_MOST = 10_000  # … at most so many, as for MovieLens 20M
_MOST_SPLITS = 5  # of validation: each model is learned once for each
_CHOOSING = 300  # queries of validation, if the users who are not the test's allow, so that a choice is no accident


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """``targets`` has a row for each query: what it is judged by."""

    learn: Histories
    queries: Queries
    targets: Histories

    def of(self, rows: Ints) -> "Split":
        """The same with some of the queries."""
        return Split(self.learn, self.queries.of(rows), self.targets.of(rows))


def leave_last(histories: Histories, back: int = 0) -> Split:
    """Leave-one-out: each user's last interaction is the target, all before it are learned and asked with.

    ``back`` 0 is the test; 1 the validation, whose target is the interaction before the test's, which nothing sees;
    2 one before that. Users without an earlier interaction are learned from and not asked.
    """
    whole = histories.without_last(back)
    asked = np.flatnonzero(whole.lengths >= 2)  # noqa: PLR2004 - one to ask with, one to ask for
    learn, targets = whole.without_last(1), whole.last(1).of(asked)
    return Split(learn, Queries(learn.of(asked), targets.times), targets)


def walked(histories: Histories, back: int, places: int) -> tuple[Split, ...]:
    """Lessons of leave-one-out that share what is learned: all but each user's last ``back + places`` interactions.

    Each of the ``places`` before the last ``back`` is asked for in turn, the newest first, with everything before it:
    a history that goes on after its model was learned, as histories of a running service do. Where there are no times,
    every question comes right after what was learned.
    """
    whole = histories.without_last(back)
    learn = whole.without_last(places)
    found = []
    for place in range(places):
        split = leave_last(whole, place)
        times = split.queries.times if histories.timed else np.full(len(split.queries), -float(back + places))
        found.append(Split(learn, Queries(split.queries.histories, times), split.targets))
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Strong:
    """Users are learned from, or held out for validation, or for the test.

    The first of ``validation`` is the usual tenth, which the test does not learn from. Where that is few users, the
    further ones are other tenths of all users but the test's. ``others`` are those users.
    """

    validation: tuple[Split, ...]
    test: Split
    others: Histories


def strong_generalisation(histories: Histories, seed: int) -> Strong:
    """Liang et al. (WWW 2018): held-out users, four fifths of whose items are folded in and the rest asked for.

    Users with fewer than five interactions are left out, and of the held-out users' items those that nobody learned
    from has watched. The folded fifth is drawn at random, by the seed.
    """
    random = np.random.default_rng(seed)
    able = np.flatnonzero(histories.lengths >= LEAST_OF_STRONG)
    drawn = able[random.permutation(len(able))]
    held = min(len(drawn) // _HELD_OUT_SHARE, _HELD_OUT_MOST)
    learn = histories.of(np.sort(drawn[2 * held :]))
    known = learn.counts() > 0
    first, test = (
        _folded(histories.of(np.sort(some)), learn, known, random) for some in (drawn[:held], drawn[held : 2 * held])
    )
    others = histories.of(np.sort(np.concatenate((drawn[:held], drawn[2 * held :]))))
    more = min(_CHOOSING // max(held, 1), _MOST_SPLITS) - 1
    further = groups_held_out(others, more, held / others.n_users, seed + 1) if held and more > 0 else ()
    return Strong((first, *further), test, others)


def groups_held_out(histories: Histories, groups: int, share: float, seed: int) -> tuple[Split, ...]:
    """Splits for lessons: ``groups`` disjoint groups of users, a ``share`` of all each, held out as ``Strong`` does."""
    random = np.random.default_rng(seed)
    drawn = random.permutation(histories.n_users)
    size = int(histories.n_users * share)
    splits = []
    for group in range(groups):
        out = np.sort(drawn[group * size : (group + 1) * size])
        rest = np.setdiff1d(np.arange(histories.n_users), out)
        learn = histories.of(rest)
        splits.append(_folded(histories.of(out), learn, learn.counts() > 0, random))
    return tuple(splits)


def _folded(users: Histories, learn: Histories, known: np.ndarray, random: np.random.Generator) -> Split:
    users = users.part(known[users.items])
    owners = users.owners()
    # A random order within each user; the first fifth of it is asked for.
    order = np.lexsort((random.random(len(owners)), owners))
    place = np.empty(len(owners), np.int64)
    place[order] = np.arange(len(owners)) - np.repeat(users.starts[:-1], users.lengths)
    asked_for = place < np.repeat(users.lengths - np.ceil(users.lengths * FOLDED_IN).astype(np.int64), users.lengths)
    targets, folded = users.part(asked_for), users.part(~asked_for)
    rows = np.flatnonzero((targets.lengths > 0) & (folded.lengths > 0))
    newest = np.array([users.times[users.starts[row + 1] - 1] for row in rows], np.float64)
    return Split(learn, Queries(folded.of(rows), newest), targets.of(rows))
