"""The event log as tables: an outbox that changes commit into, a relay that orders it, and readers of the order.

Transactions become visible in another order than they took their numbers in, so a position that a writer chose could
appear below one that a reader has passed. Writers therefore only leave events in ``events_outbox``; the relay numbers
them under the lock of its one row, and a later relay begins after the earlier one's commit. Who appends to the log
itself takes the same lock (``events_append``). What a reader sees has no lower position yet to come.
"""

import threading
from collections.abc import Collection, Sequence

import sqlalchemy as sa
from prometheus_client import Counter

from matinee.adapters.events_append import GroupCommit, bodies_by_id, give_positions, last_position, lock_positions
from matinee.adapters.events_groups import DatabaseGroup
from matinee.adapters.events_tables import (
    database_answers,
    groups,
    insert,
    log,
    metadata,
    outbox,
    polls,
    reading,
    recorded,
    rows_after,
)
from matinee.model.events import Event
from matinee.ports import Group, Recorded, Tail

__all__ = ["DatabaseEventLog", "DatabaseOutbox", "DatabaseRelay", "metadata"]

_forwarded = Counter("matinee_events_forwarded", "Events this process carried from the outbox into the log.")
_LEASE_SECONDS = 10.0
_ERASED_AT_ONCE = 500


class DatabaseOutbox:
    """``ports.Outbox`` in the database of the change itself."""

    def append(self, connection: object, events: Sequence[Event]) -> int:
        """Leave events within the transaction of a ``sqlalchemy.Connection``; how many were new."""
        if not isinstance(connection, sa.Connection):
            raise TypeError(f"An outbox in a database needs its connection, not {type(connection).__name__}.")
        bodies = bodies_by_id(events)
        if not bodies:
            return 0
        rows = [{"id": event_id, "body": body} for event_id, body in bodies.items()]
        with database_answers():
            statement = insert(connection, outbox).on_conflict_do_nothing(index_elements=[outbox.c.id])
            new = connection.execute(statement.returning(outbox.c.id), rows).scalars().all()
            # The log is asked after the outbox took the ids, not before: an id that a relay moved in between is then
            # sure to be seen, because the insert waited for that relay to commit.
            moved = sa.exists().where(log.c.id == outbox.c.id)
            known = connection.execute(sa.delete(outbox).where(outbox.c.id.in_(new), moved)).rowcount if new else 0
        return len(new) - known


class DatabaseRelay:
    """``ports.Relay`` from ``events_outbox`` to ``events_log``."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def forward(self, limit: int = 1000) -> int:
        """Move waiting events, oldest first; how many. Unavailable if the database does not answer."""
        with database_answers():
            # An empty outbox takes no lock. What another relay has taken but not committed still shows here, and is
            # waited for below, so that who forwards and then reads finds all that was accepted before.
            with reading(self._engine) as connection:
                if connection.execute(sa.select(outbox.c.sequence).limit(1)).first() is None:
                    return 0
            with self._engine.begin() as connection:
                moved = _move(connection, limit)
        _forwarded.inc(moved)
        return moved

    def waiting(self, limit: int = 1000) -> Sequence[Event]:
        """Accepted events that are not in the log yet; only read. Unavailable if the database does not answer."""
        oldest = sa.select(outbox.c.sequence.label("position"), outbox.c.body).order_by(outbox.c.sequence).limit(limit)
        with database_answers(), reading(self._engine) as connection:
            rows = connection.execute(oldest).all()
        return tuple(one.event for one in recorded(rows))


def _move(connection: sa.Connection, limit: int) -> int:
    last = lock_positions(connection)
    oldest = sa.select(outbox).order_by(outbox.c.sequence).limit(limit).subquery()
    # An id may have been appended to the log itself while it came into the outbox.
    known = sa.exists().where(log.c.id == oldest.c.id)
    stale = sa.select(oldest.c.sequence).where(known)
    connection.execute(sa.delete(outbox).where(outbox.c.sequence.in_(stale)))
    fresh = sa.select(oldest).where(~known).subquery()
    place = last + sa.func.row_number().over(order_by=fresh.c.sequence)
    columns = ["position", "id", "body"]
    connection.execute(sa.insert(log).from_select(columns, sa.select(place, fresh.c.id, fresh.c.body)))
    # By what stands in the log now, not by sequence: a lower sequence may have been committed since.
    arrived = sa.select(log.c.id).where(log.c.position > last)
    moved = connection.execute(sa.delete(outbox).where(outbox.c.id.in_(arrived))).rowcount
    give_positions(connection, last + moved)
    return moved


class DatabaseEventLog:
    """``ports.EventLog`` on ``events_log``. Threads share it and its readers.

    A group's member holds a lease while its body runs and renews it in the background every third of
    ``lease_seconds``, so a body may run for any time. Of a member that died the others are rid after ``lease_seconds``.
    One that only stood still for so long finds, on leaving its body, that its lease is another's: Unavailable.
    """

    def __init__(self, engine: sa.Engine, lease_seconds: float = _LEASE_SECONDS) -> None:
        self._engine = engine
        self._lease_seconds = lease_seconds
        self._commit = GroupCommit(engine)

    def append(self, events: Sequence[Event]) -> int:
        """Accept events, with those of other threads in one transaction; how many were new, Unavailable as all."""
        return self._commit.append(events)

    def tail(self, after: int = 0) -> Tail:
        """A reader of every event after a position."""
        return _DatabaseTail(self._engine, after)

    def group(self, name: str, types: Collection[str] = ()) -> Group:
        """A member of the named group, which is given events of these types only; of all where none are named."""
        return DatabaseGroup(self._engine, name, self._lease_seconds, types)

    def end(self) -> int:
        """The last position given; 0 if there is none."""
        with database_answers(), reading(self._engine) as connection:
            return last_position(connection)

    def drop(self, through: int) -> None:
        """Forget events up to a position that every group has handled. Unavailable if the database does not answer."""
        handled = sa.select(sa.func.min(groups.c.position)).scalar_subquery()
        old = sa.and_(log.c.position <= through, log.c.position <= sa.func.coalesce(handled, through))
        with database_answers(), self._engine.begin() as connection:
            connection.execute(sa.delete(log).where(old))

    def erase(self, positions: Sequence[int]) -> None:
        """Remove events for good, a transaction for every few hundred. Unavailable if the database does not answer."""
        for start in range(0, len(positions), _ERASED_AT_ONCE):
            chosen = list(positions[start : start + _ERASED_AT_ONCE])
            with database_answers(), self._engine.begin() as connection:
                connection.execute(sa.delete(log).where(log.c.position.in_(chosen)))


class _DatabaseTail:
    def __init__(self, engine: sa.Engine, after: int) -> None:
        self._engine = engine
        self._after = after
        self._lock = threading.Lock()

    def read(self, limit: int = 1000, wait_seconds: float = 0.0) -> Sequence[Recorded]:
        for _ in polls(wait_seconds):
            with self._lock, database_answers(), reading(self._engine) as connection:
                if events := self._next(connection, limit):
                    return events
        return ()

    def _next(self, connection: sa.Connection, limit: int) -> tuple[Recorded, ...]:
        events: tuple[Recorded, ...] = ()
        while (wanted := limit - len(events)) > 0:
            rows = rows_after(connection, self._after, wanted)
            if rows:
                events += recorded(rows)
                self._after = rows[-1].position
            if len(rows) < wanted:
                break
        return events
