"""One state that learns from each play at once: what a request a moment later is answered with.

Counts that decay at several half-lives, who watched what together and after what, who comes to an item first, and each
user's own history. All of it is updated by one play in a fraction of a millisecond and asked for a few hundred
candidates at a time; ``prequential`` learns a ranker over what is asked. Pairs weigh 2 ** (time / half-life) when they
are added, so that they fade against later ones without being touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from matinee.learning.histories import Floats, Ints, Times

_HOUR, _DAY = 3600.0, 86_400.0
HALF_LIVES = np.array([_HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY])
_PAIRS_FADE = 45 * _DAY
_TOGETHER = 30  # how many of a user's last items a new one is paired with
_NEXT = (1.0, 0.7, 0.5, 0.35, 0.25)  # what a pair weighs by how far apart the two are
_RECALLED = 20
# From which score how many candidates come.
_BY_HALF_LIFE = (50, 80, 100, 70, 60, 50)
_BY_COUNT, _BY_PAIRS, _BY_NEXT = 40, 80, 40
# What is popular is sought anew after so many plays or seconds; what is watched in between joins it.
_RENEWED, _RENEWED_SECONDS = 10, _HOUR / 2
NAMES = (
    *(f"count_{int(half / _HOUR)}h" for half in HALF_LIVES),
    "count",
    "trend_6h_3d",
    "trend_1d_7d",
    "trend_7d_30d",
    "rank_1d",
    "rank_7d",
    "age",
    "idle",
    "rating",
    "newcomers",
    "length_of_its_users",
    "together_1",
    "together_5",
    "together_20",
    "together_best",
    "likeness_20",
    "likeness_best",
    "next_1",
    "next_5",
    "year",
    "year_apart",
    "genres",
    "length",
    "since_last",
    "usual_count",
    "usual_age",
    "usual_rating",
    "hour",
)


@dataclass(slots=True)
class _Visitor:
    """A user's own history, and what he usually watches."""

    items: list[int] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    last: float = 0.0
    counts: float = 0.0  # sums of what his items were like when he watched them
    ages: float = 0.0
    ratings: float = 0.0
    years: float = 0.0
    genres: Floats | None = None


