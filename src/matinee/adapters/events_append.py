"""Events straight into the log: all that wait in this process go in one transaction, a group commit.

Making a transaction durable costs the same for one event as for a thousand. So one thread at a time writes, for all who
wait; who comes meanwhile waits for the next transaction, which one of them writes. Positions are taken under the lock
of the relay's row, as the relay takes them, so that no reader passes over a position that is yet to come.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from prometheus_client import Counter, Histogram
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.adapters.events_tables import database_answers, insert, log, outbox, relays
from matinee.event_json import to_json
from matinee.model.errors import Invalid
from matinee.model.events import Event

_appended = Counter("matinee_events_appended", "Events this process put straight into the log.")
_together = Histogram(
    "matinee_events_appended_together",
    "Events that went in one transaction.",
    buckets=[1, 10, 50, 100, 500, 1000, 5000],
)

_RELAY = 1
_LONGEST_ID = 200
_MOST_TOGETHER = 2000


def bodies_by_id(events: Sequence[Event]) -> dict[str, str]:
    """Each event's JSON by its id, the first one's where an id comes twice; Invalid for an id that is not right."""
    bodies: dict[str, str] = {}
    for event in events:
        if not event.id.isprintable() or not 1 <= len(event.id) <= _LONGEST_ID:
            raise Invalid(f"The event id {event.id[:_LONGEST_ID]!r} is not 1 to {_LONGEST_ID} printable letters.")
        if event.id not in bodies:
            bodies[event.id] = to_json(event)
    return bodies


@dataclass(eq=False, slots=True)
class _Waiting:
    """What one caller brought, and what became of it. ``called``: it is done, or it is this caller's turn to write."""

    bodies: dict[str, str]
    called: threading.Event = field(default_factory=threading.Event)
    new: int | None = None
    error: BaseException | None = None


class GroupCommit:
    """Appends to ``events_log``, together with whoever appends at the same time. Threads share it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._writing = False

    def append(self, events: Sequence[Event]) -> int:
        """Durable when it returns; how many were new. Unavailable if the database does not answer."""
        bodies = bodies_by_id(events)
        if not bodies:
            return 0
        mine = _Waiting(bodies)
        with self._lock:
            self._queue.append(mine)
            if self._writing:
                turn = False
            else:
                turn = self._writing = True
        if not turn:
            mine.called.wait()
        if mine.new is None and mine.error is None:
            self._write_all()
        if mine.error is not None:
            raise mine.error
        return mine.new or 0

    def _write_all(self) -> None:
        """Write for the callers at the head of the queue, the one who calls among them, and call the next to write."""
        with self._lock:
            chosen = [self._queue.popleft()]
            size = len(chosen[0].bodies)
            while self._queue and size + len(self._queue[0].bodies) <= _MOST_TOGETHER:
                chosen.append(self._queue.popleft())
                size += len(chosen[-1].bodies)
        error: BaseException | None = None
        new: frozenset[str] = frozenset()
        try:
            new = self._write(chosen)
        except BaseException as raised:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            error = raised
        with self._lock:
            successor = self._queue[0] if self._queue else None
            self._writing = successor is not None
        seen: set[str] = set()
        for one in chosen:
            one.error = error
            # Of callers that brought the same id the first one brought it new.
            one.new = len((new - seen).intersection(one.bodies))
            seen.update(one.bodies)
            one.called.set()
        if successor is not None:
            successor.called.set()

    def _write(self, chosen: Sequence[_Waiting]) -> frozenset[str]:
        together: dict[str, str] = {}
        for one in chosen:
            together = one.bodies | together
        with database_answers(), self._engine.begin() as connection:
            new = append_new(connection, together)
        _appended.inc(len(new))
        _together.observe(len(together))
        return new


def append_new(connection: sa.Connection, bodies: dict[str, str]) -> frozenset[str]:
    """Put events into the log, but for ids that stand there or wait in the outbox; returns the ids that were new."""
    last = lock_positions(connection)
    rows = [
        {"new_position": last + place, "new_id": event_id, "new_body": body}
        for place, (event_id, body) in enumerate(bodies.items(), start=1)
    ]
    if connection.dialect.name == "postgresql":
        count = connection.execute(_append_at_once(), {"rows": msgspec.json.encode(rows).decode()}).rowcount
    else:
        count = connection.execute(_append_each(), rows).rowcount
    if count == len(bodies):
        give_positions(connection, last + count)
        return frozenset(bodies)
    added = connection.execute(sa.select(log.c.id, log.c.position).where(log.c.position > last)).all()
    give_positions(connection, max((row.position for row in added), default=last))
    return frozenset(row.id for row in added)


# Made once. The conflict can only be one of ids: positions are taken under the lock.
@cache
def _append_at_once() -> Any:
    """On PostgreSQL: one JSON value for any number of rows."""
    given = sa.cast(sa.bindparam("rows", type_=sa.Text), JSON)
    columns = (
        sa.column("new_position", sa.BigInteger),
        sa.column("new_id", sa.Text),
        sa.column("new_body", sa.Text),
    )
    new = sa.func.json_to_recordset(given).table_valued(*columns).render_derived(name="new", with_types=True)
    return _append(postgresql_insert(log), sa.select(new), new.c.new_id)


@cache
def _append_each() -> Any:
    """On SQLite: run for every row."""
    event_id = sa.bindparam("new_id", type_=sa.Text)
    new = sa.select(
        sa.bindparam("new_position", type_=sa.BigInteger), event_id, sa.bindparam("new_body", type_=sa.Text)
    )
    return _append(sqlite_insert(log), new, event_id)


def _append(into: Any, new: Any, event_id: sa.ColumnElement[str]) -> Any:
    waits = sa.exists().where(outbox.c.id == event_id)
    return into.from_select(["position", "id", "body"], new.where(~waits)).on_conflict_do_nothing(index_elements=["id"])


def lock_positions(connection: sa.Connection) -> int:
    """Lock the relay's row until the transaction ends; the last position that was given."""
    lock = sa.select(relays.c.position).where(relays.c.id == _RELAY).with_for_update()
    last = connection.execute(lock).scalar()
    if last is None:
        row = insert(connection, relays).values(id=_RELAY, position=0)
        connection.execute(row.on_conflict_do_nothing(index_elements=[relays.c.id]))
        last = connection.execute(lock).scalar_one()
    return int(last)


def give_positions(connection: sa.Connection, last: int) -> None:
    """Note the last position given, one that stands in the log; the caller holds the row's lock."""
    connection.execute(sa.update(relays).where(relays.c.id == _RELAY).values(position=last))


def last_position(connection: sa.Connection) -> int:
    """The last position given; 0 if there is none."""
    return connection.execute(sa.select(relays.c.position).where(relays.c.id == _RELAY)).scalar() or 0
