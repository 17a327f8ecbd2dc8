"""Fixtures every test shares: the database on both engines, a clock turned by hand, seeded randomness."""

import os
import random
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from deploy.local import postgresql
from deploy.local import swift as swift_engine
from hypothesis import settings

from engines import missing
from matinee.adapters.clock_manual import ManualClock
from matinee.compose.database import migrate, open_database

# A busy machine is no fault: what must be quick is measured by the tests that say so.
settings.register_profile("matinee", deadline=None)
settings.load_profile("matinee")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("template") / "template.db"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    with engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    engine.dispose()
    return path.read_bytes()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    """A PostgreSQL server for the whole session: others use it, too, so nobody kills this one."""
    if postgresql.find() is None:
        missing("PostgreSQL", f"{postgresql.INSTALL}, or run make test as root")
    with postgresql.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: postgresql.Server) -> str:
    """The address of the session's server, with ``{name}`` for a database; ``template`` there has the whole schema."""
    engine = open_database(postgresql_server.create_database("template"))
    migrate(engine)
    engine.dispose()
    return postgresql_server.address("{name}")


_databases = count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database with the whole schema, on each engine in turn."""
    if request.param == "sqlite":
        path = tmp_path / "matinee.db"
        path.write_bytes(request.getfixturevalue("sqlite_template"))
        yield f"sqlite:///{path}"
        return
    address: str = request.getfixturevalue("postgresql_template")
    name = f"test_{os.getpid()}_{next(_databases)}"
    admin = sa.create_engine(address.format(name="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE template"))
    yield address.format(name=name)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[sa.Engine]:
    """An engine on an empty database with the whole schema; the test runs once on SQLite and once on PostgreSQL."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def random_bytes() -> Callable[[int], bytes]:
    return random.Random(20260101).randbytes


@pytest.fixture(scope="session")
def swift() -> Iterator[swift_engine.Swift]:
    """A real S3 server, OpenStack Swift's, for the whole session; tests make buckets of their own there."""
    if swift_engine.find() is None:
        missing("Swift", "make setup-development")
    with swift_engine.swift() as server:
        yield server
