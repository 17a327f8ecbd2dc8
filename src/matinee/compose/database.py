"""Opens the database an address names, as it is operated: pools, time limits, and a replica for reads that may lag.

Its schema is ``compose.schema``'s matter; both are imported from here.
"""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog

from matinee.compose.database_faults import shown, unavailable
from matinee.compose.schema import all_metadata, check_schema, migrate
from matinee.model.errors import Invalid, Unavailable
from matinee.settings import Settings

__all__ = [
    "Limits",
    "all_metadata",
    "check_database",
    "check_replica",
    "check_schema",
    "migrate",
    "open_database",
    "open_replica",
    "shown",
]

_log = structlog.get_logger()

# What is older gets no mending any more, and no test of ours runs on it (https://www.postgresql.org/support/versioning).
OLDEST_POSTGRESQL = 15
OLDEST_SQLITE = (3, 35, 0)  # RETURNING
_BUSY_MILLISECONDS = 15_000
_CONNECT_SECONDS = 5
# A replica that was away is asked again after this long, and a connection to it or in its stead is kept no longer than
# the second.
_AWAY_SECONDS = 5.0
_REPLICA_KEPT_SECONDS = 60
# TCP keepalives (libpq): a peer that vanished without a word is noticed within 10 + 3 * 5 s, and what was sent to it is
# given up after 20 s.
_KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# PostgreSQL says these of a server that takes no writes now, and of a transaction that stood still (SQLSTATE 25006 and
# 25P03). SQLAlchemy calls them internal errors; to us the database is away, and the connection not to be used again.
_LOST = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.IdleInTransactionSessionTimeout)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process takes of PostgreSQL, and how long it waits there; 0 seconds is no limit.

    ``kept`` connections stay open, ``more`` are opened in a rush. ``program`` is shown in pg_stat_activity.
    """

    program: str = "matinee"
    kept: int = 20
    more: int = 0
    wait_seconds: float = 5.0
    statement_seconds: float = 30.0
    lock_seconds: float = 10.0
    idle_seconds: float = 60.0

    @classmethod
    def of(cls, settings: Settings, program: str) -> "Limits":
        """What the settings say."""
        return cls(
            program=f"matinee {program}",
            kept=settings.database_connections,
            more=settings.database_connections_more,
            wait_seconds=settings.database_wait_seconds,
            statement_seconds=settings.database_statement_seconds,
            lock_seconds=settings.database_lock_seconds,
            idle_seconds=settings.database_idle_seconds,
        )

    def arguments(self, address: sa.URL, more: Sequence[str] = ()) -> dict[str, Any]:
        """A connection's arguments; what the address says itself goes before them, and ``more`` options after."""
        timeouts = {
            "statement_timeout": self.statement_seconds,
            "lock_timeout": self.lock_seconds,
            "idle_in_transaction_session_timeout": self.idle_seconds,
        }
        options = [f"-c {name}={round(seconds * 1000)}" for name, seconds in timeouts.items()]
        given = address.query.get("options", "")
        options += [given] if isinstance(given, str) else given
        known = {"connect_timeout": _CONNECT_SECONDS, "application_name": self.program, **_KEEPALIVES}
        kept = {name: value for name, value in known.items() if name not in address.query}
        return kept | {"options": " ".join([*options, *more])}


