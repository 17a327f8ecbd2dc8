"""Edges as the control plane knows them: what they report, whether they are heard, what operators order.

A state follows from two facts, whether an edge was heard of lately and whether an operator drains it:

    heard   drained   state
    yes     no        serving
    yes     yes       draining
    no      either    silent

and each change of state is told once, as an event, in the transaction that makes it.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog

from matinee.delivery import store
from matinee.model.errors import Conflict, Invalid, NotFound
from matinee.model.events import EdgeChanged, Event
from matinee.model.plans import EdgeOrders, EdgeReport
from matinee.ports import Clock, Outbox

_log = structlog.get_logger()
_CACHE_SECONDS = 0.5
# A pathway's ID in HLS and a serviceLocation in DASH: what both allow, and no comma or space, which part DASH's lists.
_EDGE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class EdgeState(StrEnum):
    """Whether an edge is steered to."""

    SERVING = "serving"
    DRAINING = "draining"
    SILENT = "silent"


_STATES: Mapping[tuple[bool, bool], EdgeState] = {
    (True, False): EdgeState.SERVING,
    (True, True): EdgeState.DRAINING,
    (False, False): EdgeState.SILENT,
    (False, True): EdgeState.SILENT,
}

_REASONS: Mapping[tuple[EdgeState | None, EdgeState], str] = {
    (None, EdgeState.SERVING): "It reported for the first time.",
    (EdgeState.SERVING, EdgeState.DRAINING): "An operator drains it.",
    (EdgeState.SERVING, EdgeState.SILENT): "It was not heard of for more than {silence:g} s.",
    (EdgeState.DRAINING, EdgeState.SERVING): "An operator took it back.",
    (EdgeState.DRAINING, EdgeState.SILENT): "It was not heard of for more than {silence:g} s while it was drained.",
    (EdgeState.SILENT, EdgeState.SERVING): "It is heard of again.",
    (EdgeState.SILENT, EdgeState.DRAINING): "It is heard of again, and an operator drains it.",
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
        _check_host(report, others)
        now = self._clock.now()
        with self._engine.begin() as connection:
            before = store.read_edge(connection, report.edge_id)
            draining = bool(before and before["draining"])
            state = _STATES[True, draining]
            was = EdgeState(before["state"]) if before else None
            store.write_edge(
                connection,
                {
                    "edge_id": report.edge_id,
                    "report": json.dumps(asdict(report)),
                    "state": state.value,
                    "state_since": now if before is None or was is not state else before["state_since"],
                    "last_seen": now,
                    "draining": draining,
                    "egress_limit_bps": before["egress_limit_bps"] if before else None,
                },
            )
            store.write_load(connection, report.edge_id, now, report.egress_bps, report.connections)
            if was is not state:
                self._tell(connection, report.edge_id, was, state, now)
        if was is not state:
            self._forget()
        return EdgeOrders(draining=draining, egress_limit_bps=before["egress_limit_bps"] if before else None)

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
        self, edge_id: str, *, draining: bool | None = None, egress_limit_bps: int | _Unchanged | None = UNCHANGED
    ) -> Edge:
        """Drain an edge or take it back, cap its egress or lift the cap (None); it hears so with its next report.

        NotFound if it never reported; Invalid for a cap below 1 bit/s.
        """
        if isinstance(egress_limit_bps, int) and egress_limit_bps < 1:
            raise Invalid(f"An egress limit of {egress_limit_bps} bit/s would stop edge {edge_id}; drain it instead.")
        now = self._clock.now()
        with self._engine.begin() as connection:
            before = store.read_edge(connection, edge_id)
            if before is None:
                raise NotFound(f"No edge {edge_id!r} has reported yet.")
            drained = before["draining"] if draining is None else draining
            was = EdgeState(before["state"])
            state = _STATES[was is not EdgeState.SILENT, drained]
            changed = dict(before, draining=drained, state=state.value)
            if not isinstance(egress_limit_bps, _Unchanged):
                changed["egress_limit_bps"] = egress_limit_bps
            if state is not was:
                changed["state_since"] = now
                self._tell(connection, edge_id, was, state, now)
            store.write_edge(connection, changed)
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

    def _forget(self) -> None:
        with self._lock:
            self._known = None


def check_report(report: EdgeReport) -> None:
    """Invalid, naming the field, unless a report can be true."""
    if not _EDGE_ID.fullmatch(report.edge_id):
        raise Invalid(f"The edge id {report.edge_id!r} is not 1 to 64 letters, digits, dots, dashes and underscores.")
    for field in fields(report):
        value = getattr(report, field.name)
        if isinstance(value, (int, float)) and not math.isfinite(value):
            raise Invalid(f"Edge {report.edge_id} reports a {field.name} that is not a number.")
        if isinstance(value, (int, float)) and value < 0 and field.name not in {"latitude", "longitude"}:
            raise Invalid(f"Edge {report.edge_id} reports a {field.name} below zero.")
    if abs(report.latitude) > 90 or abs(report.longitude) > 180:  # noqa: PLR2004 - the ends of the Earth
        raise Invalid(f"Edge {report.edge_id} reports a place that is not on Earth.")
    if report.capacity_bps < 1:
        raise Invalid(f"Edge {report.edge_id} reports no capacity.")
    _host(report.edge_id, report.url)


def _host(edge_id: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        # Reading the port is what finds a wrong one.
        plain = parts.scheme in {"http", "https"} and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        host, plain = "", False
    if not host or not plain or any(letter in url for letter in "\"'<>\\ \r\n\t"):
        raise Invalid(f"Edge {edge_id} reports the address {url!r}, which is not http(s)://HOST[:PORT].")
    return host


def _check_host(report: EdgeReport, others: list[Edge]) -> None:
    # Players tell pathways apart, and ban them, by host alone and by substring (shaka-player's
    # content_steering_manager): two edges of which one's host holds the other's would be banned together.
    host = _host(report.edge_id, report.url)
    for other in others:
        taken = _host(other.id, other.report.url)
        if host in taken or taken in host:
            raise Conflict(
                f"Edge {report.edge_id} has the host name {host}, which players cannot tell from edge {other.id}'s "
                f"{taken}: give each edge a name of its own that is no part of another's."
            )


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
    )
