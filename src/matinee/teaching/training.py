"""Teaches a ranker from the service's own log, and lets it in only after a shadow replay.

Archive and log are replayed, streamed, into knowledge of its own. From the middle on first watches are lessons; those
of the last tenth are questions that the new ranker, the one in force and what is trending answer for comparison. A
ranker that is worse than the one in force beyond the interval of the paired difference stays out.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from random import Random
from typing import Any

import structlog

from matinee.catalogue.titles import Shelf
from matinee.ports import Clock, EventLog
from matinee.recommender.archive import Archive
from matinee.recommender.candidates import Selections
from matinee.recommender.features import NAMES
from matinee.recommender.rankers import Rankers
from matinee.taste.comparison import Difference, compared, gain, hit
from matinee.taste.knowledge import Knowledge
from matinee.taste.trees import Lesson, Trees, taught
from matinee.teaching.lessons import Question, Thinned, is_first_watch, question

_log = structlog.get_logger()
_TAUGHT = 0.5
_JUDGED = 0.9
_LESSONS_MOST = 12_000
_QUESTIONS_MOST = 3_000
_AGAIN = timedelta(days=1)
_ADULT = 18


@dataclass(frozen=True, slots=True)
class Least:
    """What there must be to teach and to judge by; with less, the formula stays."""

    lessons: int = 300
    questions: int = 50


@dataclass(frozen=True, slots=True)
class Report:
    """What a try found. Scores are by name (``candidate``, ``in_force``, ``trending``), differences to those two."""

    at: str
    position: int
    lessons: int
    questions: int
    scores: dict[str, dict[str, float]]
    differences: dict[str, dict[str, Difference]]
    version: int
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class Training:
    """The learner. Twice at once is harmless: the later of two equals is in force."""

    def __init__(
        self,
        archive: Archive,
        log: EventLog,
        clock: Clock,
        rankers: Rankers,
        shelf: Callable[[], Shelf],
        least: Least | None = None,
    ) -> None:
        self._archive = archive
        self._log = log
        self._clock = clock
        self._rankers = rankers
        self._shelf = shelf
        self._least = least or Least()

    def renew(self) -> Report | None:
        """Try again if the last try is a day old, as the schedule asks every hour; the report, None if it is not."""
        last, now = self._rankers.last().get("at"), self._clock.now()
        if isinstance(last, str) and last > (now - _AGAIN).isoformat():
            return None
        return self.train()

    def train(self) -> Report:
        """Teach a ranker and let it in if it is not worse. Unavailable if a part of the world does not answer."""
        begun, now = time.perf_counter(), self._clock.now()
        position, lessons, questions = self._replay()
        report = self._judge(now.isoformat(), position, lessons, questions)
        self._rankers.note(report.to_json())
        seconds = round(time.perf_counter() - begun, 1)
        _log.info("ranker.trained", seconds=seconds, **report.to_json())
        return report

    def _replay(self) -> tuple[int, Sequence[Lesson], Sequence[Question]]:
        """The end of the log, the lessons and the questions in it."""
        knowledge, now, end = Knowledge(), self._clock.now(), self._log.end()
        selection = Selections().of(self._shelf(), _ADULT)
        first, last = int(end * _TAUGHT), int(end * _JUDGED)
        lessons, questions = Thinned[Lesson](_LESSONS_MOST), Thinned[Question](_QUESTIONS_MOST)
        random = Random(0)  # noqa: S311 - the same log gives the same lessons
        for place, event in self._archive.told(0, end):
            if place > first and event.time <= now and is_first_watch(knowledge, event):
                wanted = (questions if place > last else lessons).wants()
                asked = question(knowledge, selection, event) if wanted else None
                if asked is not None and place > last:
                    questions.keep(asked)
                elif asked is not None and (lesson := asked.lesson(random)) is not None:
                    lessons.keep(lesson)
            knowledge.learn(event, now)
        return end, lessons.kept, questions.kept

    def _judge(self, at: str, position: int, lessons: Sequence[Lesson], questions: Sequence[Question]) -> Report:
        if len(lessons) < self._least.lessons or len(questions) < self._least.questions:
            sentence = (
                f"Too little to learn from: {len(lessons)} lessons and {len(questions)} questions, of at least "
                f"{self._least.lessons} and {self._least.questions}. What ranks now stays."
            )
            return Report(at, position, len(lessons), len(questions), {}, {}, 0, sentence)
        standing = self._rankers.in_force()
        trees = taught(lessons, NAMES)
        scores, differences = shadow(questions, trees, standing.trees if standing else None)
        named = f"version {standing.version}" if standing else "the formula"
        worse = any(one.worse for one in differences["in_force"].values())
        said = ", ".join(
            f"{name} {one.mean:+.4f} [{one.low:+.4f} to {one.high:+.4f}]"
            for name, one in differences["in_force"].items()
        )
        self._rankers.keep_candidate(trees, self._clock.now().timestamp(), {"scores": scores})
        if self._rankers.held():
            sentence = (
                f"Switched off: what was taught is kept as the candidate, and {named} ranks on. Against it, over "
                f"{len(questions)} plays: {said}."
            )
            return Report(at, position, len(lessons), len(questions), scores, differences, 0, sentence)
        if worse:
            sentence = f"Kept out: worse than {named} over {len(questions)} plays ({said})."
            return Report(at, position, len(lessons), len(questions), scores, differences, 0, sentence)
        found = {"lessons": len(lessons), "questions": len(questions), "position": position, "scores": scores}
        kept = {key: {name: asdict(one) for name, one in of.items()} for key, of in differences.items()}
        ranker = self._rankers.admit(trees, self._clock.now().timestamp(), {**found, "differences": kept})
        sentence = f"Version {ranker.version} is let in: against {named} over {len(questions)} plays {said}."
        return Report(at, position, len(lessons), len(questions), scores, differences, ranker.version, sentence)


def shadow(
    questions: Sequence[Question], candidate: Trees, standing: Trees | None
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, Difference]]]:
    """Hits and NDCG among ten of the candidate, the one in force (None: the formula) and trending; and differences."""
    places = {
        "candidate": [one.place(candidate) for one in questions],
        "in_force": [one.place(standing) for one in questions],
        "trending": [one.trending for one in questions],
    }
    measured = {
        name: {"hr@10": [hit(place) for place in of], "ndcg@10": [gain(place) for place in of]}
        for name, of in places.items()
    }
    scores = {
        name: {measure: sum(values) / len(values) for measure, values in of.items()} for name, of in measured.items()
    }
    differences = {
        name: {measure: compared(values, measured[name][measure]) for measure, values in measured["candidate"].items()}
        for name in ("in_force", "trending")
    }
    return scores, differences
