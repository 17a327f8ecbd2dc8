"""The archive under both logs, in a folder and a real S3: each event once, whatever dies, and gone if forgotten."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import obstore
import pytest
import sqlalchemy as sa
from obstore.store import LocalStore, ObjectStore
from pyarrow import dataset

from archive_processes import NOW, RANGE_EVENTS, forget_and_die, keep_up_and_die, open_archive, watched, write_and_die
from event_processes import Where, running
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.adapters.events_jetstream import JetStreamEventLog
from matinee.model.errors import Unavailable
from matinee.model.events import Event, MemberForgotten
from matinee.ports import EventLog
from matinee.recommender.archive import PREFIX, Archive, key_of
from matinee.recommender.upkeep import Upkeep

if TYPE_CHECKING:
    from deploy.local.swift import Swift

_numbers = count(1)


class World:
    """A log, its archive in an object store, and what a data team sees there."""

    def __init__(self, engine: sa.Engine, objects: ObjectStore, seen: Path, log: EventLog | None = None) -> None:
        self.engine = engine
        self.objects = objects
        self.clock = ManualClock(NOW)
        self.log = log or DatabaseEventLog(engine)
        self.archive = self.another()
        self.upkeep = Upkeep(self.archive, random.Random(1).randbytes)
        self._seen = seen

    def another(self) -> Archive:
        """The archive as another process holds it."""
        return Archive(self.engine, self.objects, self.log, self.clock, RANGE_EVENTS)

    def tell(self, *events: Event) -> None:
        if isinstance(self.log, DatabaseEventLog):
            self.log.append(events)
        else:
            # As players tell: what is appended together is one member's.
            for event in events:
                self.log.append([event])

    def key(self, day: str, first: int, last: int) -> str:
        """The key of a day's part of the events of these numbers, counted from zero."""
        places = [0, *(recorded.position for recorded in self.log.tail().read(1000))]
        return key_of(day, places[first] + 1, places[last + 1])

    def retain(self, events_days: float, archive_days: float) -> None:
        Upkeep(self.archive, random.Random(2).randbytes, events_days, archive_days).retain()

    def names(self) -> list[str]:
        return sorted(one["path"] for one in obstore.list(self.objects, PREFIX).collect())

    def query(self, sql: str) -> list[Any]:
        """What DuckDB answers of the folder as one table, ``events``."""
        folder = self._seen / str(next(_numbers))
        for key in self.names():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(obstore.get(self.objects, key).bytes()))
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            parts = f"{folder}/{PREFIX}*/*.parquet"
            connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{parts}', hive_partitioning = true)")
            return connection.execute(sql).fetchall()

    def ids(self) -> list[str]:
        return [row[0] for row in self.query("SELECT id FROM events ORDER BY position")] if self.names() else []


@pytest.fixture(params=["folder", "swift", "folder and JetStream"])
def world(request: pytest.FixtureRequest, database: sa.Engine, database_url: str, tmp_path: Path) -> Iterator[World]:
    if request.param == "swift":
        server: Swift = request.getfixturevalue("swift")
        bucket = f"archive-{next(_numbers)}"
        server.create_bucket(bucket)
        yield World(database, server.store(bucket), tmp_path / "seen")
        return
    folder = LocalStore(tmp_path / "objects", mkdir=True)
    if request.param == "folder":
        yield World(database, folder, tmp_path / "seen")
        return
    hub = request.getfixturevalue("nats_hub")
    log, _ = Where(database_url, f"{hub.address}?stream=archive_{next(_numbers)}").open(database)
    assert isinstance(log, JetStreamEventLog)
    yield World(database, folder, tmp_path / "seen", log)
    log.close()


@pytest.fixture
def local(database: sa.Engine, tmp_path: Path) -> World:
    """An archive in a folder, where what is tried does not depend on the store."""
    return World(database, LocalStore(tmp_path / "objects", mkdir=True), tmp_path / "seen")


def ids_of(numbers: Iterator[int] | range) -> list[str]:
    return [f"event-{number}" for number in numbers]


# --- writing --------------------------------------------------------------------------------------------------------


