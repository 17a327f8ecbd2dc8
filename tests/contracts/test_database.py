"""The database as it is operated: what start-up says of a wrong one, and what is left after it was away."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from deploy.local import postgresql
from fastapi import FastAPI

from engines import missing
from matinee.api import problems
from matinee.compose.database import (
    Limits,
    check_database,
    check_replica,
    migrate,
    open_database,
    open_replica,
)
from matinee.model.errors import Invalid, Unavailable

PASSWORD = "a pass/word@with:signs"


@pytest.fixture(scope="module")
def server() -> Iterator[postgresql.Server]:
    """A server that asks for a password, with a migrated database ``matinee``; tests may kill and restart it."""
    if postgresql.find() is None:
        missing("PostgreSQL", postgresql.INSTALL)
    with postgresql.postgresql(password=PASSWORD, connections=30) as running:
        engine = open_database(running.create_database("matinee"))
        migrate(engine)
        engine.dispose()
        yield running


def refusal(url: str) -> str:
    """What start-up says of an address; it never holds the password."""
    engine = open_database(url)
    try:
        with pytest.raises(Unavailable) as raised:
            check_database(engine)
    finally:
        engine.dispose()
    said = str(raised.value)
    assert PASSWORD not in said
    assert "pass%2Fword" not in said
    assert said.endswith(".")
    assert "\n" not in said
    return said


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_a_database_that_is_right_says_what_it_is(database: sa.Engine) -> None:
    assert check_database(database).startswith(("SQLite 3.", "PostgreSQL 1"))


def test_a_server_that_is_not_there_is_named(server: postgresql.Server) -> None:
    said = refusal("postgresql+psycopg://matinee:secret@127.0.0.1:9/films")
    assert "postgresql+psycopg://matinee:***@127.0.0.1:9/films does not answer" in said
    assert "secret" not in said


def test_a_wrong_password_is_named_and_not_shown(server: postgresql.Server) -> None:
    said = refusal(server.address("matinee", password="guess-of-mine"))
    assert "does not let the user 'postgres' in" in said
    assert "guess-of-mine" not in said


def test_a_password_in_the_query_is_not_shown_either() -> None:
    said = refusal("postgresql+psycopg://matinee@127.0.0.1:9/films?password=hidden-word&sslmode=disable")
    assert "hidden-word" not in said


def test_a_database_that_does_not_exist_is_named(server: postgresql.Server) -> None:
    assert "There is no database 'films'" in refusal(server.address("films"))


def test_an_empty_database_is_told_to_be_migrated(server: postgresql.Server) -> None:
    assert "run `matinee migrate`" in refusal(server.create_database("empty"))


def test_a_replica_given_as_the_database_is_refused_and_as_a_replica_is_right(server: postgresql.Server) -> None:
    with postgresql.replica(server) as replica:
        assert "is a read replica: give the address of its primary" in refusal(replica.address("matinee"))
        assert check_replica(replica.address("matinee")).endswith(" s behind")
    with pytest.raises(Invalid, match="is a primary of its own"):
        check_replica(server.address("matinee"))


def test_a_database_that_can_only_be_read_is_refused(server: postgresql.Server) -> None:
    server.execute("ALTER DATABASE matinee SET default_transaction_read_only = on")
    try:
        assert "default_transaction_read_only is on there" in refusal(server.address("matinee"))
    finally:
        server.execute("ALTER DATABASE matinee RESET default_transaction_read_only", "template1")


def test_a_server_that_is_too_old_is_refused(server: postgresql.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # There is one version here: the oldest that is taken is made a newer one.
    monkeypatch.setattr("matinee.compose.database.OLDEST_POSTGRESQL", 99)
    assert "99 is the oldest that Matinee works with" in refusal(server.address("matinee"))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "films.db"
    path.write_text("a page of a diary, of which SQLite can make nothing at all\n" * 20)
    engine = open_database(f"sqlite:///{path}")
    with pytest.raises(Unavailable, match=r"films\.db is no SQLite database"):
        check_database(engine)


def test_a_statement_a_lock_and_an_idle_transaction_end_in_time_and_say_so(server: postgresql.Server) -> None:
    def opened(**limit: float) -> sa.Engine:
        return open_database(server.address("matinee"), Limits(**limit))  # type: ignore[arg-type]

    engine = opened(statement_seconds=0.5)
    with pytest.raises(sa.exc.OperationalError, match="statement timeout"), engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_sleep(60)"))
    engine.dispose()
    engine = opened(lock_seconds=0.5)
    lock = sa.text("LOCK TABLE accounts_members IN ACCESS EXCLUSIVE MODE")
    with engine.begin() as holding:
        holding.execute(lock)
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"), engine.begin() as waiting:
            waiting.execute(lock)
    engine.dispose()
    engine = opened(idle_seconds=0.5)
    with pytest.raises(sa.exc.OperationalError), engine.begin() as idle:  # noqa: PT012 - the pause is what is tested
        idle.execute(sa.text("SELECT 1"))
        time.sleep(2.0)
        idle.execute(sa.text("SELECT 1"))
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SHOW application_name")) == "matinee"
    engine.dispose()


def test_a_server_that_turned_read_only_is_a_database_that_is_away(server: postgresql.Server) -> None:
    engine = open_database(server.address("matinee"))
    with engine.connect() as connection:
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("DELETE FROM accounts_guesses"))
        assert connection.invalidated
    engine.dispose()


def test_a_request_waits_for_a_connection_only_so_long(server: postgresql.Server) -> None:
    engine = open_database(server.address("matinee"), Limits(kept=1, more=0, wait_seconds=0.1))
    with engine.connect(), pytest.raises(sa.exc.TimeoutError):
        engine.connect()
    engine.dispose()


def test_through_a_kill_requests_get_503_with_retry_after_and_then_answers(server: postgresql.Server) -> None:
    engine = open_database(server.address("matinee"))
    app = FastAPI()
    problems.install(app)

    @app.get("/count")
    def count() -> int:
        with engine.connect() as connection:
            return int(connection.scalar(sa.text("SELECT count(*) FROM accounts_members")) or 0)

    @app.post("/write")
    def write() -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM accounts_guesses WHERE subject = 'nobody'"))

    stop, answers = threading.Event(), list[tuple[int, str | None]]()

    async def ask() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://matinee") as client:
            while not stop.is_set():
                for answer in (await client.get("/count"), await client.post("/write")):
                    answers.append((answer.status_code, answer.headers.get("retry-after")))

    asking = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        until(lambda: len(answers) > 50)
        server.kill()
        until(lambda: any(status == 503 for status, _ in answers))
        server.start()
        since = len(answers)
        until(lambda: [status for status, _ in answers[since:]].count(200) > 20)
    finally:
        stop.set()
        for thread in asking:
            thread.join()
    engine.dispose()
    assert {status for status, _ in answers} == {200, 503}
    assert all(retry for status, retry in answers if status == 503)


def test_reads_that_may_lag_go_to_the_replica_and_to_the_primary_while_it_is_away(server: postgresql.Server) -> None:
    whom = sa.text("SELECT pg_is_in_recovery()")
    with postgresql.replica(server) as replica:
        engine = open_replica(replica.address("matinee"), server.address("matinee"))
        with engine.connect() as connection:
            assert connection.scalar(whom) is True
        replica.kill()
        with engine.connect() as connection:
            assert connection.scalar(whom) is False
        with pytest.raises(sa.exc.OperationalError), engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM accounts_guesses"))
        engine.dispose()


def test_a_replica_of_sqlite_is_refused() -> None:
    with pytest.raises(Invalid, match="SQLite has no replicas"):
        open_replica("sqlite:///a.db", "sqlite:///b.db")
