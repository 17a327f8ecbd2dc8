"""Fixtures every test shares: the database on both engines, a clock turned by hand, seeded randomness."""

import contextlib
import logging
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from deploy.local import nats, postgresql
from deploy.local import swift as swift_engine
from hypothesis import settings
from obstore.store import LocalStore, ObjectStore

from engines import missing
from matinee.adapters.clock_manual import ManualClock
from matinee.compose.database import migrate, open_database
from matinee.compose.objects import open_objects

# A busy machine is no fault: what must be quick is measured by the tests that say so.
settings.register_profile("matinee", deadline=None)
settings.load_profile("matinee")


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that a test runs in this process says where its logs go, and the next test reads them elsewhere."""
    hooks = sys.excepthook, threading.excepthook
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        sys.excepthook, threading.excepthook = hooks
        root = logging.getLogger()
        # Its own alone: pytest's are of other kinds.
        root.handlers[:] = [handler for handler in root.handlers if type(handler) is not logging.StreamHandler]
        root.setLevel(logging.WARNING)


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


@pytest.fixture
def empty_database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[str], contextlib.AbstractContextManager[str]]:
    """The address of an empty database with the whole schema, for the body of a ``with``; takes the engine's name."""

    @contextlib.contextmanager
    def opened(engine: str) -> Iterator[str]:
        if engine == "sqlite":
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

    return opened


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, empty_database: Callable[[str], contextlib.AbstractContextManager[str]]
) -> Iterator[str]:
    """The address of an empty database with the whole schema, on each engine in turn."""
    with empty_database(request.param) as address:
        yield address


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


@pytest.fixture(scope="session")
def nats_hub() -> Iterator[nats.Servers]:
    """Three NATS servers with JetStream for the whole session; tests name streams of their own there.

    A test that kills some starts them again and waits until all are ready.
    """
    if nats.find() is None:
        missing("nats-server", nats.INSTALL)
    with nats.cluster() as hub:
        yield hub


_buckets = count(1)


@pytest.fixture
def bucket(swift: swift_engine.Swift, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket; the environment says where it is and who its owner is."""
    name = f"bucket-{os.getpid()}-{next(_buckets)}"
    swift.create_bucket(name, readers=True)
    for variable in [variable for variable in os.environ if variable.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    for variable, value in swift.environment().items():
        monkeypatch.setenv(variable, value)
    return f"s3://{name}"


@pytest.fixture(params=["folder", "swift"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty object store; the test runs once on a folder and once on a real S3."""
    if request.param == "folder":
        return LocalStore(tmp_path / "objects", mkdir=True)
    return open_objects(request.getfixturevalue("bucket"))
