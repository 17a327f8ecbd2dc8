"""What runs when: the table below is the whole of it.

Every worker has the same table. For each entry one of them holds a lease in the database and renews it; the others
stand by. A worker that ends gives its leases back, one that dies loses them within ``LEASE_SECONDS``, and another goes
on from there. An entry may run once too often when the lease changes hands, so running it twice is running it once.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

import structlog
from prometheus_client import Counter, Gauge

from matinee.accounts.members import Accounts
from matinee.delivery.edges import Edges
from matinee.delivery.network import Network
from matinee.delivery.plans import Planner
from matinee.encodes.pipeline import Pipeline
from matinee.experiments.gathering import Gathering
from matinee.model.errors import Unavailable
from matinee.playback.growing import GrowingPlaylists
from matinee.ports import Leases, Relay
from matinee.recommender.artefacts import Artefacts
from matinee.recommender.upkeep import Upkeep
from matinee.sources.sources import Sources
from matinee.teaching.training import Training


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that runs again and again: ``every_seconds`` from start to start, never twice at once."""

    name: str
    every_seconds: float
    function: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Periods:
    """What an operator may choose: how often plans are made (0: never), how long a key signs (0: for ever).

    ``playbacks_seconds`` is how long a playback may live that nobody renews.
    """

    plans_seconds: float = 60.0
    keys_seconds: float = 0.0
    playbacks_seconds: float = 0.0


def entries(
    relay: Relay,
    accounts: Accounts,
    edges: Edges,
    sources: Sources,
    encodes: Pipeline,
    network: Network,
    planner: Planner,
    gathering: Gathering,
    growing: GrowingPlaylists,
    periods: Periods,
) -> tuple[Entry, ...]:
    """What runs by the clock but for what is learned."""

    def sweep() -> None:
        while relay.forward(_SWEEP) == _SWEEP:
            pass

    def outgrow() -> None:
        growing.sweep(timedelta(seconds=max(periods.playbacks_seconds, _DAY_SECONDS)))

    def rotate() -> None:
        network.keys.rotate_if_due(periods.keys_seconds)

    return (
        # Whoever accepts events also carries them into the log; this finds those of a process that died in between.
        Entry("relay", every_seconds=1.0, function=sweep),
        # An edge that dies says nothing: somebody must notice, also while nobody presses play.
        Entry("silent-edges", every_seconds=1.0, function=edges.notice_silence),
        Entry("expired-sessions", every_seconds=3600.0, function=accounts.forget_expired),
        # Mezzanines that were promised and never came, or came and were never taken in.
        Entry("expired-sources", every_seconds=3600.0, function=sources.expire),
        # What encodes kept in the object store to go on from, when nothing will.
        Entry("ended-encodes", every_seconds=3600.0, function=encodes.sweep),
        # What grew while its film was encoded, a day after the whole film took its place.
        Entry("outgrown-revisions", every_seconds=3600.0, function=outgrow),
        # Revocations that have ended by themselves, purges of long ago.
        Entry("ended-orders", every_seconds=3600.0, function=network.tidy),
        # A new key once the newest is old; keys that have retired go.
        Entry("keys", every_seconds=60.0, function=rotate),
        *((Entry("plans", periods.plans_seconds, planner.renew),) if periods.plans_seconds else ()),
        # What exposed profiles did; its readers in the studio look at five seconds ago.
        Entry("experiments", every_seconds=5.0, function=gathering.gather),
    )


def episodes_entry(renew: Callable[[], object]) -> Entry:
    """Episodes whose sound nobody knows yet, and those that have new neighbours: what they share is found."""
    return Entry("episodes", every_seconds=5.0, function=renew)


def learning_entries(
    upkeep: Upkeep,
    artefacts: Artefacts,
    training: Training,
    report: Callable[[], object],
    tidy_pages: Callable[[], object],
) -> tuple[Entry, ...]:
    """What is learned by the clock: ``report`` on yesterday, ``tidy_pages`` that were shown."""
    return (
        Entry("archive", every_seconds=120.0, function=upkeep.archive.write),
        # Small parts of past days become one; what is archived and old leaves the log, and old days the archive.
        Entry("archive-compaction", every_seconds=3600.0, function=upkeep.compact),
        Entry("archive-retention", every_seconds=3600.0, function=upkeep.retain),
        # Pages as they were shown are kept a week.
        Entry("shown-pages", every_seconds=3600.0, function=tidy_pages),
        # What serve begins with, so that it has not to read the whole log; and what is expected to be played.
        Entry("artefact", every_seconds=900.0, function=artefacts.renew),
        # A ranker is taught once a day; asked more often, so that a night that failed is made up for.
        Entry("ranker", every_seconds=3600.0, function=training.renew),
        # How good yesterday was; asked more often, for the same reason.
        Entry("quality", every_seconds=3600.0, function=report),
    )