def test_every_event_of_the_log_is_archived_once_in_the_folder_of_its_day(world: World) -> None:
    days = [NOW - timedelta(days=day) for day in range(3)]
    world.tell(*(watched(number, at=days[number % 3]) for number in range(30)))
    assert world.archive.write() == 30
    world.tell(*(watched(number) for number in range(30, 35)))
    assert world.archive.write() == 5
    assert world.archive.write() == 0
    assert world.names() == [
        world.key("2026-11-20", 0, 29),
        world.key("2026-11-21", 0, 29),
        world.key("2026-11-22", 0, 29),
        world.key("2026-11-22", 30, 34),
    ]
    assert world.ids() == ids_of(range(35))
    assert world.query("SELECT day::VARCHAR, count(*) FROM events GROUP BY ALL ORDER BY ALL") == [
        ("2026-11-20", 10),
        ("2026-11-21", 10),
        ("2026-11-22", 15),
    ]


def test_a_row_holds_the_event_as_it_was(world: World) -> None:
    world.tell(watched(5))
    world.archive.write()
    [position] = [recorded.position for recorded in world.log.tail().read()]
    [row] = world.query(
        "SELECT type, version, time::VARCHAR, source, member_id, profile_id, title_id, playback_id, edge_id, position, "
        "facts->>'watched_seconds' FROM events"
    )
    named = (None, "ada", "title-5", "play-ada", None)
    assert row == ("playback.heartbeat", 1, "2026-11-22 12:00:00+00", "test", *named, position, "10.0")
    assert list(world.archive.events()) == [(position, watched(5))]


def test_arrow_reads_the_folder_as_one_table(local: World, tmp_path: Path) -> None:
    local.tell(*(watched(number) for number in range(3)))
    local.archive.write()
    table = dataset.dataset(tmp_path / "objects" / PREFIX, partitioning="hive").to_table()
    assert table["id"].to_pylist() == ids_of(range(3))
    assert set(table["day"].to_pylist()) == {"2026-11-22"}


def test_an_event_that_was_told_again_is_archived_once(local: World) -> None:
    local.tell(*(watched(number) for number in range(10)))
    local.archive.write()
    local.tell(watched(10), watched(11))
    # As a log gives it that does not look into what is appended: event-3 once more, at another position.
    with local.engine.begin() as connection:
        connection.execute(sa.text("UPDATE events_log SET body = replace(body, 'event-10', 'event-3')"))
    assert local.archive.write() == 1
    assert local.ids() == [*ids_of(range(10)), "event-11"]


def test_workers_that_write_at_once_neither_double_nor_lose(local: World) -> None:
    for first in range(0, 3 * RANGE_EVENTS, 50):
        local.tell(*(watched(number) for number in range(first, first + 50)))
    together = threading.Barrier(4)

    def write(_: int) -> int:
        archive = local.another()
        together.wait()
        return archive.write()

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(write, range(4)))
    assert sum(written) == 3 * RANGE_EVENTS
    assert local.ids() == ids_of(range(3 * RANGE_EVENTS))
    assert local.upkeep.sweep() == 0


@pytest.mark.parametrize("step", [0, 2, 4, 5, 7])
def test_a_writer_that_is_killed_at_any_step_loses_and_doubles_nothing(
    local: World, database_url: str, tmp_path: Path, step: int
) -> None:
    """Steps: the intent's commit, before and after each put, the commit of both parts; then it ends by itself."""
    events = [watched(number, at=NOW - timedelta(days=number % 2)) for number in range(20)]
    local.tell(*events)
    with running(write_and_die, database_url, tmp_path / "objects", step) as process:
        process.join(60)
        assert process.exitcode == (-9 if step < 7 else 0)
    local.tell(*(watched(number) for number in range(20, 25)))
    local.archive.write()
    assert local.ids() == ids_of(range(25))
    assert [event for _, event in sorted(local.archive.events())][:20] == events
    local.upkeep.sweep()
    assert local.ids() == ids_of(range(25))


def test_a_worker_that_puts_its_parts_after_another_finished_for_it_does_no_harm(local: World) -> None:
    local.tell(*(watched(number) for number in range(10)))
    slow, put = local.another(), LateStore()
    put.hold(slow)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(slow.write)
        assert put.reached.wait(20)
        assert local.archive.write() == 10
        local.clock.advance(3 * 86_400)
        local.tell(watched(10))
        local.archive.write()
        put.go_on.set()
        assert writing.result(timeout=60) == 0
    assert local.ids() == ids_of(range(11))


