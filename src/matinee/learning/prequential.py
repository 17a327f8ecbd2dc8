"""Predict each event, then learn it: the protocol that is closest to serving.

The stream is told event by event. In its last fifth every event is a question, asked before it is learned: which item
does this user watch now? Nothing that lies after the question is known to anybody: popularity counts, the state of
``Stream`` and the ranker all end at the event before. The middle of the stream teaches the ranker; it is taught again
as the last fifth goes on, always from what has been by then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from matinee.boosting import Groups, boosted, joined
from matinee.learning.histories import Floats, Ints, Times
from matinee.learning.metrics import KEPT, top_items
from matinee.learning.streams import Stream

JUDGED = 0.8  # from this share of the stream on events are questions
_TAUGHT = 0.5  # from this share on they are lessons of the ranker
_CHECKED = 0.72  # from this share on to the questions the lessons choose how many trees
_DRAWN = 50  # candidates that a lesson keeps of an event
_ROUNDS = 200
_PACE = 0.1  # the learning rate: few trees, since they are learned often
TAUGHT_AGAIN = 1  # how often within the last fifth


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Parallel arrays in the order of time."""

    users: Ints
    items: Ints
    times: Times
    ratings: Floats
    n_items: int

    def __len__(self) -> int:
        """How many there are."""
        return len(self.items)

    @property
    def first_question(self) -> int:
        """The first event that is asked for."""
        return int(len(self) * JUDGED)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The items shown for each question, best first (-1 where there are no more)."""

    top: Ints
    chosen: str


def popularity_answers(events: Events, half_lives: tuple[float, ...], name: str) -> Answers:
    """Decayed counts (all-time for infinity), the half-life chosen on the events just before the questions."""
    begin, middle = int(len(events) * _CHECKED), events.first_question
    best, found = -1.0, half_lives[0]
    if len(half_lives) > 1:
        for half_life in half_lives:
            top = _counted(events, half_life, begin, middle)
            hits = float((top[:, :10] == events.items[begin:middle, None]).any(axis=1).mean())
            if hits > best:
                best, found = hits, half_life
    chosen = f"half-life {found:g}" if np.isfinite(found) else name
    return Answers(_counted(events, found, middle, len(events)), chosen)


def _counted(events: Events, half_life: float, begin: int, end: int) -> Ints:
    counts = np.zeros(events.n_items)
    seen: dict[int, list[int]] = {}
    now = events.times[0]
    top = np.full((end - begin, KEPT), -1, np.int64)
    for place in range(end):
        user, item, time = int(events.users[place]), int(events.items[place]), float(events.times[place])
        if place >= begin:
            scores = np.where(counts > 0, counts, -np.inf)
            scores[seen.get(user, [])] = -np.inf
            best = top_items(scores[None, :], KEPT)[0]
            top[place - begin, : len(best)] = best
        if np.isfinite(half_life) and time > now:
            counts *= 0.5 ** ((time - now) / half_life)
            now = time
        counts[item] += 1
        seen.setdefault(user, []).append(item)
    return top


class Apprentice:
    """The ranker over a stream: collects lessons from events, is taught, ranks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._lessons: list[tuple[int, Groups]] = []
        self._booster: Any = None
        self._rounds = _ROUNDS

    def ranked(self, told: Floats) -> Ints:
        """The rows' places, best first, as the trees rank them (decayed counts of a day before anything was taught)."""
        scores = told[:, 2] if self._booster is None else self._booster.predict(told, num_threads=1)
        return np.argsort(-scores, kind="stable")

    def collect(self, place: int, told: Floats, watched: Ints) -> None:
        """Keep an event as a lesson: what was watched (1, others 0) and some of the other candidates."""
        drawn = self._random.choice(len(told), min(len(told), _DRAWN), replace=False)
        kept = np.union1d(drawn, np.flatnonzero(watched))
        self._lessons.append((place, Groups(told[kept], watched[kept], np.array([len(kept)]))))

    def choose_rounds(self, place: int) -> None:
        """How many trees: those that help most on the lessons from ``place`` on, taught from the ones before."""
        before, after = ([one for at, one in self._lessons if (at < place) == first] for first in (True, False))
        if before and after:
            found = boosted(joined(before), _ROUNDS, self._seed, joined(after), learning_rate=_PACE)
            self._rounds = max(int(found.best_iteration), 10)

    def teach(self) -> None:
        """Learn all lessons anew."""
        if self._lessons:
            lessons = joined([one for _, one in self._lessons])
            self._booster = boosted(lessons, self._rounds, self._seed, learning_rate=_PACE)

    @property
    def rounds(self) -> int:
        """How many trees it learns."""
        return self._rounds


def stream_answers(events: Events, stream: Stream, seed: int, say: Callable[[str], None] = lambda _: None) -> Answers:
    """Our own: the state of all events so far, and a ranker taught from the middle on."""
    apprentice = Apprentice(seed)
    taught, checked, judged = int(len(events) * _TAUGHT), int(len(events) * _CHECKED), events.first_question
    again = {judged + (len(events) - judged) * part // (TAUGHT_AGAIN + 1) for part in range(1, TAUGHT_AGAIN + 1)}
    top = np.full((len(events) - judged, KEPT), -1, np.int64)
    for place in range(len(events)):
        user, item, time = int(events.users[place]), int(events.items[place]), float(events.times[place])
        if place == judged:
            say(f"prequential: the ranker is taught at event {place:,}")
            apprentice.choose_rounds(checked)
            apprentice.teach()
        elif place in again:
            say(f"prequential: the ranker is taught again at event {place:,}")
            apprentice.teach()
        items = stream.candidates(user, time) if place >= taught else np.empty(0, np.int64)
        watched = (items == item).astype(np.int64)
        if watched.any() or (place >= judged and len(items)):
            told = stream.features(user, time, items)
            if place >= judged:
                best = items[apprentice.ranked(told)[:KEPT]]
                top[place - judged, : len(best)] = best
            if watched.any():
                apprentice.collect(place, told, watched)
        stream.learn(user, item, time, float(events.ratings[place]))
    return Answers(top, f"{apprentice.rounds} trees, taught {TAUGHT_AGAIN + 1} times")
