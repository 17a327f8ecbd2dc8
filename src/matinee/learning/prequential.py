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

from matinee.learning.histories import Floats, Ints, Times
from matinee.learning.metrics import KEPT, top_items
from matinee.learning.ranker import Lesson, learned, together
from matinee.learning.streams import Stream

JUDGED = 0.8  # from this share of the stream on events are questions
_TAUGHT = 0.45  # from this share on they are lessons of the ranker
_CHECKED = 0.72  # from this share on to the questions the lessons choose how many trees
_DRAWN = 60  # candidates that a lesson keeps of an event
_LESSONS_KEPT = 60_000
_ROUNDS = 200
_PACE = 0.1  # the learning rate: few trees, since they are learned often
TAUGHT_AGAIN = 2  # how often within the last fifth


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

    def __init__(self, stream: Stream, seed: int) -> None:
        self._stream = stream
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._lessons: list[tuple[int, Floats, Ints]] = []
        self._boosters: list[Any] = []
        self._rounds = _ROUNDS

    def answer(self, user: int, time: float) -> tuple[Ints, Floats, Floats]:
        """Candidates, what is told of them, and their scores (decayed counts of a day before anything was taught)."""
        items = self._stream.candidates(user, time)
        if not len(items):
            return items, np.empty((0, 1), np.float32), np.empty(0, np.float32)
        told = self._stream.features(user, time, items)
        if not self._boosters:
            return items, told, told[:, 2]
        scores = np.mean([booster.predict(told, num_threads=1) for booster in self._boosters], axis=0)
        return items, told, np.asarray(scores, np.float32)

    def collect(self, place: int, items: Ints, told: Floats, watched: int) -> None:
        """Keep an event as a lesson, if what was watched is among the candidates."""
        labels = (items == watched).astype(np.int64)
        if not labels.any():
            return
        drawn = self._random.choice(len(items), min(len(items), _DRAWN), replace=False)
        keep = np.union1d(drawn, np.flatnonzero(labels))
        self._lessons.append((place, told[keep], labels[keep]))
        del self._lessons[:-_LESSONS_KEPT]

    def choose_rounds(self, place: int) -> None:
        """How many trees: those that help most on the lessons from ``place`` on, taught from the ones before."""
        before = [one for one in self._lessons if one[0] < place]
        after = [one for one in self._lessons if one[0] >= place]
        if before and after:
            found = learned(_lesson(before), _ROUNDS, self._seed, _lesson(after), learning_rate=_PACE)
            self._rounds = max(int(found.best_iteration), 10)

    def teach(self) -> None:
        """Learn all lessons anew."""
        if self._lessons:
            self._boosters = [learned(_lesson(self._lessons), self._rounds, self._seed, learning_rate=_PACE)]

    @property
    def rounds(self) -> int:
        """How many trees it learns."""
        return self._rounds


def _lesson(lessons: list[tuple[int, Floats, Ints]]) -> Lesson:
    return together([Lesson(told, labels, np.array([len(labels)])) for _, told, labels in lessons])


def stream_answers(events: Events, stream: Stream, seed: int, say: Callable[[str], None] = lambda _: None) -> Answers:
    """Our own: the state of all events so far, and a ranker taught from the middle on."""
    apprentice = Apprentice(stream, seed)
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
        if place >= taught:
            items, told, scores = apprentice.answer(user, time)
            if place >= judged and len(items):
                best = np.argsort(-scores, kind="stable")[:KEPT]
                top[place - judged, : len(best)] = items[best]
            apprentice.collect(place, items, told, item)
        stream.learn(user, item, time, float(events.ratings[place]))
    return Answers(top, f"{apprentice.rounds} trees, taught {TAUGHT_AGAIN + 1} times")
