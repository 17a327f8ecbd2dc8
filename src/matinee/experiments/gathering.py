"""Counts from the log what exposed profiles did: each event once, however often a worker dies.

What was counted and how far the log was read commit together, and who commits must find the position that it began
from: so two workers at once do no harm, and a crash repeats nothing.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
import structlog

from matinee.experiments import store
from matinee.experiments.lifecycle import Source
from matinee.experiments.measures import PAST_DAYS, Exposure, Measures, Sum, day_of, profiles_of
from matinee.ports import Clock, EventLog, Recorded, Tail

_log = structlog.get_logger()
_BATCH = 5000
_WAIT_SECONDS = 1.0
_DAYS_KEPT = timedelta(days=PAST_DAYS + 3)


class Gathering:
    """One process's reader of the log on behalf of all experiments."""

    def __init__(self, engine: sa.Engine, log: EventLog, clock: Clock) -> None:
        self._engine = engine
        self._log = log
        self._clock = clock
        self._tail: Tail | None = None
        self._at = -1

    def gather(self) -> int:
        """Count what the log had when this began; how many events that were. Unavailable if a part does not answer."""
        began, started, counted = self._clock.now(), time.perf_counter(), 0
        # Read before anything else: all that was accepted before ``began`` stands at or before it.
        end, done = self._log.end(), False
        while not done:
            with self._engine.connect().execution_options(read_only=True) as connection:
                after, _ = store.read_progress(connection)
            if self._tail is None or self._at != after:
                self._tail, self._at = self._log.tail(after), after
            # Should the count fail, the tail has gone past what was not counted: the next one begins anew.
            self._at = -1
            # What was erased at the end of the log never comes: then the wait is over without it.
            batch = self._tail.read(_BATCH, _WAIT_SECONDS) if after < end else ()
            through = batch[-1].position if batch else after
            done = not batch or through >= end
            with self._engine.begin() as connection:
                if not store.move_progress(connection, after, through, began if done else None):
                    return counted
                self._count(connection, batch)
            self._at = through
            counted += len(batch)
        if counted:
            _log.info("experiments.gathered", events=counted, seconds=round(time.perf_counter() - started, 3))
        return counted

    def _count(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        events = [recorded.event for recorded in batch]
        profiles = profiles_of(events)
        if not profiles:
            return
        windows = {row["id"]: row["window_seconds"] for row in store.read_experiments(connection)}
        known = Measures(windows, forgotten=dict(store.read_forgotten(connection, profiles)))
        for row in store.read_exposures(connection, profiles):
            known.exposures.setdefault(row["profile_id"], {})[row["experiment_id"]] = Exposure(
                row["experiment_id"],
                row["profile_id"],
                row["arm"],
                Source(row["source"]),
                row["exposed_at"],
                Sum(row["starts"], row["watched_seconds"]),
                Sum(row["past_starts"], row["past_watched_seconds"]),
            )
        for row in store.read_days(connection, profiles):
            known.days.setdefault(row["profile_id"], {})[row["day"]] = Sum(row["starts"], row["watched_seconds"])
        known.fold(events)
        self._keep(connection, known)

    def _keep(self, connection: sa.Connection, known: Measures) -> None:
        if known.gone:
            store.forget(connection, {profile_id: known.forgotten[profile_id] for profile_id in known.gone})
        kept = [known.exposures[profile_id][experiment_id] for profile_id, experiment_id in sorted(known.changed)]
        store.write_exposures(
            connection,
            (
                {
                    "experiment_id": one.experiment_id,
                    "profile_id": one.profile_id,
                    "arm": one.arm,
                    "source": one.source,
                    "exposed_at": one.exposed_at,
                    "starts": one.done.starts,
                    "watched_seconds": one.done.watched_seconds,
                    "past_starts": one.past.starts,
                    "past_watched_seconds": one.past.watched_seconds,
                }
                for one in kept
            ),
        )
        oldest = day_of(self._clock.now() - _DAYS_KEPT)
        sums = ((profile_id, day, known.days[profile_id][day]) for profile_id, day in sorted(known.changed_days))
        store.write_days(
            connection,
            (
                {"profile_id": one, "day": day, "starts": done.starts, "watched_seconds": done.watched_seconds}
                for one, day, done in sums
                if day >= oldest
            ),
        )
        store.drop_days(connection, oldest)