LEASE_SECONDS = 10.0
_DAY_SECONDS = 86_400.0
_RENEW_SECONDS = LEASE_SECONDS / 3
_TICK_SECONDS = 0.25
_SWEEP = 1000

_log = structlog.get_logger()
_runs = Counter("matinee_schedule_runs", "Runs of the schedule's entries.", ["entry", "outcome"])
_held = Gauge("matinee_schedule_held", "1 where this process is the one that runs the entry.", ["entry"])


class _Turn:
    """One entry in this process: until when it is this one's, when it is due, and its run if one goes on."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.mine_until = 0.0
        self.renew_at = 0.0
        self.due_at = 0.0
        self.run: Future[None] | None = None

    @property
    def running(self) -> bool:
        return self.run is not None and not self.run.done()


class Schedule:
    """This worker's part of the schedule. ``owner`` names the worker; ``monotonic`` counts seconds."""

    def __init__(
        self,
        leases: Leases,
        owner: str,
        entries: Sequence[Entry],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases = leases
        self._owner = owner
        self._monotonic = monotonic
        self._turns = [_Turn(entry) for entry in entries]

    def run(self, stop: threading.Event) -> None:
        """Run what is due until ``stop``; returns when nothing runs any more and the leases are given back."""
        with ThreadPoolExecutor(max_workers=len(self._turns), thread_name_prefix="schedule") as pool:
            while not stop.is_set():
                self.tick(pool)
                stop.wait(_TICK_SECONDS)
            while running := [turn.run for turn in self._turns if turn.run and turn.running]:
                self._renew()
                wait(running, timeout=_TICK_SECONDS)
        self._give_back()

    def tick(self, pool: Executor) -> None:
        """Take or renew leases, and start what is due; nothing here waits for what runs."""
        self._renew()
        now = self._monotonic()
        for turn in self._turns:
            if turn.due_at <= now < turn.mine_until and not turn.running:
                turn.due_at = now + turn.entry.every_seconds
                turn.run = pool.submit(_run, turn.entry)

    def _renew(self) -> None:
        for turn in self._turns:
            now = self._monotonic()
            if now < turn.renew_at:
                continue
            turn.renew_at = now + _RENEW_SECONDS
            try:
                taken = self._leases.take(turn.entry.name, self._owner, LEASE_SECONDS)
            except Unavailable as error:
                # What was taken before stays this worker's until it ends.
                _log.warning("schedule.lease_unknown", entry=turn.entry.name, reason=str(error))
                continue
            if taken and not turn.mine_until:
                _log.info("schedule.taken", entry=turn.entry.name, owner=self._owner)
            if turn.mine_until and not taken:
                _log.warning("schedule.lost", entry=turn.entry.name, owner=self._owner)
            turn.mine_until = now + LEASE_SECONDS if taken else 0.0
            _held.labels(turn.entry.name).set(taken)

    def _give_back(self) -> None:
        for turn in self._turns:
            with contextlib.suppress(Unavailable):
                self._leases.release(turn.entry.name, self._owner)
            turn.mine_until = turn.renew_at = 0.0
            _held.labels(turn.entry.name).set(0)


def _run(entry: Entry) -> None:
    started = time.perf_counter()
    try:
        entry.function()
    except Unavailable as error:
        _runs.labels(entry.name, "failed").inc()
        _log.warning("schedule.failed", entry=entry.name, reason=str(error))
    except Exception:  # noqa: BLE001 - an entry may fail in any way; it runs again when it is due
        _runs.labels(entry.name, "failed").inc()
        _log.exception("schedule.failed", entry=entry.name)
    else:
        _runs.labels(entry.name, "done").inc()
        _log.debug("schedule.ran", entry=entry.name, seconds=round(time.perf_counter() - started, 3))
