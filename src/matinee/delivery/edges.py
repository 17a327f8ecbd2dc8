"""Edges as the control plane knows them: what they report, whether they are heard, what operators order.

A state follows from three facts, whether an edge was heard of lately and whether an operator drains it or took it down:

    heard   down     drained   state
    yes     no       no        serving
    yes     no       yes       draining
    yes     yes      either    down
    no      either   either    silent

and each change of state is told once, as an event, in the transaction that makes it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Any, Final

import sqlalchemy as sa
import structlog

from matinee.delivery import store
from matinee.delivery.audit import ITSELF, Audit
from matinee.delivery.reports import check_host, check_report
from matinee.model.errors import Invalid, NotFound
from matinee.model.events import EdgeChanged, Event, PlanApplied
from matinee.model.plans import EdgeOrders, EdgeReport
from matinee.ports import Clock, Outbox

_log = structlog.get_logger()
_CACHE_SECONDS = 0.5


class EdgeState(StrEnum):
    """Whether an edge is steered to."""

    SERVING = "serving"
    DRAINING = "draining"
    DOWN = "down"
    SILENT = "silent"


def state_of(*, heard: bool, draining: bool, down: bool) -> EdgeState:
    """The table above."""
    if not heard:
        return EdgeState.SILENT
    if down:
        return EdgeState.DOWN
    return EdgeState.DRAINING if draining else EdgeState.SERVING


_REASONS: Mapping[tuple[EdgeState | None, EdgeState], str] = {
    (None, EdgeState.SERVING): "It reported for the first time.",
    (EdgeState.SERVING, EdgeState.DRAINING): "An operator drains it.",
    (EdgeState.SERVING, EdgeState.SILENT): "It was not heard of for more than {silence:g} s.",
    (EdgeState.DRAINING, EdgeState.SERVING): "An operator took it back.",
    (EdgeState.DRAINING, EdgeState.SILENT): "It was not heard of for more than {silence:g} s while it was drained.",
    (EdgeState.SILENT, EdgeState.SERVING): "It is heard of again.",
    (EdgeState.SILENT, EdgeState.DRAINING): "It is heard of again, and an operator drains it.",
    (EdgeState.SERVING, EdgeState.DOWN): "An operator took it down.",
    (EdgeState.DRAINING, EdgeState.DOWN): "An operator took it down.",
    (EdgeState.DOWN, EdgeState.SERVING): "An operator put it up again.",
    (EdgeState.DOWN, EdgeState.DRAINING): "An operator put it up again, and drains it.",
    (EdgeState.DOWN, EdgeState.SILENT): "It was not heard of for more than {silence:g} s while it was down.",
    (EdgeState.SILENT, EdgeState.DOWN): "It is heard of again, and an operator took it down.",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge: its last report, and what follows from it. ``since`` is when it came into its state."""

    report: EdgeReport
    state: EdgeState
    last_seen: datetime
    draining: bool
    egress_limit_bps: int | None
    since: datetime
    down: bool = False

    @property
    def id(self) -> str:
        """The edge's name, which is its pathway's in every manifest."""
        return self.report.edge_id

    @property
    def capacity_bps(self) -> int:
        """What it can send: what it says, or less where an operator set a limit."""
        limit = self.egress_limit_bps
        return self.report.capacity_bps if limit is None else min(limit, self.report.capacity_bps)


@dataclass(frozen=True, slots=True)
class Load:
    """One reading of an edge's load, for plots."""

    time: datetime
    egress_bps: float
    connections: int


# Of an edge that nobody has heard of yet.
_NEW: Mapping[str, Any] = {
    "report": "{}",
    "state": None,
    "state_since": None,
    "draining": False,
    "down": False,
    "egress_limit_bps": None,
}


class _Unchanged:
    """An order's value that stays as it is; None is a value of its own (no limit)."""


UNCHANGED: Final = _Unchanged()