class Stream:
    """The state. ``years`` (0 where unknown) and ``genres`` (items by genres, rows summing to 1) are what is known."""

    def __init__(self, n_items: int, years: Floats | None = None, genres: Floats | None = None) -> None:
        self._now = 0.0
        self._decayed = np.zeros((len(HALF_LIVES), n_items))
        self._count = np.zeros(n_items)
        self._first = np.full(n_items, -1.0)
        self._last = np.zeros(n_items)
        self._ratings = np.zeros(n_items)
        self._newcomers = np.zeros(n_items)
        self._lengths = np.zeros(n_items)
        self._together = np.zeros((n_items, n_items), np.float32)
        self._next = np.zeros((n_items, n_items), np.float32)
        self._visitors: dict[int, _Visitor] = {}
        self._years = np.zeros(n_items) if years is None else years
        self._genres = genres
        self._began: float | None = None
        self._popular = np.zeros(n_items, bool)
        self._popular_since: tuple[int, float] = (0, -np.inf)
        self._learned = 0

    def learn(self, user: int, item: int, time: float, rating: float) -> None:
        """A user watched an item."""
        if self._began is None:
            self._began = self._now = time
        self._pass_time(time)
        visitor = self._visitors.setdefault(user, _Visitor())
        if item in visitor.seen:
            return
        if self._first[item] < 0:
            self._first[item] = time
        self._pair(visitor.items, item, np.float32(2.0 ** ((time - self._began) / _PAIRS_FADE)))
        self._remember(visitor, item, time, rating)
        self._decayed[:, item] += 1
        self._count[item] += 1
        self._ratings[item] += rating
        self._lengths[item] += np.log1p(len(visitor.items))
        self._newcomers[item] += len(visitor.items) == 1
        self._last[item] = time
        self._popular[item] = True
        self._learned += 1

    def _pass_time(self, time: float) -> None:
        if time > self._now:
            self._decayed *= np.exp2(-(time - self._now) / HALF_LIVES)[:, None]
            self._now = time

    def _pair(self, before: Sequence[int], item: int, weight: np.float32) -> None:
        recent = before[-_TOGETHER:]
        self._together[item, recent] += weight
        self._together[recent, item] += weight
        for lag, other in enumerate(reversed(before[-len(_NEXT) :])):
            self._next[other, item] += weight * np.float32(_NEXT[lag])

    def _remember(self, visitor: _Visitor, item: int, time: float, rating: float) -> None:
        visitor.counts += np.log1p(self._decayed[4, item])
        visitor.ages += np.log1p((time - self._first[item]) / _DAY)
        visitor.ratings += rating
        visitor.years += self._years[item]
        if self._genres is not None:
            mine = self._genres[item]
            visitor.genres = mine.copy() if visitor.genres is None else visitor.genres + mine
        visitor.items.append(item)
        visitor.seen.add(item)
        visitor.last = time

    def candidates(self, user: int, time: float) -> Ints:
        """A few hundred items that a user has not seen and may watch now, in the order of their numbers."""
        self._pass_time(time)
        visitor = self._visitors.get(user, _Visitor())
        found = self._renewed(time).copy()
        if visitor.items:
            known = np.sqrt(self._count + 3)
            recent = visitor.items[-_RECALLED:]
            weights = (1 / known[recent]).astype(np.float32)
            found[_best((weights @ self._together[recent]) / known, _BY_PAIRS)] = True
            found[_best(self._next[recent[-3:]].sum(axis=0) / known, _BY_NEXT)] = True
            found[visitor.items] = False
        return np.flatnonzero(found)

    def _renewed(self, time: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """What is popular by any half-life, as a mask."""
        learned, then = self._popular_since
        if self._learned - learned >= _RENEWED or time - then > _RENEWED_SECONDS:
            self._popular_since = (self._learned, time)
            self._popular[:] = False
            for score, count in zip((*self._decayed, self._count), (*_BY_HALF_LIFE, _BY_COUNT), strict=True):
                self._popular[_best(score, count)] = True
        return self._popular

    def features(self, user: int, time: float, items: Ints) -> Floats:
        """Items by ``NAMES``: what a ranker is told of each of them, now, for this user."""
        self._pass_time(time)
        visitor = self._visitors.get(user, _Visitor())
        decayed = self._decayed[:, items]
        count = self._count[items]
        age = np.maximum(time - self._first[items], 0) / _DAY
        told = [
            *np.log1p(decayed),
            np.log1p(count),
            np.log((decayed[1] + 0.1) / (decayed[3] / 12 + 0.1)),
            np.log((decayed[2] + 0.3) / (decayed[4] / 7 + 0.3)),
            np.log((decayed[4] + 1) / (decayed[5] * 7 / 30 + 1)),
            _ranks(decayed[2]),
            _ranks(decayed[4]),
            age,
            np.log1p(time - self._last[items]),
            self._ratings[items] / np.maximum(count, 1),
            (self._newcomers[items] + 0.3) / (count + 1),
            self._lengths[items] / np.maximum(count, 1),
            *self._pairs(visitor, items, count, np.float32(2.0 ** ((time - (self._began or time)) / _PAIRS_FADE))),
            self._years[items],
            *self._taste(visitor, items),
            *self._habits(visitor, time, len(items)),
        ]
        return np.stack(told, axis=1).astype(np.float32)

    def _pairs(self, visitor: _Visitor, items: Ints, count: Times, today: np.float32) -> list[Floats]:
        if not visitor.items:
            return [np.zeros(len(items), np.float32)] * 8
        recent = visitor.items[: -_RECALLED - 1 : -1]
        together = self._together[np.ix_(np.array(recent), items)] / today
        like = together / np.sqrt((self._count[recent][:, None] + 3) * (count[None, :] + 3))
        after = self._next[np.ix_(np.array(recent[:5]), items)] / today
        after /= np.sqrt(self._count[recent[:5]] + 1)[:, None]
        return [
            together[0],
            together[:5].sum(axis=0),
            together.sum(axis=0),
            together.max(axis=0),
            like.sum(axis=0),
            like.max(axis=0),
            after[0],
            (after * np.array(_NEXT[: len(after)], np.float32)[:, None]).sum(axis=0),
        ]

    def _taste(self, visitor: _Visitor, items: Ints) -> list[Floats]:
        seen = len(visitor.items)
        years = self._years[items]
        apart = years - visitor.years / seen if seen else np.zeros(len(items))
        if self._genres is None or visitor.genres is None:
            return [apart, np.zeros(len(items), np.float32)]
        return [apart, self._genres[items] @ (visitor.genres / seen)]

    @staticmethod
    def _habits(visitor: _Visitor, time: float, many: int) -> list[Floats]:
        seen = max(len(visitor.items), 1)
        said = (
            len(visitor.items),
            np.log1p(time - visitor.last) if visitor.items else -1,
            visitor.counts / seen,
            visitor.ages / seen,
            visitor.ratings / seen,
            time % _DAY / _HOUR,
        )
        return [np.full(many, value, np.float32) for value in said]


def _best(scores: Times | Floats, count: int) -> Ints:
    count = min(count, len(scores))
    found = np.argpartition(-scores, count - 1)[:count]
    return found[scores[found] > 0]


def _ranks(scores: Times) -> Times:
    places = np.empty(len(scores))
    places[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return places
