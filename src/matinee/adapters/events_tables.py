"""The events' tables, and what all who ask them share."""

import re
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import Counter
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.event_json import from_json
from matinee.model.errors import Invalid, Unavailable
from matinee.ports import Recorded

_log = structlog.get_logger()
_unreadable = Counter("matinee_events_unreadable", "Events of the log that this version could not read.")

_POLL_SECONDS = 0.04

metadata = sa.MetaData()

# SQLite numbers rows itself only where the column's type is exactly INTEGER.
_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

outbox = sa.Table(
    "events_outbox",
    metadata,
    sa.Column("sequence", _number, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
    # The claim a relay to another log has made: which message the event goes in. NULL: none yet.
    sa.Column("batch", _number),
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


def rows_after(connection: sa.Connection, position: int, limit: int) -> Sequence[Any]:
    """The log's next rows, ``position`` and ``body``, in order."""
    chosen = sa.select(log.c.position, log.c.body).where(log.c.position > position)
    return connection.execute(chosen.order_by(log.c.position).limit(limit)).all()


# The type as ``to_json`` writes it, before anything that a client chose.
_type = re.compile(r'\{"version":\d+,"id":"(?:[^"\\]|\\.)*","type":"([^"]*)"')


def recorded(rows: Sequence[Any], types: Collection[str] = ()) -> tuple[Recorded, ...]:
    """The rows' events of some types (none named: of all), without those that this version cannot read."""
    events = []
    for row in rows:
        # Looked at first: reading an event as a whole takes ten times as long.
        if types and (found := _type.match(row.body)) and found[1] not in types:
            continue
        try:
            events.append(Recorded(position=row.position, event=from_json(row.body)))
        except Invalid as error:
            # A newer version's event, while both run. Readers of this version go on without it.
            _unreadable.inc()
            _log.error("events.unreadable", position=row.position, reason=str(error))
    return tuple(events)


def polls(wait_seconds: float) -> Iterator[None]:
    """Once, and again every few milliseconds until the time is over."""
    deadline = time.monotonic() + wait_seconds
    while True:
        yield
        left = deadline - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(_POLL_SECONDS, left))


def database_now(connection: sa.Connection) -> sa.ColumnElement[float]:
    """Seconds since 1970 by the database's clock, at the statement and not at its transaction's begin."""
    if connection.dialect.name == "postgresql":
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)
    # SQLite's day begins at noon; 2440587.5 is the Julian day of 1970 (https://sqlite.org/lang_datefunc.html).
    return (sa.func.julianday("now") - 2440587.5) * 86400.0


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy offers by dialect only."""
    return (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(table)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that only reads, and so waits for no writer on SQLite."""
    with engine.connect().execution_options(read_only=True) as connection:
        yield connection


@contextmanager
def database_answers() -> Iterator[None]:
    """What the database says of itself becomes Unavailable; other errors pass."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(f"The database of the events does not answer: {reason}.") from error
