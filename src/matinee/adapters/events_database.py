"""The event log as tables: an outbox that changes commit into, a relay that orders it, and readers of the order.

Transactions become visible in another order than they took their numbers in, so a position that a writer chose could
appear below one that a reader has passed. Writers therefore only leave events in ``events_outbox``; the relay numbers
them under the lock of its one row, and a later relay begins after the earlier one's commit. What a reader sees has no
lower position yet to come.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import Counter
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.model.errors import Invalid, Unavailable
from matinee.model.events import Event, from_json, to_json
from matinee.ports import Group, Recorded, Tail

_log = structlog.get_logger()
_forwarded = Counter("matinee_events_forwarded", "Events this process carried from the outbox into the log.")
_unreadable = Counter("matinee_events_unreadable", "Events of the log that this version could not read.")

_POLL_SECONDS = 0.04
_LEASE_SECONDS = 10.0
_LONGEST_ID = 200
_RELAY = 1

metadata = sa.MetaData()

# SQLite numbers rows itself only where the column's type is exactly INTEGER.
_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

outbox = sa.Table(
    "events_outbox",
    metadata,
    sa.Column("sequence", _number, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
)

log = sa.Table(
    "events_log",
    metadata,
    sa.Column("position", _number, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
)

relays = sa.Table(
    "events_relays",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    # The last position given: kept here, so that it goes on growing when old events are removed from the log.
    sa.Column("position", _number, nullable=False),
)

groups = sa.Table(
    "events_groups",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", _number, nullable=False),
    # How many leases were given so far: the number tells a member that it is no longer the one in charge.
    sa.Column("lease", _number, nullable=False),
    # When the lease ends, in seconds since 1970 by the database's own clock, which all members share; NULL: free.
    sa.Column("lease_ends", sa.Double),
)


class DatabaseOutbox:
    """``ports.Outbox`` in the database of the change itself."""

    def append(self, connection: object, events: Sequence[Event]) -> int:
        """Leave events within the transaction of a ``sqlalchemy.Connection``; how many were new."""
        if not isinstance(connection, sa.Connection):
            raise TypeError(f"An outbox in a database needs its connection, not {type(connection).__name__}.")
        bodies: dict[str, str] = {}
        for event in events:
            if not event.id.isprintable() or not 1 <= len(event.id) <= _LONGEST_ID:
                raise Invalid(f"The event id {event.id[:_LONGEST_ID]!r} is not 1 to {_LONGEST_ID} printable letters.")
            if event.id not in bodies:
                bodies[event.id] = to_json(event)
        if not bodies:
            return 0
        rows = [{"id": event_id, "body": body} for event_id, body in bodies.items()]
        with _database_answers():
            statement = _insert(connection, outbox).on_conflict_do_nothing(index_elements=[outbox.c.id])
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
        with _database_answers():
            # An empty outbox takes no lock. What another relay has taken but not committed still shows here, and is
            # waited for below, so that who forwards and then reads finds all that was accepted before.
            with _reading(self._engine) as connection:
                if connection.execute(sa.select(outbox.c.sequence).limit(1)).first() is None:
                    return 0
            with self._engine.begin() as connection:
                moved = _move(connection, limit)
        _forwarded.inc(moved)
        return moved


def _move(connection: sa.Connection, limit: int) -> int:
    lock = sa.select(relays.c.position).where(relays.c.id == _RELAY).with_for_update()
    last = connection.execute(lock).scalar()
    if last is None:
        row = _insert(connection, relays).values(id=_RELAY, position=0)
        connection.execute(row.on_conflict_do_nothing(index_elements=[relays.c.id]))
        last = connection.execute(lock).scalar_one()
    oldest = sa.select(outbox).order_by(outbox.c.sequence).limit(limit).subquery()
    place = last + sa.func.row_number().over(order_by=oldest.c.sequence)
    columns = ["position", "id", "body"]
    connection.execute(sa.insert(log).from_select(columns, sa.select(place, oldest.c.id, oldest.c.body)))
    # By what stands in the log now, not by sequence: a lower sequence may have been committed since.
    arrived = sa.select(log.c.id).where(log.c.position > last)
    moved = connection.execute(sa.delete(outbox).where(outbox.c.id.in_(arrived))).rowcount
    connection.execute(sa.update(relays).where(relays.c.id == _RELAY).values(position=last + moved))
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

    def tail(self, after: int = 0) -> Tail:
        """A reader of every event after a position."""
        return _DatabaseTail(self._engine, after)

    def group(self, name: str) -> Group:
        """A member of the named group."""
        return _DatabaseGroup(self._engine, name, self._lease_seconds)

    def end(self) -> int:
        """The last position given; 0 if there is none."""
        with _database_answers(), _reading(self._engine) as connection:
            return connection.execute(sa.select(relays.c.position).where(relays.c.id == _RELAY)).scalar() or 0


class _DatabaseTail:
    def __init__(self, engine: sa.Engine, after: int) -> None:
        self._engine = engine
        self._after = after
        self._lock = threading.Lock()

    def read(self, limit: int = 1000, wait_seconds: float = 0.0) -> Sequence[Recorded]:
        for _ in _polls(wait_seconds):
            with self._lock, _database_answers(), _reading(self._engine) as connection:
                if events := self._next(connection, limit):
                    return events
        return ()

    def _next(self, connection: sa.Connection, limit: int) -> tuple[Recorded, ...]:
        events: tuple[Recorded, ...] = ()
        while (wanted := limit - len(events)) > 0:
            rows = _rows_after(connection, self._after, wanted)
            if rows:
                events += _recorded(rows)
                self._after = rows[-1].position
            if len(rows) < wanted:
                break
        return events


@dataclass(frozen=True, slots=True)
class _Taken:
    """A lease, the events that were given with it, and the last position they reach."""

    lease: int
    events: tuple[Recorded, ...]
    last: int


class _DatabaseGroup:
    def __init__(self, engine: sa.Engine, name: str, lease_seconds: float) -> None:
        self._engine = engine
        self._name = name
        self._mine = groups.c.name == name
        self._lease_seconds = lease_seconds

    def batch(self, limit: int = 100, wait_seconds: float = 0.0) -> AbstractContextManager[Sequence[Recorded]]:
        return self._batch(limit, wait_seconds)

    @contextmanager
    def _batch(self, limit: int, wait_seconds: float) -> Iterator[Sequence[Recorded]]:
        taken = self._wait(limit, wait_seconds)
        if taken is None:
            yield ()
            return
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(taken.lease, ended), name=f"lease {self._name}")
        renewing.start()
        try:
            yield taken.events
        except BaseException:
            ended.set()
            renewing.join()
            self._give_back(taken.lease)
            raise
        ended.set()
        renewing.join()
        self._acknowledge(taken)

    def _wait(self, limit: int, wait_seconds: float) -> _Taken | None:
        for _ in _polls(wait_seconds):
            while (taken := self._take_if_any(limit)) is not None:
                if taken.events:
                    return taken
                # Nothing but what this version cannot read.
                self._acknowledge(taken)
        return None

    def _take_if_any(self, limit: int) -> _Taken | None:
        with _database_answers():
            return self._take(limit) if self._anything() else None

    def _anything(self) -> bool:
        """Whether there is a batch to be had: looked up first, because taking a lease is a write."""
        with _reading(self._engine) as connection:
            held = sa.func.coalesce(groups.c.lease_ends, 0) > _now(connection)
            chosen = sa.select(
                sa.select(sa.func.max(log.c.position)).scalar_subquery().label("end"),
                sa.select(groups.c.position).where(self._mine).scalar_subquery().label("position"),
                sa.select(held).where(self._mine).scalar_subquery().label("held"),
            )
            found = connection.execute(chosen).one()
        if found.end is not None and found.position is None:
            with self._engine.begin() as connection:
                first = _insert(connection, groups).values(name=self._name, position=0, lease=0)
                connection.execute(first.on_conflict_do_nothing(index_elements=[groups.c.name]))
        return not found.held and (found.end or 0) > (found.position or 0)

    def _take(self, limit: int) -> _Taken | None:
        with self._engine.begin() as connection:
            now = _now(connection)
            free = sa.or_(groups.c.lease_ends.is_(None), groups.c.lease_ends <= now)
            take = sa.update(groups).where(self._mine, free)
            take = take.values(lease=groups.c.lease + 1, lease_ends=now + self._lease_seconds)
            row = connection.execute(take.returning(groups.c.lease, groups.c.position)).first()
            if row is None:
                return None
            rows = _rows_after(connection, row.position, limit)
            if not rows:
                connection.rollback()
                return None
        return _Taken(lease=row.lease, events=_recorded(rows), last=rows[-1].position)

    def _renew(self, lease: int, ended: threading.Event) -> None:
        while not ended.wait(self._lease_seconds / 3):
            try:
                with _database_answers():
                    renewed = self._change(lease, lambda now: {"lease_ends": now + self._lease_seconds})
            except Unavailable as error:
                _log.warning("events.lease_not_renewed", group=self._name, reason=str(error))
                continue
            if not renewed:
                _log.warning("events.lease_lost", group=self._name)
                return

    def _give_back(self, lease: int) -> None:
        try:
            with _database_answers():
                self._change(lease, lambda _: {"lease_ends": None})
        except Unavailable as error:
            # The body's own error is on its way; the lease ends by itself.
            _log.warning("events.lease_not_given_back", group=self._name, reason=str(error))

    def _acknowledge(self, taken: _Taken) -> None:
        with _database_answers():
            still = self._change(taken.lease, lambda _: {"position": taken.last, "lease_ends": None})
        if not still:
            raise Unavailable(f"The group {self._name!r} went on without this member, which stood still for too long.")

    def _change(self, lease: int, values: Any) -> bool:
        with self._engine.begin() as connection:
            mine = sa.and_(self._mine, groups.c.lease == lease, groups.c.lease_ends.is_not(None))
            return connection.execute(sa.update(groups).where(mine).values(values(_now(connection)))).rowcount == 1


def _rows_after(connection: sa.Connection, position: int, limit: int) -> Sequence[Any]:
    chosen = sa.select(log.c.position, log.c.body).where(log.c.position > position)
    return connection.execute(chosen.order_by(log.c.position).limit(limit)).all()


def _recorded(rows: Sequence[Any]) -> tuple[Recorded, ...]:
    events = []
    for row in rows:
        try:
            events.append(Recorded(position=row.position, event=from_json(row.body)))
        except Invalid as error:
            # A newer version's event, while both run. Readers of this version go on without it.
            _unreadable.inc()
            _log.error("events.unreadable", position=row.position, reason=str(error))
    return tuple(events)


def _polls(wait_seconds: float) -> Iterator[None]:
    """Once, and again every few milliseconds until the time is over."""
    deadline = time.monotonic() + wait_seconds
    while True:
        yield
        left = deadline - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(_POLL_SECONDS, left))


def _now(connection: sa.Connection) -> sa.ColumnElement[float]:
    """Seconds since 1970 by the database's clock, at the statement and not at its transaction's begin."""
    if connection.dialect.name == "postgresql":
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)
    # SQLite's day begins at noon; 2440587.5 is the Julian day of 1970 (https://sqlite.org/lang_datefunc.html).
    return (sa.func.julianday("now") - 2440587.5) * 86400.0


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy offers by dialect only."""
    return (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(table)


@contextmanager
def _reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(read_only=True) as connection:
        yield connection


@contextmanager
def _database_answers() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(f"The database of the events does not answer: {reason}.") from error
