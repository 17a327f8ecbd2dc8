"""What players tell: events that others learn from, positions to go on from, and samples of quality.

A batch is accepted whole or not at all, and accepted means durable: it stands in the event log. What follows from it
here (positions, samples, who plays where) is written when the log hands it to ``Telemetry.apply``, in a worker.
"""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import Counter

from matinee.accounts.members import Accounts
from matinee.model.errors import Invalid
from matinee.model.events import Event, MemberForgotten, WatchForgotten
from matinee.model.ids import is_id
from matinee.playback import cmcd, qoe, store
from matinee.playback.effects import effects_of, sample_row
from matinee.playback.intake import PLAYBACK_FACTS, PLAYBACK_TYPES, PROFILE_TYPES, event_of, read_sent
from matinee.playback.ownership import Ownership
from matinee.ports import Clock, EventLog

_log = structlog.get_logger()
_EVENTS = Counter("matinee_events", "Client events by type.", ["type"])
_REPEATED = Counter("matinee_events_repeated", "Client events that had come before.")
_REPORTS = Counter("matinee_cmcd_reports", "CMCD reports by what became of them.", ["outcome"])

MOST_EVENTS = 500
_SAMPLES_KEPT = timedelta(hours=48)
_SAMPLES_A_PLAYBACK = 5000
_FIRST_BYTES_READ = 20_000
_SUMMARY_CACHE = timedelta(seconds=5)
_CLEANING = timedelta(minutes=10)
_RESPONSE = "rr"
_KEPT_DIGITS = "0123"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch: how many events were new, and how many had come before."""

    accepted: int
    repeated: int


@dataclass(frozen=True, slots=True)
class AcceptedReports:
    """What became of CMCD lines: kept, of a playback nobody started, and not readable."""

    accepted: int
    unknown: int
    malformed: int


class Telemetry:
    """The shell around what players tell. Threads share it. Summaries are read from ``lagging``, which may lag."""

    def __init__(
        self, engine: sa.Engine, log: EventLog, clock: Clock, accounts: Accounts, lagging: sa.Engine | None = None
    ) -> None:
        self._engine = engine
        self._lagging = lagging or engine
        self._log = log
        self._clock = clock
        self._ownership = Ownership(engine, accounts, clock)
        self._lock = Lock()
        self._cleaned = clock.now()
        self._summary: tuple[datetime, qoe.QoeSummary] | None = None

    def accept(self, member_id: str, batch: Sequence[Mapping[str, Any]]) -> Accepted:
        """Keep a member's events: ``{id, type, time, …facts}`` each, the facts flat or under ``facts``.

        Invalid, naming the event by its place from zero, if any cannot be read; NotFound if any is about a playback or
        a profile that is not the member's. ``profile_id`` and ``title_id`` of playback events are filled in.

        A time in the future is taken as now, so that a fast clock neither loses a history nor blocks positions. A time
        more than 30 days ago is refused.
        """
        if len(batch) > MOST_EVENTS:
            raise Invalid(f"A batch holds {len(batch)} events; {MOST_EVENTS} is the most.")
        now = self._clock.now()
        sent = [read_sent(place, values, now) for place, values in enumerate(batch)]
        if not sent:
            return Accepted(0, 0)
        about = {str(one.values.get("playback_id")) for one in sent if one.type in PLAYBACK_TYPES}
        owners = self._ownership.playbacks(about) if about else {}
        wanted = frozenset(str(one.values.get("profile_id")) for one in sent if one.type in PROFILE_TYPES)
        profiles = self._ownership.profiles(member_id, wanted) if wanted else wanted
        events = [event_of(one, member_id, owners, profiles) for one in sent]
        count = self._log.append(events)
        for kind, number in Tally(one.type for one in sent).items():
            _EVENTS.labels(kind).inc(number)
        _REPEATED.inc(len(events) - count)
        _log.debug("events.accepted", member_id=member_id, accepted=count, repeated=len(events) - count)
        return Accepted(accepted=count, repeated=len(events) - count)

    def apply(self, events: Sequence[Event]) -> None:
        """Write what follows from recorded events, all of it or nothing; doing it twice is doing it once."""
        about = {event.facts.playback_id for event in events if isinstance(event.facts, PLAYBACK_FACTS)}
        forgotten = [event.facts for event in events if isinstance(event.facts, MemberForgotten | WatchForgotten)]
        if not about and not forgotten:
            return
        now = self._clock.now()
        with self._engine.begin() as connection:
            effects = effects_of(events, store.read_owners(connection, about), now)
            store.write_positions(connection, effects.positions)
            store.mark_seen(connection, effects.seen)
            store.write_samples(connection, effects.samples)
            for facts in forgotten:
                # What was accepted before the word was given may have come here after it.
                until = datetime.fromtimestamp(facts.until_seconds, UTC)
                store.forget_history(connection, facts.profile_id, until, getattr(facts, "title_id", None))
            self._clean(connection, now)

    def accept_cmcd(self, body: bytes) -> AcceptedReports:
        """Keep CMCD reports, one a line, whose ``sid`` is a playback's id; others are counted and passed over."""
        reports, malformed = cmcd.read_reports(body)
        now = self._clock.now()
        ids = {report.session_id for report in reports if is_id(report.session_id)}
        kept = 0
        if ids:
            with self._engine.begin() as connection:
                owners = store.read_owners(connection, ids)
                kept = self._follow(connection, reports, owners, now)
                self._clean(connection, now)
        answer = AcceptedReports(accepted=kept, unknown=len(reports) - kept, malformed=malformed)
        for outcome, number in asdict(answer).items():
            _REPORTS.labels(outcome).inc(number)
        return answer

    def qoe_summary(self, hours: float = 24.0) -> qoe.QoeSummary:
        """How well people watched in the last hours (48 at most), over all and by edge; at most five seconds old."""
        hours = min(hours, _SAMPLES_KEPT.total_seconds() / 3600)
        now = self._clock.now()
        with self._lock:
            known = self._summary
        if known and known[1].hours == hours and now - known[0] < _SUMMARY_CACHE:
            return known[1]
        after = now - timedelta(hours=hours)
        with self._lagging.connect().execution_options(read_only=True) as connection:
            shares = [qoe.Share(**row) for row in store.read_shares(connection, after)]
            first_bytes = store.read_first_bytes(connection, after, _FIRST_BYTES_READ)
            started = store.count_playbacks(connection, after)
        summary = qoe.summarise(shares, first_bytes, hours, started)
        with self._lock:
            self._summary = (now, summary)
        return summary

    def _follow(
        self,
        connection: sa.Connection,
        reports: Sequence[cmcd.Report],
        owners: Mapping[str, Mapping[str, Any]],
        now: datetime,
    ) -> int:
        """Keep the reports of known playbacks as what each adds to the ones before; returns how many."""
        courses = {
            playback_id: qoe.Course(**{name: row[name] for name in qoe.Course.__slots__})
            for playback_id, row in store.read_courses(connection, owners).items()
        }
        told = [
            (_sample_of_report(report, owners[report.session_id]["edge_id"], now), report)
            for report in reports
            if report.session_id in owners
        ]
        rows, kept = [], 0
        for sample, report in sorted(told, key=lambda each: each[0].time):
            course = courses.setdefault(sample.playback_id, qoe.Course())
            if course.reports >= _SAMPLES_A_PLAYBACK:
                continue
            kept += 1
            if not _thinned_out(report):
                rows.append(sample_row(f"cmcd:{sample.playback_id}:{report.digest}", course.increment(sample)))
        store.write_samples(connection, rows)
        return kept

    def _clean(self, connection: sa.Connection, now: datetime) -> None:
        with self._lock:
            if now - self._cleaned < _CLEANING:
                return
            self._cleaned = now
        store.drop_samples(connection, now - _SAMPLES_KEPT)


def _thinned_out(report: cmcd.Report) -> bool:
    """A player tells of every response; of those that went well a quarter is enough for a percentile."""
    well = report.status is None or report.status < 400  # noqa: PLR2004 - HTTP's own number
    return report.event == _RESPONSE and well and report.digest[0] not in _KEPT_DIGITS


def _sample_of_report(report: cmcd.Report, edge_id: str, now: datetime) -> qoe.Sample:
    time = report.time if report.time is not None and now - _SAMPLES_KEPT < report.time <= now else now
    told = {name: getattr(report, name) for name in _REPORTED}
    return qoe.Sample(
        playback_id=report.session_id,
        time=time,
        source=qoe.CMCD,
        kind=report.event,
        edge_id=report.edge_id or edge_id,
        **told,
    )


_REPORTED = frozenset(qoe.Sample.__slots__) & frozenset(cmcd.Report.__slots__) - {"time", "edge_id"}