class Edges:
    """The shell around the edges' tables. Threads share it. Plots are read from ``lagging``, which may lag."""

    def __init__(
        self,
        engine: sa.Engine,
        outbox: Outbox,
        clock: Clock,
        silence_seconds: float,
        lagging: sa.Engine | None = None,
    ) -> None:
        self._engine = engine
        self._audit = Audit(engine, clock)
        self._lagging = lagging or engine
        self._outbox = outbox
        self._clock = clock
        self._silence = timedelta(seconds=silence_seconds)
        # Nobody listened before this process began, so no silence is counted from before it.
        self._listening_since = clock.now()
        self._lock = Lock()
        self._known: tuple[datetime, tuple[Edge, ...]] | None = None

    def report(self, report: EdgeReport) -> EdgeOrders:
        """Keep what an edge says, tell of its coming or return, and answer with its orders.

        Invalid if the report cannot be true; Conflict if its host name cannot be told from another living edge's.
        """
        check_report(report)
        others = [edge for edge in self.edges() if edge.id != report.edge_id and edge.state is not EdgeState.SILENT]
        check_host(report, {edge.id: edge.report.url for edge in others})
        now = self._clock.now()
        with self._engine.begin() as connection:
            before = store.read_edge(connection, report.edge_id) or _NEW
            state = state_of(heard=True, draining=before["draining"], down=before["down"])
            was = EdgeState(before["state"]) if before["state"] else None
            changed = {
                "edge_id": report.edge_id,
                "report": json.dumps(asdict(report)),
                "state": state.value,
                "state_since": before["state_since"] if was is state else now,
                "last_seen": now,
            }
            store.write_edge(connection, {**before, **changed})
            store.write_load(connection, report.edge_id, now, report.egress_bps, report.connections)
            standing = store.read_standing(connection, report.edge_id)
            if was is not state:
                self._tell(connection, report.edge_id, was, state, now)
            if report.plan_generation > _applied(before["report"]):
                self._tell_of_plan(connection, report.edge_id, report.plan_generation, now)
        if was is not state:
            self._forget()
        told = standing["sequence"] if standing["started"] == report.started else None
        return EdgeOrders(
            draining=before["draining"],
            down=before["down"],
            egress_limit_bps=before["egress_limit_bps"],
            plan_generation=standing["generation"] or 0,
            holdings_through=-1 if told is None else told,
            time=now.timestamp(),
        )

    def edges(self) -> tuple[Edge, ...]:
        """Every edge ever heard of, by its id; at most half a second old. Who fell silent is noticed here."""
        now = self._clock.now()
        with self._lock:
            known = self._known
        if known and (now - known[0]).total_seconds() < _CACHE_SECONDS:
            return known[1]
        rows = self._read()
        if any(self._fell_silent(row, now) for row in rows):
            self.notice_silence()
            rows = self._read()
        edges = tuple(_edge(row) for row in rows)
        with self._lock:
            self._known = (now, edges)
        return edges

    def edge(self, edge_id: str) -> Edge:
        """One edge; NotFound if it never reported."""
        for edge in self.edges():
            if edge.id == edge_id:
                return edge
        raise NotFound(f"No edge {edge_id!r} has reported yet.")

    def notice_silence(self) -> tuple[str, ...]:
        """Mark the edges that fell silent and tell of them, each once however many processes look. Returns whom."""
        now = self._clock.now()
        # Most of the time nobody fell silent, and a look takes no lock.
        silent = [row for row in self._read() if self._fell_silent(row, now)]
        marked = []
        if silent:
            with self._engine.begin() as connection:
                for row in silent:
                    if store.change_state(connection, row["edge_id"], row, EdgeState.SILENT.value, now):
                        self._tell(connection, row["edge_id"], EdgeState(row["state"]), EdgeState.SILENT, now)
                        marked.append(row["edge_id"])
        if marked:
            self._forget()
        return tuple(marked)

    def order(
        self,
        edge_id: str,
        *,
        draining: bool | None = None,
        down: bool | None = None,
        egress_limit_bps: int | _Unchanged | None = UNCHANGED,
        by: str = ITSELF,
    ) -> Edge:
        """Drain an edge or take it back, take it down or put it up, cap its egress or lift the cap (None).

        It hears so with its next report. NotFound if it never reported; Invalid for a cap below 1 bit/s.
        """
        if isinstance(egress_limit_bps, int) and egress_limit_bps < 1:
            raise Invalid(f"An egress limit of {egress_limit_bps} bit/s would stop edge {edge_id}; drain it instead.")
        now = self._clock.now()
        given = {"draining": draining, "down": down}
        ordered: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if not isinstance(egress_limit_bps, _Unchanged):
            ordered["egress_limit_bps"] = egress_limit_bps
        with self._engine.begin() as connection:
            before = store.read_edge(connection, edge_id)
            if before is None:
                raise NotFound(f"No edge {edge_id!r} has reported yet.")
            changed = {**before, **ordered}
            was = EdgeState(before["state"])
            heard = was is not EdgeState.SILENT
            state = state_of(heard=heard, draining=changed["draining"], down=changed["down"])
            if state is not was:
                changed |= {"state": state.value, "state_since": now}
                self._tell(connection, edge_id, was, state, now)
            store.write_edge(connection, changed)
            self._audit.note(connection, by, "order", edge_id, **ordered)
        self._forget()
        return _edge(changed)

    def history(self, edge_id: str, seconds: float = 300.0) -> tuple[Load, ...]:
        """An edge's load of the last seconds (300 at most), oldest first, about one reading a second."""
        after = self._clock.now() - timedelta(seconds=min(seconds, store.RING_SECONDS))
        with self._lagging.connect().execution_options(read_only=True) as connection:
            return tuple(Load(**row) for row in store.read_loads(connection, edge_id, after))

    def _read(self) -> list[Mapping[str, Any]]:
        with self._engine.connect().execution_options(read_only=True) as connection:
            return list(store.read_edges(connection))

    def _fell_silent(self, row: Mapping[str, Any], now: datetime) -> bool:
        heard = max(row["last_seen"], self._listening_since)
        return EdgeState(row["state"]) is not EdgeState.SILENT and bool(now - heard > self._silence)

    def _tell(
        self, connection: sa.Connection, edge_id: str, was: EdgeState | None, state: EdgeState, now: datetime
    ) -> None:
        reason = _REASONS[was, state].format(silence=self._silence.total_seconds())
        facts = EdgeChanged(edge_id=edge_id, state=state.value, reason=reason)
        moment = int(now.timestamp() * 1_000_000)
        event_id = f"edge-{edge_id}-{was or 'new'}-{state}-{moment}"
        event = Event(id=event_id, time=now, source="delivery", facts=facts)
        self._outbox.append(connection, [event])
        _log.info("edge.changed", edge_id=edge_id, was=was and was.value, state=state.value, reason=reason)

    def _tell_of_plan(self, connection: sa.Connection, edge_id: str, generation: int, now: datetime) -> None:
        facts = PlanApplied(edge_id=edge_id, generation=generation)
        event = Event(id=f"plan-{edge_id}-{generation}", time=now, source="delivery", facts=facts)
        self._outbox.append(connection, [event])
        _log.info("plan.applied", edge_id=edge_id, generation=generation)

    def _forget(self) -> None:
        with self._lock:
            self._known = None


def _applied(report: str) -> int:
    """The plan's generation in a kept report."""
    return int(json.loads(report).get("plan_generation", 0))


def _edge(row: Mapping[str, Any]) -> Edge:
    known = {field.name for field in fields(EdgeReport)}
    # A report that an older or newer version left: unknown names are passed over.
    report = {name: value for name, value in json.loads(row["report"]).items() if name in known}
    return Edge(
        report=EdgeReport(**report),
        state=EdgeState(row["state"]),
        last_seen=row["last_seen"],
        draining=row["draining"],
        egress_limit_bps=row["egress_limit_bps"],
        since=row["state_since"],
        down=row["down"],
    )
