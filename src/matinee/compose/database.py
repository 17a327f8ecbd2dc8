"""Opens the database an address names, and brings its schema to today's."""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from matinee.model.errors import Invalid, Unavailable

_BUSY_MILLISECONDS = 15_000
_MIGRATIONS = Path(__file__).parent.parent / "migrations"


def open_database(url: str) -> sa.Engine:
    """An engine for SQLite (WAL) or PostgreSQL; Invalid if the address names neither.

    On SQLite every transaction begins IMMEDIATE: two writers wait for each other at the start, where waiting is
    possible, and never fail to upgrade a read to a write half way (https://sqlite.org/lang_transaction.html).
    """
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise Invalid("The database address is neither sqlite:///PATH nor postgresql+psycopg://….") from error
    if address.get_backend_name() == "postgresql":
        return sa.create_engine(address, pool_pre_ping=True, pool_size=10, max_overflow=20)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise Invalid(f"The database address {shown(url)} is neither sqlite:///PATH nor postgresql+psycopg://….")
    Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(address, pool_size=20, max_overflow=30)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def shown(url: str) -> str:
    """A database's address as it may be shown: without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "an address that cannot be read"


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


def all_metadata() -> list[sa.MetaData]:
    """Every room's tables, for migrations and their test."""
    from matinee.accounts.store import metadata as accounts
    from matinee.adapters.events_database import metadata as events
    from matinee.adapters.leases_database import metadata as leases
    from matinee.catalogue.store import metadata as catalogue
    from matinee.delivery.store import metadata as delivery
    from matinee.encoding.store import metadata as encoding
    from matinee.playback.store import metadata as playback
    from matinee.recommender.store import metadata as recommender

    return [accounts, catalogue, delivery, encoding, events, leases, playback, recommender]


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest revision; a database that is there already is left alone."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["engine"] = engine
    config.attributes["metadata"] = all_metadata()
    try:
        command.upgrade(config, "head")
    except sa.exc.OperationalError as error:
        raise Unavailable(f"The database {engine.url!r} does not answer: {error.orig}.") from error


def check_schema(engine: sa.Engine) -> None:
    """Unavailable, with a sentence, unless the database answers and its schema is the newest revision."""
    newest = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except sa.exc.OperationalError as error:
        raise Unavailable(f"The database {engine.url!r} does not answer: {error.orig}.") from error
    if found != newest:
        raise Unavailable(f"The database's schema is {found or 'empty'}, not {newest}: run `matinee migrate`.")
