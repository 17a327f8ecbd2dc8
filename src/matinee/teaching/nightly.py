"""A report a night: how good yesterday's ranking was, on the service's own log. Kept 90 days.

Archive and log are replayed, streamed, up to yesterday's end; of its first watches at most ``QUESTIONS_MOST``, spread
evenly, are asked. Ranked is by the ranker that was made last before the day began, so that it learned nothing of it.
What takes longer than ``SECONDS_MOST`` is given up, and the report says so.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from matinee.catalogue.titles import Shelf
from matinee.ports import Clock
from matinee.recommender.archive import Archive
from matinee.recommender.candidates import Selections
from matinee.recommender.rankers import Ranker, Rankers
from matinee.taste.knowledge import Knowledge
from matinee.teaching import store
from matinee.teaching.lessons import Thinned, is_first_watch
from matinee.teaching.quality import AllTime, Asked, ask, differences, rows

QUESTIONS_MOST = 2_000
SECONDS_MOST = 1_800.0
KEPT = timedelta(days=90)

_log = structlog.get_logger()
_DAY = timedelta(days=1)
_ADULT = 18
_LOOK_EVERY = 1000


@dataclass(frozen=True, slots=True)
class DayReport:
    """A day's report. ``body`` is ``{plays, asked, left_out, profiles, ranker, sentence, rows, differences}``.

    ``rows`` are as ``matinee evaluate`` says them; there are none where nothing was asked.
    """

    day: str
    made_at: datetime
    body: Mapping[str, Any]


class Reports:
    """What is kept of the nights."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def last(self, days: int = 30) -> Sequence[DayReport]:
        """The reports of the last days, newest first."""
        since = day_of(self._clock.now() - timedelta(days=days))
        with self._engine.connect().execution_options(read_only=True) as connection:
            return [DayReport(*found) for found in store.read_reports(connection, since)]

    def has(self, day: str) -> bool:
        """Whether a day has its report."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            return store.has_report(connection, day)

    def keep(self, report: DayReport) -> None:
        """Keep a report, and let old ones go."""
        with self._engine.begin() as connection:
            store.write_report(connection, report.day, report.made_at, report.body)
            store.remove_reports(connection, day_of(self._clock.now() - KEPT))


class Nightly:
    """The reporter. Twice at once is harmless: both say the same."""

    def __init__(
        self,
        archive: Archive,
        clock: Clock,
        rankers: Rankers,
        reports: Reports,
        shelf: Callable[[], Shelf],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._archive = archive
        self._clock = clock
        self._rankers = rankers
        self._reports = reports
        self._shelf = shelf
        self._monotonic = monotonic

    def renew(self) -> DayReport | None:
        """Report on yesterday, as the schedule asks every hour; None if that was done."""
        day = day_of(self._clock.now() - _DAY)
        return None if self._reports.has(day) else self.report(day)

    def report(self, day: str) -> DayReport:
        """Report on a day. Unavailable if a part of the world does not answer."""
        begun, shelf = self._monotonic(), self._shelf()
        ranker = self._ranked(day)
        plays, left_out, asked, whole = self._replay(day, shelf, ranker, begun + SECONDS_MOST)
        selection = Selections().of(shelf, _ADULT)
        found = {
            "plays": plays,
            "asked": len(asked),
            "left_out": left_out,
            "profiles": len({one.profile_id for one in asked}),
            "ranker": ranker.version if ranker else 0,
            "sentence": _sentence(plays, len(asked), whole=whole),
            "rows": rows(asked, len(selection.titles)) if asked else [],
            "differences": differences(asked) if asked else {},
        }
        report = DayReport(day, self._clock.now(), found)
        self._reports.keep(report)
        _log.info("quality.reported", day=day, seconds=round(self._monotonic() - begun, 1), **found)
        return report

    def _ranked(self, day: str) -> Ranker | None:
        """The ranker made last before a day began, of those up to the one in force; None for the formula."""
        first = datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()
        version = self._rankers.version()
        while version:
            found = self._rankers.find(version)
            if found is not None and found.made_at <= first:
                return found
            version = self._rankers.before(version)
        return None

    def _replay(
        self, day: str, shelf: Shelf, ranker: Ranker | None, until: float
    ) -> tuple[int, int, Sequence[Asked], bool]:
        """First watches of the day, those that could not be asked, the questions; and whether time was enough."""
        knowledge, everybody, kept = Knowledge(), AllTime(), Thinned[Asked](QUESTIONS_MOST)
        selection, now = Selections().of(shelf, _ADULT), self._clock.now()
        trees, plays, left_out = ranker.trees if ranker else None, 0, 0
        for number, (_, event) in enumerate(self._archive.told(0, self._archive.log.end())):
            if number % _LOOK_EVERY == 0 and self._monotonic() > until:
                return plays, left_out, kept.kept, False
            at = day_of(event.time)
            # Days follow one another in the archive; a straggler of a later one is tomorrow's.
            if at > day:
                continue
            if is_first_watch(knowledge, event):
                if at == day:
                    plays += 1
                    if kept.wants():
                        asked = ask(knowledge, everybody, selection, event, trees)
                        left_out += asked is None
                        if asked is not None:
                            kept.keep(asked)
                everybody.count(getattr(event.facts, "title_id", ""))
            knowledge.learn(event, now)
        return plays, left_out, kept.kept, True


def day_of(time: datetime) -> str:
    """A time's day in UTC, as ``2026-01-31``."""
    return time.strftime("%Y-%m-%d")


def _sentence(plays: int, asked: int, *, whole: bool) -> str:
    if not whole:
        return (
            f"Given up after {SECONDS_MOST / 60:.0f} minutes: the log is longer than a night. {asked} plays were asked."
        )
    if not plays:
        return "Nobody watched anything new that day."
    return (
        f"{asked} of the day's {plays} first plays were asked." if asked else "None of that day's plays could be asked."
    )
