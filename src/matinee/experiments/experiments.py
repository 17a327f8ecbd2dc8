"""The shell around experiments: who starts and stops them, who is in which arm, what came of it.

Assignments are computed from what is kept of an experiment and stored nowhere. That a profile was *exposed* (a page was
made for it on which the arm decided something) is an event, ``experiment.exposed``; ``gather`` counts from the log.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
import structlog

from matinee.experiments import allocation, store
from matinee.experiments.lifecycle import Arm, Draft, Experiment, Metric, Source, State, check_step, checked
from matinee.experiments.verdict import Unit, Verdict, verdict
from matinee.model.errors import Conflict, NotFound, Unavailable
from matinee.model.events import Event, ExperimentExposed
from matinee.model.ids import RandomBytes, new_id
from matinee.ports import Clock, EventLog

_log = structlog.get_logger()
_RUNNING_SECONDS = 2.0
_EXPOSURES_KNOWN = 200_000


class Note(Protocol):
    """Keeps who did what in the transaction that does it: ``delivery.audit.Audit.note``."""

    def __call__(self, connection: sa.Connection, by: str, act: str, subject: str, **details: Any) -> None:
        """Keep one act."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """An experiment in a list, with how many profiles were exposed by source."""

    experiment: Experiment
    sizes: Mapping[Source, int]


@dataclass(frozen=True, slots=True)
class Report:
    """An experiment and its verdict over one source; ``gathered_at``: all that was accepted before is in it."""

    experiment: Experiment
    sizes: Mapping[Source, int]
    source: Source
    verdict: Verdict
    gathered_at: datetime | None


class Experiments:
    """Threads share it. The running ones are read anew every two seconds: so late may a start or stop be heard of."""

    def __init__(self, engine: sa.Engine, log: EventLog, clock: Clock, random_bytes: RandomBytes, note: Note) -> None:
        self._engine = engine
        self._log = log
        self._clock = clock
        self._random_bytes = random_bytes
        self._note = note
        self._lock = threading.Lock()
        self._running: tuple[datetime, tuple[Experiment, ...]] | None = None
        self._known: set[tuple[str, str]] = set()

    # --- what operators do ------------------------------------------------------------------------------------------

    def create(self, draft: Draft, by: str) -> Experiment:
        """Keep a draft. Invalid if it cannot be run."""
        asked = checked(draft)
        made = Experiment(
            id=new_id(self._random_bytes),
            state=State.DRAFT,
            salt=new_id(self._random_bytes),
            first_slot=0,
            created_at=self._clock.now(),
            created_by=by,
            **{name: getattr(asked, name) for name in Draft.__slots__},
        )
        with self._engine.begin() as connection:
            store.add_experiment(connection, _row(made))
            self._note(connection, by, "create-experiment", made.id, name=made.name)
        return made

    def start(self, experiment_id: str, by: str) -> Experiment:
        """Let it run from now on. Conflict if its state or its layer does not allow it."""
        with self._engine.begin() as connection:
            found = _read(connection, experiment_id)
            store.hold_layer(connection, found.layer)
            running = [one for one in _all(connection, State.RUNNING) if one.layer == found.layer]
            check_step(found.name, found.state, State.RUNNING)
            slot = allocation.free_slot(running, found.share)
            changes = {"started_at": self._clock.now(), "started_by": by, "first_slot": slot}
            started = self._step(connection, found, State.RUNNING, changes)
            self._note(connection, by, "start-experiment", found.id, name=found.name)
        self._running = None
        return started

    def stop(self, experiment_id: str, by: str) -> Experiment:
        """End it for good. Conflict if it has been stopped."""
        with self._engine.begin() as connection:
            found = _read(connection, experiment_id)
            check_step(found.name, found.state, State.STOPPED)
            changes = {"stopped_at": self._clock.now(), "stopped_by": by}
            stopped = self._step(connection, found, State.STOPPED, changes)
            self._note(connection, by, "stop-experiment", found.id, name=found.name)
        self._running = None
        return stopped

    def mark_generated(self, profile_ids: Iterable[str], by: str) -> None:
        """Say that these profiles are nobody's: what they do is told apart in every verdict."""
        marked = sorted(set(profile_ids))
        with self._engine.begin() as connection:
            store.mark_generated(connection, marked)
            self._note(connection, by, "generated-audience", f"{len(marked)} profiles")

    def _step(
        self, connection: sa.Connection, found: Experiment, wanted: State, changes: Mapping[str, Any]
    ) -> Experiment:
        if not store.change_experiment(connection, found.id, found.state, {"state": wanted, **changes}):
            raise Conflict(f"Somebody else changed the experiment {found.name!r} at the same moment: look again.")
        return replace(found, state=wanted, **changes)

    # --- who is in which arm ----------------------------------------------------------------------------------------

    def running(self) -> Sequence[Experiment]:
        """The experiments that run, as of two seconds ago at most."""
        now, known = self._clock.now(), self._running
        if known is None or not 0 <= (now - known[0]).total_seconds() < _RUNNING_SECONDS:
            with self._engine.connect().execution_options(read_only=True) as connection:
                known = self._running = (now, tuple(_all(connection, State.RUNNING)))
        return known[1]

    def parameters(self, profile_id: str) -> Mapping[str, str]:
        """What the profile's arms set. Whoever uses them says so by ``expose``."""
        return allocation.parameters_of(self.running(), profile_id)

    def expose(self, profile_id: str) -> Mapping[str, Arm]:
        """Say that a page was made for the profile under its arms, which are returned by experiment.

        It costs one look into memory once it was said. A log that does not answer is no reason to show no page: then it
        is said with the next one.
        """
        arms = allocation.arm_of(self.running(), profile_id)
        new = {key: arm for key, arm in arms.items() if (key, profile_id) not in self._known}
        if not new:
            return arms
        try:
            with self._engine.connect().execution_options(read_only=True) as connection:
                source = Source.GENERATED if store.is_generated(connection, profile_id) else "serve"
            now = self._clock.now()
            self._log.append([_exposed(key, arm, profile_id, now, source) for key, arm in new.items()])
        except (Unavailable, sa.exc.OperationalError) as error:
            _log.warning("experiment.exposure_lost", profile_id=profile_id, reason=str(error))
            return arms
        with self._lock:
            if len(self._known) > _EXPOSURES_KNOWN:
                self._known.clear()
            self._known.update((key, profile_id) for key in new)
        return arms

    # --- what came of it --------------------------------------------------------------------------------------------

    def lines(self) -> tuple[Line, ...]:
        """Every experiment, newest first."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            sizes = store.read_sizes(connection)
            return tuple(Line(one, _sizes(sizes.get(one.id, {}))) for one in _all(connection))

    def find(self, experiment_id: str) -> Experiment:
        """One experiment. NotFound if there is none of that id."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            return _read(connection, experiment_id)

    def report(self, experiment_id: str, source: Source | None = None) -> Report:
        """An experiment's verdict over one source: that with most profiles, where none is asked for."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            found = _read(connection, experiment_id)
            sizes = _sizes(store.read_sizes(connection).get(experiment_id, {}))
            source = source or max(Source, key=lambda one: sizes[one])
            rows = store.read_measured(connection, experiment_id, source)
            _, gathered_at = store.read_progress(connection)
        return Report(found, sizes, source, _verdict(found, rows, gathered_at), gathered_at)


def _exposed(experiment_id: str, arm: Arm, profile_id: str, now: datetime, source: str) -> Event:
    # The same however often it is said: the log and the count pass over repeats.
    event_id = f"exposed-{experiment_id}-{profile_id}"
    return Event(event_id, now, source, ExperimentExposed(experiment_id, arm.name, profile_id))


def _verdict(found: Experiment, rows: Sequence[Mapping[str, Any]], gathered_at: datetime | None) -> Verdict:
    window = timedelta(seconds=found.window_seconds)
    exposed: dict[str, int] = {}
    units = []
    for row in rows:
        exposed[row["arm"]] = exposed.get(row["arm"], 0) + 1
        until = row["exposed_at"] + window
        # Who had less than the whole window, or had it while the experiment was over, would count for less.
        if gathered_at is None or until > gathered_at or (found.stopped_at and until > found.stopped_at):
            continue
        outcome, covariate = float(row[found.metric]), float(row[f"past_{found.metric}"])
        units.append(Unit(row["arm"], row["exposed_at"], outcome, covariate))
    return verdict(found.arms, exposed, units)


def _sizes(found: Mapping[str, int]) -> Mapping[Source, int]:
    return {source: found.get(source, 0) for source in Source}


def _row(found: Experiment) -> dict[str, Any]:
    values = {name: getattr(found, name) for name in Experiment.__slots__}
    return values | {"arms": json.dumps([asdict(arm) for arm in found.arms])}


def _experiment(row: Mapping[str, Any]) -> Experiment:
    arms = tuple(Arm(**arm) for arm in json.loads(row["arms"]))
    kinds: Mapping[str, Callable[[str], Any]] = {"state": State, "metric": Metric}
    return Experiment(**{**row, "arms": arms, **{name: kind(row[name]) for name, kind in kinds.items()}})


def _read(connection: sa.Connection, experiment_id: str) -> Experiment:
    row = store.read_experiment(connection, experiment_id)
    if row is None:
        raise NotFound(f"There is no experiment {experiment_id!r:.80}.")
    return _experiment(row)


def _all(connection: sa.Connection, *states: State) -> list[Experiment]:
    return [_experiment(row) for row in store.read_experiments(connection, states)]