def open_database(url: str, limits: Limits | None = None) -> sa.Engine:
    """An engine for SQLite (WAL) or PostgreSQL; Invalid if the address names neither.

    On SQLite every transaction begins IMMEDIATE: two writers wait for each other at the start, where waiting is
    possible, and never fail to upgrade a read to a write half way (https://sqlite.org/lang_transaction.html).
    """
    address = _address(url)
    if address.get_backend_name() == "postgresql":
        limits = limits or Limits()
        return _pooled(address, limits, limits.arguments(address))
    Path(address.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(address, pool_size=20, max_overflow=30)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def open_replica(url: str, primary_url: str, limits: Limits | None = None) -> sa.Engine:
    """An engine for reads that may lag: on a replica, and on the primary while the replica does not answer.

    Nothing can be written through it. Invalid unless both addresses are PostgreSQL's.
    """
    replica, primary = _address(url), _address(primary_url)
    if {replica.get_backend_name(), primary.get_backend_name()} != {"postgresql"}:
        raise Invalid("MATINEE_DATABASE_REPLICA goes with PostgreSQL: SQLite has no replicas.")
    limits = limits or Limits()
    reading = ("-c default_transaction_read_only=on",)
    engine = _pooled(replica, limits, limits.arguments(replica, reading), pool_recycle=_REPLICA_KEPT_SECONDS)
    instead, options = engine.dialect.create_connect_args(primary)
    options = {**options, **limits.arguments(primary, reading)}
    away_until = 0.0

    def connect(dialect: sa.Dialect, _record: Any, positional: Sequence[Any], named: dict[str, Any]) -> Any:
        nonlocal away_until
        if time.monotonic() >= away_until:
            try:
                return dialect.connect(*positional, **named)
            except psycopg.OperationalError as error:
                away_until = time.monotonic() + _AWAY_SECONDS
                _log.warning("database.replica_away", replica=shown(url), reason=str(error).splitlines()[0])
        return dialect.connect(*instead, **options)

    sa.event.listen(engine, "do_connect", connect)
    return engine


def check_database(engine: sa.Engine) -> str:
    """What database it is, and of which version: ``PostgreSQL 15.18``.

    Unavailable, in one sentence, unless it answers, can be written, is not too old, and its schema fits this code.
    """
    try:
        says = _postgresql(engine) if engine.dialect.name == "postgresql" else _sqlite(engine)
    except sa.exc.DBAPIError as error:
        raise unavailable(engine, error) from error
    check_schema(engine)
    return says


def check_replica(url: str, limits: Limits | None = None) -> str:
    """Of which version a read replica is, and how far behind.

    In one sentence: Invalid if it is none, since no process is to start with it; Unavailable if it does not answer.
    """
    address = _address(url)
    engine = sa.create_engine(address, connect_args=(limits or Limits()).arguments(address))
    lag = "SELECT extract(epoch FROM now() - pg_last_xact_replay_timestamp())"
    level = "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
    try:
        with engine.connect() as connection:
            version = _version(engine, connection)
            if not connection.scalar(sa.text("SELECT pg_is_in_recovery()")):
                raise Invalid(f"The database {shown(url)} is given as a replica, but is a primary of its own.")
            # Where nothing is written, the last change is old without anything being late.
            seconds = 0.0 if connection.scalar(sa.text(level)) else float(connection.scalar(sa.text(lag)) or 0.0)
    except sa.exc.DBAPIError as error:
        raise unavailable(engine, error) from error
    finally:
        engine.dispose()
    return f"{version}, {seconds:.1f} s behind"


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise Invalid("The database address is neither sqlite:///PATH nor postgresql+psycopg://….") from error
    sqlite = address.get_backend_name() == "sqlite" and address.database
    if not sqlite and address.drivername != "postgresql+psycopg":
        raise Invalid(f"The database address {shown(url)} is neither sqlite:///PATH nor postgresql+psycopg://….")
    return address


def _pooled(address: sa.URL, limits: Limits, arguments: dict[str, Any], **more: Any) -> sa.Engine:
    engine = sa.create_engine(
        address,
        connect_args=arguments,
        # A connection that a restart of the server cut is replaced before it is used.
        pool_pre_ping=True,
        pool_size=limits.kept,
        max_overflow=limits.more,
        pool_timeout=limits.wait_seconds,
        **more,
    )
    sa.event.listen(engine, "handle_error", _told_as_away, retval=True)
    return engine


def _told_as_away(context: sa.engine.ExceptionContext) -> BaseException | None:
    if not isinstance(context.original_exception, _LOST):
        return None  # as it was
    context.is_disconnect = True
    return sa.exc.OperationalError(context.statement, None, context.original_exception)


def _postgresql(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        version = _version(engine, connection)
        if connection.scalar(sa.text("SELECT pg_is_in_recovery()")):
            raise Unavailable(f"The database {shown(engine.url)} is a read replica: give the address of its primary.")
        if connection.scalar(sa.text("SHOW transaction_read_only")) == "on":
            raise Unavailable(
                f"The database {shown(engine.url)} can only be read: default_transaction_read_only is on there."
            )
    return version


def _version(engine: sa.Engine, connection: sa.Connection) -> str:
    version = str(connection.scalar(sa.text("SHOW server_version"))).partition(" ")[0]
    number = int(connection.scalar(sa.text("SHOW server_version_num")) or 0)
    if number // 10_000 < OLDEST_POSTGRESQL:
        raise Unavailable(
            f"The database {shown(engine.url)} is PostgreSQL {version}; {OLDEST_POSTGRESQL} is the oldest that Matinee "
            "works with."
        )
    return f"PostgreSQL {version}"


def _sqlite(engine: sa.Engine) -> str:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise Unavailable(f"This Python has SQLite {sqlite3.sqlite_version}; {oldest} is the oldest that works.")
    # Begun IMMEDIATE, a transaction needs the right to write.
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT 1"))
    return f"SQLite {sqlite3.sqlite_version}"


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        # FULL: an accepted event outlives a power cut, not only a killed process.
        "synchronous=FULL",
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
