"""``audience``, a hundred thousand at once: the same people as arrays, and what is learned of them made directly.

Drawn by the same laws as ``audience`` (its constants are these), by numpy. Histories are folded event by event by the
code that serves; boards, traces and pairs, which do not grow with people, are counted at once: the same counts but for
pairs, of which each title has its strongest in place of those that were left when it had too many.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.audience import (
    DAYS,
    DURATION_SECONDS,
    MEDIAN_PLAYS,
    MOST_PLAYS,
    OWN_GENRES,
    REGIONS,
    SPREAD,
    WATCHED_SHARES,
    ZIPF,
)
from matinee.model.events import Event, PlaybackHeartbeat, PlaybackStarted
from matinee.taste.knowledge import Knowledge
from matinee.taste.titles import Titles
from matinee.taste.traces import HALF_LIVES_SECONDS, NEXT

_PAIRED = 100
_KEPT, _FOLLOWERS_KEPT = 256, 128
_AT_ONCE = 1000
_WHOLE = 20


@dataclass(frozen=True, slots=True)
class Crowd:
    """Plays in the order of profiles, each profile's oldest first; ``starts`` are where profiles begin, and the end.

    ``titles`` by place in ``title_ids``, ``at`` in seconds since 1970, ``regions`` by profile.
    """

    title_ids: Sequence[str]
    profile_ids: Sequence[str]
    starts: Any
    titles: Any
    at: Any
    shares: Any
    regions: Any

    def events(self, first: int = 0, last: int | None = None, beats: int = 1) -> Iterator[tuple[Event, float]]:
        """The events of some profiles, with their times: a start, then ``beats`` heartbeats a play."""
        for number in range(first, len(self.profile_ids) if last is None else last):
            begin, end, profile_id = self.starts[number], self.starts[number + 1], self.profile_ids[number]
            told = zip(
                self.titles[begin:end].tolist(),
                self.at[begin:end].tolist(),
                self.shares[begin:end].tolist(),
                strict=True,
            )
            for place, (title, at, share) in enumerate(told):
                ids = (f"{profile_id}-{place}", profile_id, self.title_ids[title])
                moment = datetime.fromtimestamp(at, UTC)
                if place == 0:
                    begun = PlaybackStarted(*ids, region=REGIONS[self.regions[number]])
                    yield Event(f"{ids[0]}-a", moment, "benchmark", begun), at
                for beat in range(beats):
                    # One tells of whole seconds; of more, none does.
                    odd = 0.0 if beats == 1 else title % 977 / 1000
                    position = share * DURATION_SECONDS * (beat + 1) / beats - odd
                    watched, later = share * DURATION_SECONDS / beats - odd / 7, at + 10.25 * beat
                    facts = PlaybackHeartbeat(*ids, position, watched, duration_seconds=DURATION_SECONDS)
                    yield Event(f"{ids[0]}-b{beat}", moment, "benchmark", facts), later


def crowd(genres: Sequence[tuple[str, Sequence[str]]], profile_ids: Sequence[str], seed: int, now: datetime) -> Crowd:
    """A crowd of titles, each given by its id and its genres."""
    chance = np.random.default_rng(seed)
    titles, people = len(genres), len(profile_ids)
    weights = np.empty(titles)
    weights[chance.permutation(titles)] = np.arange(1, titles + 1) ** -ZIPF
    names = sorted({name for _, mine in genres for name in mine})
    members = {name: [] for name in names}  # type: dict[str, list[int]]
    for place, (_, mine) in enumerate(genres):
        for name in mine:
            members[name].append(place)
    counts = np.clip(np.rint(MEDIAN_PLAYS * chance.lognormal(0.0, SPREAD, people)), 1, MOST_PLAYS).astype(int)
    own = np.argsort(chance.random((people, len(names))), axis=1)[:, :OWN_GENRES]
    who, what = [np.repeat(np.arange(people), counts - counts // 2)], []
    what.append(_drawn(np.arange(titles), weights, len(who[0]), chance))
    for place in range(own.shape[1]):
        wanted = (counts // 2 + place) // own.shape[1]
        for number, name in enumerate(names):
            fans = np.flatnonzero(own[:, place] == number)
            who.append(np.repeat(fans, wanted[fans]))
            what.append(_drawn(np.array(members[name]), weights, len(who[-1]), chance))
    pairs = np.unique(np.concatenate(who) * titles + np.concatenate(what))
    profiles, ages = pairs // titles, DAYS * 86_400 * chance.random(len(pairs)) ** 2
    order = np.lexsort((-ages, profiles))
    return Crowd(
        title_ids=[title_id for title_id, _ in genres],
        profile_ids=profile_ids,
        starts=np.searchsorted(profiles, np.arange(people + 1)),
        titles=(pairs % titles)[order],
        at=np.rint((now.timestamp() - ages[order]) * 1000) / 1000,
        shares=np.array(WATCHED_SHARES)[chance.integers(len(WATCHED_SHARES), size=len(pairs))],
        regions=chance.integers(len(REGIONS), size=people),
    )


def _drawn(among: Any, weights: Any, count: int, chance: np.random.Generator) -> Any:
    bounds = np.cumsum(weights[among])
    return among[np.minimum(np.searchsorted(bounds, chance.random(count) * bounds[-1]), len(among) - 1)]


def known(of: Crowd, beats: int = 1) -> Knowledge:
    """What is learned of a crowd."""
    knowledge = Knowledge(Titles(of.title_ids))
    for event, at in of.events(beats=beats):
        knowledge.histories.fold(event, at)
    _count(knowledge, of)
    return knowledge


def _count(knowledge: Knowledge, of: Crowd) -> None:
    """Everything but the histories."""
    titles, lengths = len(of.title_ids), np.diff(of.starts)
    where = np.repeat(of.regions, lengths)
    places = np.arange(len(of.titles)) - np.repeat(of.starts[:-1], lengths)
    watchers = np.bincount(of.titles, minlength=titles)
    pleased = np.bincount(of.titles[of.shares >= 1], minlength=titles)
    halves = (*HALF_LIVES_SECONDS, 14 * 86_400.0)
    overall = _levels(of.titles, of.at, titles, halves)
    regions = [_levels(of.titles[where == one], of.at[where == one], titles, halves) for one in range(len(REGIONS))]
    for boards, half in ((knowledge.popularity, 1), (knowledge.usual, 5)):
        by_region = {name: _board(of, levels[:, half]) for name, levels in zip(REGIONS, regions, strict=True)}
        boards.restore(_board(of, overall[:, half]), by_region)
    named = zip(of.title_ids, watchers.tolist(), pleased.tolist(), strict=True)
    knowledge.approval.restore({title_id: (people, liked) for title_id, people, liked in named if people})
    first_at, last_at = np.full(titles, np.inf), np.full(titles, -np.inf)
    np.minimum.at(first_at, of.titles, of.at)
    np.maximum.at(last_at, of.titles, of.at)
    earlier = np.bincount(of.titles, np.log1p(np.minimum(places, _PAIRED)), titles)
    newcomers = np.bincount(of.titles[places == 0], minlength=titles)
    knowledge.traces.restore(
        {
            "overall": overall[:, :5],
            "facts": [watchers, newcomers, earlier, first_at, last_at],
            "regions": {name: levels[:, :5] for name, levels in zip(REGIONS, regions, strict=True)},
            "next": _strongest(_followed(of, places), _FOLLOWERS_KEPT),
        }
    )
    back = np.repeat(of.starts[1:], lengths) - np.arange(len(of.titles))
    late = back <= _PAIRED
    cells = (np.ones(late.sum(), np.float32), (np.repeat(np.arange(len(lengths)), lengths)[late], of.titles[late]))
    watched = sp.csr_matrix(cells, (len(lengths), titles))
    knowledge.transitions.restore(watchers, _strongest(watched, _KEPT, square=True))


def _followed(of: Crowd, places: Any) -> sp.csr_matrix:
    rows, columns, weights = [], [], []
    for apart, weight in enumerate(NEXT, start=1):
        second = np.flatnonzero(places >= apart)
        rows.append(of.titles[second - apart])
        columns.append(of.titles[second])
        weights.append(np.full(len(second), round(weight * _WHOLE), np.float32))
    cells = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sp.csr_matrix(cells, (len(of.title_ids),) * 2)


def _strongest(cells: sp.csr_matrix, kept: int, *, square: bool = False) -> tuple[Any, Any, Any]:
    """Rows of pairs as ``Links`` takes them: the ``kept`` largest of each row of a matrix, or of its square."""
    sizes, others, counts = [], [], []
    for first in range(0, cells.shape[1], _AT_ONCE):
        some = slice(first, min(first + _AT_ONCE, cells.shape[1]))
        block = ((cells[:, some].T @ cells) if square else cells[some]).toarray()
        if square:
            block[np.arange(len(block)), np.arange(some.start, some.stop)] = 0
        best = np.argpartition(-block, kept, axis=1)[:, :kept]
        values = np.take_along_axis(block, best, axis=1)
        sizes.append((values > 0).sum(axis=1))
        others.append(best[values > 0])
        counts.append(values[values > 0])
    kinds = (np.concatenate(part).astype(np.uint32) for part in (sizes, others, counts))
    first_, second_, third_ = kinds
    return first_, second_, third_


def _levels(titles: Any, at: Any, count: int, half_lives: Sequence[float]) -> Any:
    levels = np.full((count, len(half_lives)), -np.inf)
    for column, half_life in enumerate(half_lives):
        latest = at.max() / half_life
        with np.errstate(divide="ignore"):
            levels[:, column] = np.log2(np.bincount(titles, np.exp2(at / half_life - latest), count)) + latest
    return levels


def _board(of: Crowd, levels: Any) -> dict[str, float]:
    held = zip(of.title_ids, levels.tolist(), strict=True)
    return {title_id: level for title_id, level in held if level > float("-inf")}