class LateStore:
    """Holds a worker's first put until it is let go."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def hold(self, archive: Archive) -> None:
        put = archive.put

        def late(key: str, body: bytes | Path) -> None:
            self.reached.set()
            assert self.go_on.wait(60)
            put(key, body)

        archive.put = late  # type: ignore[method-assign]


def test_an_intent_waits_while_the_log_does_not_give_all_that_was_meant(local: World) -> None:
    local.tell(*(watched(number) for number in range(10)))
    archive = local.another()
    archive.put = refuse  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        archive.write()
    with local.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM events_log WHERE position = 5"))
    with pytest.raises(Unavailable, match="9 of the 10"):
        local.archive.write()


def refuse(key: str, body: bytes | Path) -> None:
    raise Unavailable("The store is away.")


# --- upkeep ---------------------------------------------------------------------------------------------------------


def tell_in_parts(world: World, parts: int = 4, each: int = 5) -> None:
    for part in range(parts):
        world.tell(*(watched(part * each + number, ("ada", "bob")[number % 2]) for number in range(each)))
        world.archive.write()


def test_small_parts_of_a_past_day_become_one(world: World) -> None:
    tell_in_parts(world)
    assert len(world.names()) == 4
    assert world.upkeep.compact() == 0
    world.clock.advance(86_400)
    assert world.upkeep.compact() == 4
    assert len(world.names()) == 1
    assert world.ids() == ids_of(range(20))
    assert world.upkeep.compact() == 0


@pytest.mark.parametrize("step", [1, 3, 5, 7, 30])
def test_a_compaction_that_is_killed_at_any_step_loses_and_doubles_nothing(
    local: World, database_url: str, tmp_path: Path, step: int
) -> None:
    tell_in_parts(local, parts=2)
    with running(keep_up_and_die, database_url, tmp_path / "objects", step) as process:
        process.join(60)
        assert process.exitcode == (-9 if step < 9 else 0)
    local.clock.advance(4 * 86_400)
    local.upkeep.compact()
    local.upkeep.sweep()
    assert local.ids() == ids_of(range(10))
    assert len(local.names()) == 1


def test_compactions_at_once_neither_double_nor_lose(local: World) -> None:
    tell_in_parts(local)
    local.clock.advance(86_400)
    together = threading.Barrier(3)

    def compact(seed: int) -> None:
        upkeep = Upkeep(local.another(), random.Random(seed).randbytes)
        together.wait()
        # Who finds that its parts are gone begins again when it is due.
        with suppress(Unavailable):
            upkeep.compact()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(compact, range(3)))
    local.clock.advance(7200)
    local.upkeep.compact()
    assert local.ids() == ids_of(range(20))
    assert len(local.names()) == 1


def test_the_log_lets_go_of_what_is_archived_and_old_and_of_nothing_else(world: World) -> None:
    world.tell(*(watched(number) for number in range(5)))
    fifth = world.log.tail().read()[-1].position
    world.archive.write()
    world.clock.advance(20 * 86_400)
    world.tell(*(watched(number) for number in range(5, 8)))
    world.archive.write()
    world.clock.advance(20 * 86_400)
    world.tell(*(watched(number) for number in range(8, 10)))
    world.retain(30, 0)
    assert [one.event.id for one in world.log.tail().read()] == ids_of(range(5, 10))
    assert world.archive.dropped_through() == fifth
    world.clock.advance(400 * 86_400)
    world.retain(30, 0)
    assert [one.event.id for one in world.log.tail().read()] == ids_of(range(8, 10))
    world.archive.write()
    assert world.ids() == ids_of(range(10))


def test_a_log_that_is_kept_for_ever_loses_nothing(local: World) -> None:
    tell_in_parts(local)
    local.clock.advance(4000 * 86_400)
    local.retain(0, 0)
    assert len(local.log.tail().read()) == 20
    assert local.archive.dropped_through() == 0
    assert local.archive.written_through() == 20


def test_days_past_their_keep_leave_the_archive(world: World) -> None:
    world.tell(*(watched(number, at=NOW - timedelta(days=number)) for number in range(10)))
    world.archive.write()
    world.retain(0, 7)
    assert sorted(world.ids()) == ids_of(range(8))


def test_a_sweep_removes_what_no_row_knows_and_nothing_else(local: World) -> None:
    local.tell(*(watched(number) for number in range(10)))
    local.archive.write()
    stranger = f"{PREFIX}day=2026-11-22/part-{1:016d}-{7:016d}.parquet"
    obstore.put(local.objects, stranger, b"put by who was killed")
    assert local.upkeep.sweep() == 1
    assert local.ids() == ids_of(range(10))


# --- forgetting -----------------------------------------------------------------------------------------------------

UNTIL = NOW.timestamp()


def test_who_is_forgotten_is_in_no_part_and_not_in_the_log(world: World) -> None:
    tell_in_parts(world)
    world.tell(watched(20, "ada"), watched(21, "bob"))
    world.upkeep.forget("ada", UNTIL)
    left = world.query("SELECT profile_id, count(*) FROM events GROUP BY ALL")
    assert left == [("bob", 9)]
    assert {getattr(one.event.facts, "profile_id", "") for one in world.log.tail().read()} == {"bob"}
    # What bob did is as it was.
    assert [event for _, event in sorted(world.archive.events())] == [
        watched(number, "bob") for number in (1, 3, 6, 8, 11, 13, 16, 18, 21)
    ]


def test_a_day_of_one_who_is_forgotten_is_gone(world: World) -> None:
    world.tell(watched(0, at=NOW - timedelta(days=1)), watched(1, "bob"))
    world.archive.write()
    world.upkeep.forget("ada", UNTIL)
    assert [key for key in world.names() if "day=2026-11-21" in key] == []
    assert world.ids() == ["event-1"]


def test_late_events_of_who_is_forgotten_are_left_out_and_new_ones_are_not(local: World) -> None:
    local.upkeep.forget("ada", UNTIL)
    local.tell(watched(0), watched(1, at=NOW + timedelta(seconds=1)), watched(2, "bob"))
    local.archive.write()
    assert local.ids() == ["event-1", "event-2"]
    assert [one.event.id for one in local.log.tail().read()] == ["event-1", "event-2"]


def test_the_word_that_somebody_is_forgotten_stays(local: World) -> None:
    local.tell(watched(0), Event("forgotten", NOW, "test", MemberForgotten("member", "ada", UNTIL)))
    local.archive.write()
    local.upkeep.forget("ada", UNTIL)
    assert local.ids() == ["forgotten"]


def test_forgetting_twice_is_forgetting_once(local: World) -> None:
    tell_in_parts(local)
    local.upkeep.forget("ada", UNTIL)
    kept = local.names()
    local.upkeep.forget("ada", UNTIL)
    assert local.names() == kept


@pytest.mark.parametrize("step", [1, 4, 8])
def test_a_forgetting_that_is_killed_at_any_step_is_finished_by_the_next(
    local: World, database_url: str, tmp_path: Path, step: int
) -> None:
    tell_in_parts(local, parts=2)
    with running(forget_and_die, database_url, tmp_path / "objects", step, "ada", UNTIL) as process:
        process.join(60)
    local.upkeep.forget("ada", UNTIL)
    local.clock.advance(7200)
    local.retain(0, 0)
    assert local.query("SELECT profile_id, count(*), count(DISTINCT id) FROM events GROUP BY ALL") == [("bob", 4, 4)]
    assert len(local.log.tail().read()) == 4


def test_a_writer_that_did_not_know_leaves_nothing_of_who_is_forgotten(local: World) -> None:
    local.tell(*(watched(number, ("ada", "bob")[number % 2]) for number in range(10)))
    slow, put = local.another(), LateStore()
    put.hold(slow)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(slow.write)
        assert put.reached.wait(20)
        local.upkeep.forget("ada", UNTIL)
        put.go_on.set()
        assert writing.result(timeout=60) == 0
    assert local.query("SELECT profile_id, count(*) FROM events GROUP BY ALL") == [("bob", 5)]


def test_a_worker_whose_process_ends_and_starts_finds_its_archive(local: World, tmp_path: Path) -> None:
    tell_in_parts(local)
    again = open_archive(local.engine, tmp_path / "objects")
    assert again.written_through() == 20
    assert [event.id for _, event in again.events(after=15)] == ids_of(range(15, 20))
