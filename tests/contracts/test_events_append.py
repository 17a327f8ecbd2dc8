"""Appending straight to the log on both databases: together with whoever waits, and beside the outbox and its relay."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from event_processes import append_directly, running, searched, until
from matinee.adapters import events_tables as tables
from matinee.adapters.events_append import lock_positions
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.compose.database import open_database
from matinee.model.errors import Invalid, Unavailable
from matinee.model.events import Event


@pytest.fixture
def log(database: sa.Engine) -> DatabaseEventLog:
    return DatabaseEventLog(database)


def leave(database: sa.Engine, *events: Event) -> int:
    with database.begin() as connection:
        return DatabaseOutbox().append(connection, events)


def ids(log: DatabaseEventLog) -> list[str]:
    return [recorded.event.id for recorded in log.tail().read(limit=1_000_000)]


def transactions() -> float:
    return REGISTRY.get_sample_value("matinee_events_appended_together_count") or 0.0


def test_an_appended_event_stands_in_the_log_as_it_was_without_a_relay(log: DatabaseEventLog) -> None:
    events = [searched("é", number) for number in range(3)]
    assert log.append(events) == 3
    recorded = log.tail().read()
    assert [one.event for one in recorded] == events
    assert log.end() == recorded[-1].position
    assert log.append([]) == 0


def test_an_id_that_is_known_is_passed_over_wherever_it_stands(database: sa.Engine, log: DatabaseEventLog) -> None:
    leave(database, searched("outbox", 0))
    log.append([searched("log", 0)])
    known = [searched("new", 0), searched("outbox", 0), searched("log", 0), searched("new", 0), searched("new", 1)]
    assert log.append(known) == 2
    assert log.append(known) == 0
    assert log.end() == log.tail().read()[-1].position
    DatabaseRelay(database).forward()
    assert ids(log) == ["log-0", "new-0", "new-1", "outbox-0"]
    assert leave(database, searched("new", 1)) == 0


def test_an_id_that_was_appended_while_it_came_into_the_outbox_does_not_hold_the_relay_up(
    database: sa.Engine, log: DatabaseEventLog
) -> None:
    if database.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time, so nothing commits late.")
    with database.begin() as connection:
        DatabaseOutbox().append(connection, [searched("a", 0), searched("a", 1)])
        assert log.append([searched("a", 0)]) == 1
    assert DatabaseRelay(database).forward() == 1
    assert DatabaseRelay(database).waiting() == ()
    assert ids(log) == ["a-0", "a-1"]
    assert log.end() == log.tail().read()[-1].position


def test_an_id_that_is_not_right_refuses_its_own_caller_only(log: DatabaseEventLog) -> None:
    bad = searched("\0", 0)
    with ThreadPoolExecutor(2) as pool:
        right = pool.submit(log.append, [searched("a", 0)])
        with pytest.raises(Invalid, match="1 to 200 printable letters"):
            log.append([searched("b", 0), bad])
        assert right.result() == 1
    assert ids(log) == ["a-0"]


def test_all_who_wait_go_in_one_transaction(database: sa.Engine, log: DatabaseEventLog) -> None:
    before = transactions()
    with ThreadPoolExecutor(12) as pool:
        with database.begin() as connection:
            lock_positions(connection)
            first = pool.submit(log.append, [searched("first", 0)])
            until(lambda: log._commit._writing and not log._commit._queue, "the first writer, alone on its way")
            others = [pool.submit(log.append, [searched("same", 0), searched("other", place)]) for place in range(11)]
            until(lambda: len(log._commit._queue) == 11, "the others behind it")
            assert not first.done()
        assert first.result() == 1
        # Of those that brought the same id one brought it new.
        assert sorted(one.result() for one in others) == [1] * 10 + [2]
    assert transactions() == before + 2
    assert sorted(ids(log)) == sorted(["first-0", "same-0", *(f"other-{place}" for place in range(11))])


def test_threads_outboxes_and_relays_at_once_lose_and_double_nothing(
    database: sa.Engine, log: DatabaseEventLog
) -> None:
    done = threading.Event()
    seen: list[tuple[int, str]] = []

    def forward() -> None:
        while not done.is_set():
            DatabaseRelay(database).forward(7)

    def read() -> None:
        tail = log.tail()
        while not done.is_set():
            seen.extend((one.position, one.event.id) for one in tail.read(limit=13))
        seen.extend((one.position, one.event.id) for one in tail.read(limit=1_000_000))

    def appended(source: int) -> int:
        # Two threads bring the same events, and every third one comes through the outbox as well.
        name = f"source{source // 2}"
        total = 0
        for batch in range(10):
            events = [searched(name, 10 * batch + place) for place in range(10)]
            if source % 2 and batch % 3 == 0:
                total += leave(database, *events[:3])
            total += log.append(events)
        return total

    with ThreadPoolExecutor(9) as pool:
        background = [pool.submit(forward), pool.submit(forward), pool.submit(read)]
        list(pool.map(appended, range(6)))
        until(lambda: DatabaseRelay(database).forward() == 0, "an empty outbox")
        done.set()
        for one in background:
            one.result()
    everything = [searched(f"source{source}", number).id for source in range(3) for number in range(100)]
    assert sorted(event_id for _, event_id in seen) == sorted(everything)
    assert all(before < after for (before, _), (after, _) in pairwise(seen))
    assert log.end() == seen[-1][0]


def test_what_a_killed_process_was_told_is_kept_is_in_the_log_once(
    database: sa.Engine, database_url: str, log: DatabaseEventLog, tmp_path: Path
) -> None:
    told = [tmp_path / "first", tmp_path / "second"]

    def lines(path: Path) -> list[str]:
        return path.read_text().split() if path.exists() else []

    with ExitStack() as processes:
        first, second = (
            processes.enter_context(running(append_directly, database_url, f"p{place}", path))
            for place, path in enumerate(told)
        )
        until(lambda: all(len(lines(path)) > 100 for path in told), "events of both")
        first.kill()
        enough = len(lines(told[1])) + 100
        until(lambda: len(lines(told[1])) > enough, "events of the one that lives")
        second.kill()
    in_log = ids(log)
    assert len(in_log) == len(set(in_log))
    assert set(in_log) >= {line for path in told for line in lines(path)}
    for source in ("p0", "p1"):
        assert len([event_id for event_id in in_log if event_id.startswith(source)]) % 10 == 0


@pytest.mark.parametrize(
    "address", ["sqlite:///{folder}/gone/matinee.db", "postgresql+psycopg://nobody@127.0.0.1:1/x?connect_timeout=2"]
)
def test_a_database_that_does_not_answer_is_unavailable_to_all_who_wait(address: str, tmp_path: Path) -> None:
    engine = open_database(address.format(folder=tmp_path))
    if (tmp_path / "gone").exists():
        (tmp_path / "gone").rmdir()
    log = DatabaseEventLog(engine)
    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(log.append, [searched("a", place)]) for place in range(5)]
        for one in waiting:
            with pytest.raises(Unavailable, match="does not answer"):
                one.result(timeout=60)
    engine.dispose()


def test_events_that_every_group_handled_are_dropped_and_positions_go_on(
    database: sa.Engine, log: DatabaseEventLog
) -> None:
    log.append([searched("a", number) for number in range(4)])
    with log.group("slow").batch(limit=2):
        pass
    log.drop(log.end())
    assert ids(log) == ["a-2", "a-3"]
    with log.group("slow").batch():
        pass
    end = log.end()
    log.drop(end)
    assert ids(log) == []
    log.append([searched("a", 4)])
    assert [one.position for one in log.tail().read()] == [end + 1]
    with database.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.log)) == 1
