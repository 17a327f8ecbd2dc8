"""``ports.Outbox``, ``Relay``, ``EventLog``, ``Tail`` and ``Group``, sentence by sentence, on both databases."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from event_processes import (
    GROUP,
    LEASE_SECONDS,
    append,
    consume,
    consume_and_hang,
    relay,
    relay_and_hang,
    running,
    searched,
    until,
)
from matinee.adapters import events_database, events_groups
from matinee.adapters import events_tables as tables
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.compose.database import open_database
from matinee.model.errors import Invalid, Unavailable
from matinee.model.events import Event
from matinee.ports import Recorded


class World:
    """An outbox, a relay and a log on one database."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.outbox = DatabaseOutbox()
        self.relay = DatabaseRelay(engine)
        self.log = DatabaseEventLog(engine, lease_seconds=LEASE_SECONDS)

    def append(self, *events: Event) -> int:
        with self.engine.begin() as connection:
            return self.outbox.append(connection, events)

    def tell(self, count: int, source: str = "a", first: int = 0) -> None:
        """Append that many events and forward them."""
        self.append(*(searched(source, number) for number in range(first, first + count)))
        self.relay.forward()

    def ids(self) -> list[str]:
        return [recorded.event.id for recorded in self.log.tail().read(limit=1_000_000)]


@pytest.fixture
def world(database: sa.Engine) -> World:
    return World(database)


def ids(events: Sequence[Recorded]) -> list[str]:
    return [recorded.event.id for recorded in events]


# --- Outbox ---------------------------------------------------------------------------------------------------------


def test_events_exist_if_the_change_they_tell_of_commits(world: World) -> None:
    assert world.append(searched("a", 0)) == 1
    assert world.relay.forward() == 1
    assert world.ids() == ["a-0"]


def test_events_do_not_exist_if_the_change_they_tell_of_is_rolled_back(world: World) -> None:
    with world.engine.connect() as connection, connection.begin() as change:
        assert world.outbox.append(connection, [searched("a", 0)]) == 1
        change.rollback()
    assert world.relay.forward() == 0
    assert world.append(searched("a", 0)) == 1


def test_an_event_comes_out_of_the_log_as_it_was_appended(world: World) -> None:
    event = searched("a", 7)
    world.append(event)
    world.relay.forward()
    assert world.log.tail().read() == (Recorded(position=1, event=event),)


def test_an_id_that_still_waits_in_the_outbox_is_passed_over(world: World) -> None:
    world.append(searched("a", 0))
    assert world.append(searched("a", 0), searched("a", 1)) == 1
    world.relay.forward()
    assert world.ids() == ["a-0", "a-1"]


def test_an_id_that_stands_in_the_log_is_passed_over(world: World) -> None:
    world.tell(3)
    assert world.append(searched("a", 1), searched("a", 3), searched("a", 0)) == 1
    assert world.relay.forward() == 1
    assert world.ids() == ["a-0", "a-1", "a-2", "a-3"]


def test_an_id_that_comes_twice_at_once_is_taken_the_first_time(world: World) -> None:
    assert world.append(searched("a", 1), searched("a", 0), searched("a", 1)) == 2
    with world.engine.begin() as connection:
        assert world.outbox.append(connection, [searched("b", 0)]) == 1
        assert world.outbox.append(connection, [searched("b", 0)]) == 0
    world.relay.forward()
    assert world.ids() == ["a-1", "a-0", "b-0"]


def test_no_events_are_no_work(world: World) -> None:
    assert world.append() == 0


@pytest.mark.parametrize("event_id", ["", "x" * 201, "a\nb", "a\0b", "a\ud800b"])
def test_an_id_that_is_empty_longer_or_not_printable_is_invalid(world: World, event_id: str) -> None:
    sane = searched("a", 0)
    with pytest.raises(Invalid, match="1 to 200 printable letters"):
        world.append(sane, Event(id=event_id, time=sane.time, source="a", facts=sane.facts))
    assert world.relay.forward() == 0


def test_an_id_of_two_hundred_printable_letters_is_taken(world: World) -> None:
    sane = searched("a", 0)
    assert world.append(Event(id="é" * 200, time=sane.time, source="a", facts=sane.facts)) == 1


def test_appending_the_same_ids_from_many_threads_while_relays_run_counts_each_once(world: World) -> None:
    def append_all(_: int) -> int:
        return sum(world.append(*(searched("a", 10 * batch + number) for number in range(10))) for batch in range(10))

    done = threading.Event()

    def forward() -> int:
        moved = 0
        while not done.is_set():
            moved += world.relay.forward(7)
        return moved

    with ThreadPoolExecutor(6) as pool:
        relays = [pool.submit(forward) for _ in range(2)]
        appended = list(pool.map(append_all, range(4)))
        done.set()
    assert sum(appended) == 100
    moved = sum(future.result() for future in relays) + world.relay.forward()
    assert moved == 100
    assert sorted(world.ids()) == sorted(searched("a", number).id for number in range(100))


def test_an_outbox_in_a_database_wants_its_connection() -> None:
    with pytest.raises(TypeError):
        DatabaseOutbox().append("a connection", [searched("a", 0)])


# --- Relay ----------------------------------------------------------------------------------------------------------


def test_a_relay_moves_the_oldest_first_and_says_how_many(world: World) -> None:
    world.append(*(searched("a", number) for number in range(3)))
    world.append(searched("b", 0))
    assert world.relay.forward(limit=2) == 2
    assert world.ids() == ["a-0", "a-1"]
    assert world.relay.forward() == 2
    assert world.relay.forward() == 0
    assert world.ids() == ["a-0", "a-1", "a-2", "b-0"]


def test_many_relays_move_each_event_once(world: World) -> None:
    for number in range(20):
        world.append(*(searched("a", 10 * number + place) for place in range(10)))
    with ThreadPoolExecutor(4) as pool:
        moved = sum(pool.map(lambda _: sum(world.relay.forward(9) for _ in range(30)), range(4)))
    assert moved == 200
    assert world.ids() == [f"a-{number}" for number in range(200)]


def test_an_event_that_commits_late_gets_a_position_that_no_reader_has_passed(world: World) -> None:
    if world.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time, so nothing commits late.")
    tail = world.log.tail()
    with world.engine.connect() as connection:
        world.outbox.append(connection, [searched("late", 0)])
        world.append(searched("early", 0))
        world.relay.forward()
        assert ids(tail.read()) == ["early-0"]
        connection.commit()
    world.relay.forward()
    assert ids(tail.read()) == ["late-0"]


def test_forward_waits_for_what_another_relay_is_moving(world: World) -> None:
    world.append(searched("a", 0))
    with ThreadPoolExecutor(1) as pool:
        with world.engine.begin() as connection:
            assert events_database._move(connection, 10) == 1
            waiting = pool.submit(lambda: (world.relay.forward(), world.ids()))
            time.sleep(0.3)
            assert not waiting.done()
        assert waiting.result(timeout=20) == (0, ["a-0"])


def test_a_relay_that_is_killed_half_way_loses_and_doubles_nothing(
    world: World, database_url: str, tmp_path: Path
) -> None:
    world.append(*(searched("a", number) for number in range(50)))
    hung = tmp_path / "hung"
    with running(relay_and_hang, database_url, hung) as killed:
        until(hung.exists, "a relay in the middle of its work")
        killed.kill()
        killed.join()
    assert world.log.end() == 0
    until(lambda: world.relay.forward() == 50, "the lock that the dead relay held", seconds=10)
    assert world.ids() == [f"a-{number}" for number in range(50)]


# --- Tail and EventLog ----------------------------------------------------------------------------------------------


def test_the_end_is_the_last_events_position_and_zero_before_the_first(world: World) -> None:
    assert world.log.end() == 0
    world.tell(3)
    assert world.log.end() == world.log.tail().read()[-1].position


def test_positions_grow_even_over_events_that_were_removed(world: World) -> None:
    world.tell(5)
    end = world.log.end()
    with world.engine.begin() as connection:
        connection.execute(sa.delete(tables.log))
    assert world.log.end() == end
    world.tell(1, first=5)
    assert [recorded.position for recorded in world.log.tail().read()] == [end + 1]


def test_a_tail_sees_every_event_in_order_and_each_once(world: World) -> None:
    tail = world.log.tail()
    world.tell(5)
    assert ids(tail.read(limit=3)) == ["a-0", "a-1", "a-2"]
    world.tell(2, first=5)
    seen = tail.read()
    assert ids(seen) == ["a-3", "a-4", "a-5", "a-6"]
    assert all(before.position < after.position for before, after in pairwise(seen))
    assert tail.read() == ()


def test_every_tail_sees_every_event(world: World) -> None:
    world.tell(3)
    assert ids(world.log.tail().read()) == ids(world.log.tail().read()) == ["a-0", "a-1", "a-2"]


def test_a_tail_begins_after_the_position_it_is_given(world: World) -> None:
    world.tell(3)
    second = world.log.tail().read()[1].position
    assert ids(world.log.tail(after=second).read()) == ["a-2"]
    assert world.log.tail(after=world.log.end()).read() == ()


def test_a_tail_waits_for_a_first_event_and_no_longer(world: World) -> None:
    tail = world.log.tail()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(tail.read, 1000, 20.0)
        time.sleep(0.2)
        assert not waiting.done()
        started = time.monotonic()
        world.tell(1)
        assert ids(waiting.result(timeout=20)) == ["a-0"]
        assert time.monotonic() - started < 5.0


def test_a_tail_that_waits_in_vain_comes_back_empty(world: World) -> None:
    started = time.monotonic()
    assert world.log.tail().read(wait_seconds=0.2) == ()
    assert 0.2 <= time.monotonic() - started < 5.0


def test_threads_that_share_a_tail_share_its_events(world: World) -> None:
    world.tell(200)
    tail = world.log.tail()
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda _: [ids(tail.read(limit=7)) for _ in range(20)], range(4))
        seen = [event_id for part in parts for batch in part for event_id in batch]
    assert sorted(seen) == sorted(f"a-{number}" for number in range(200))


def test_readers_pass_over_an_event_that_their_version_does_not_know(world: World) -> None:
    world.append(searched("a", 0))
    body = '{"version":9,"id":"x","type":"moon.landed","time":"2030-01-01T00:00:00+00:00","source":"y","facts":{}}'
    with world.engine.begin() as connection:
        connection.execute(sa.insert(tables.outbox).values(id="unknown", body=body))
    world.tell(1, first=1)
    tail, group = world.log.tail(), world.log.group("some")
    assert ids(tail.read(limit=2)) == ["a-0", "a-1"]
    assert tail.read() == ()
    with group.batch(limit=1) as first:
        assert ids(first) == ["a-0"]
    with group.batch(limit=1) as second:
        assert ids(second) == ["a-1"]


# --- Group ----------------------------------------------------------------------------------------------------------


def test_a_groups_first_batch_begins_at_the_logs_first_event(world: World) -> None:
    world.tell(3)
    with world.log.group("new").batch(limit=2) as events:
        assert ids(events) == ["a-0", "a-1"]


def test_a_group_begins_before_there_are_any_events(world: World) -> None:
    group = world.log.group("early")
    with group.batch() as events:
        assert events == ()
    world.tell(1)
    with group.batch() as events:
        assert ids(events) == ["a-0"]


def test_leaving_the_body_acknowledges_its_events(world: World) -> None:
    world.tell(3)
    group = world.log.group("some")
    with group.batch(limit=2):
        pass
    with world.log.group("some").batch() as rest:
        assert ids(rest) == ["a-2"]
    with group.batch() as nothing:
        assert nothing == ()


def test_every_group_gets_every_event(world: World) -> None:
    world.tell(2)
    for name in ("one", "other"):
        with world.log.group(name).batch() as events:
            assert ids(events) == ["a-0", "a-1"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_body_that_raises_has_acknowledged_nothing(world: World, failure: type[BaseException]) -> None:
    world.tell(2)

    def fail() -> None:
        with world.log.group("some").batch() as events:
            assert len(events) == 2
            raise failure

    with pytest.raises(failure):
        fail()
    # At once, and to any member.
    with world.log.group("some").batch() as again:
        assert ids(again) == ["a-0", "a-1"]


def test_while_one_members_body_runs_the_others_get_an_empty_batch(world: World) -> None:
    world.tell(4)
    with world.log.group("some").batch(limit=2) as first:
        assert ids(first) == ["a-0", "a-1"]
        with world.log.group("some").batch(wait_seconds=0.2) as second:
            assert second == ()
    with world.log.group("some").batch() as rest:
        assert ids(rest) == ["a-2", "a-3"]


def test_a_body_may_run_longer_than_its_lease(world: World) -> None:
    world.tell(2)
    with world.log.group("some").batch(limit=1):
        started = time.monotonic()
        with world.log.group("some").batch(wait_seconds=2.5 * LEASE_SECONDS) as second:
            assert second == ()
        assert time.monotonic() - started > 2 * LEASE_SECONDS
    with world.log.group("some").batch() as rest:
        assert ids(rest) == ["a-1"]


def test_a_member_that_stood_still_while_another_went_on_acknowledges_nothing(world: World) -> None:
    world.tell(3)

    def stand_still() -> None:
        with world.log.group("some").batch():
            with world.engine.begin() as connection:
                connection.execute(sa.update(tables.groups).values(lease_ends=0))
            with world.log.group("some").batch(limit=1) as taken_over:
                assert ids(taken_over) == ["a-0"]

    with pytest.raises(Unavailable, match="'some' went on without"):
        stand_still()
    with world.log.group("some").batch() as rest:
        assert ids(rest) == ["a-1", "a-2"]


def test_a_group_waits_for_a_first_event(world: World) -> None:
    def handle() -> list[str]:
        with world.log.group("some").batch(wait_seconds=20.0) as events:
            return ids(events)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(handle)
        time.sleep(0.2)
        assert not waiting.done()
        started = time.monotonic()
        world.tell(1)
        assert waiting.result(timeout=20) == ["a-0"]
        assert time.monotonic() - started < 5.0


def test_threads_of_one_group_handle_each_event_once_and_in_order(world: World) -> None:
    world.tell(300)
    group = world.log.group("some")
    handled: list[str] = []

    def handle(_: int) -> None:
        while len(handled) < 300:
            with group.batch(limit=11, wait_seconds=0.1) as events:
                handled.extend(ids(events))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(handle, range(3)))
    assert handled == [f"a-{number}" for number in range(300)]


def test_a_member_that_finds_nothing_left_holds_no_lease(world: World) -> None:
    world.tell(1)
    with world.log.group("some").batch():
        pass
    # What a member does that looked before another acknowledged.
    assert events_groups.DatabaseGroup(world.engine, "some", LEASE_SECONDS)._take(10) is None
    world.tell(1, first=1)
    with world.log.group("some").batch() as events:
        assert ids(events) == ["a-1"]


def test_the_events_of_a_member_that_is_killed_in_its_body_are_given_to_another(
    world: World, database_url: str, tmp_path: Path
) -> None:
    world.tell(5)
    seen = tmp_path / "seen"
    group = world.log.group(GROUP)
    with running(consume_and_hang, database_url, seen) as killed:
        until(lambda: seen.exists() and seen.read_text().count("\n") == 5, "a member in its body")
        with group.batch(wait_seconds=1.5 * LEASE_SECONDS) as meanwhile:
            assert meanwhile == ()
        killed.kill()
        killed.join()
    with group.batch(wait_seconds=10 * LEASE_SECONDS) as events:
        assert ids(events) == [f"a-{number}" for number in range(5)]


# --- All of it, in processes of their own -----------------------------------------------------------------------------


def test_with_processes_killed_half_way_nothing_is_lost_forwarded_twice_or_out_of_order(
    world: World, database_url: str, tmp_path: Path
) -> None:
    sources, transactions, per_transaction = ("a", "b"), 40, 5
    total = len(sources) * transactions * per_transaction
    seen = [tmp_path / "first", tmp_path / "second"]

    def lines(path: Path) -> list[str]:
        return path.read_text().splitlines() if path.exists() else []

    with ExitStack() as processes:
        relays = [processes.enter_context(running(relay, database_url, limit)) for limit in (7, 11)]
        consumers = [processes.enter_context(running(consume, database_url, path)) for path in seen]
        for source in sources:
            processes.enter_context(running(append, database_url, source, transactions, per_transaction))
        until(lambda: sum(len(lines(path)) for path in seen) > total // 8, "the first handled events")
        relays[0].kill()
        victim = max((0, 1), key=lambda place: len(lines(seen[place])))
        consumers[victim].kill()
        everything = {f"{source}-{number}" for source in sources for number in range(transactions * per_transaction)}
        until(
            lambda: {line.split()[1] for path in seen for line in lines(path) if " " in line} >= everything,
            "every event at a consumer",
        )
    until(lambda: world.relay.forward() == 0, "an empty outbox", seconds=10)
    in_log = world.ids()
    assert len(in_log) == total
    assert set(in_log) == everything
    for source in sources:
        assert [event_id for event_id in in_log if event_id.startswith(source)] == [
            f"{source}-{number}" for number in range(transactions * per_transaction)
        ]
    for path in seen:
        positions = [int(line.split()[0]) for line in lines(path)]
        # One that lived sees a batch again only where its acknowledgement was refused, and nobody was that slow.
        assert positions == sorted(set(positions))


@pytest.mark.parametrize(
    "address", ["sqlite:///{folder}/gone/matinee.db", "postgresql+psycopg://nobody@127.0.0.1:1/x?connect_timeout=2"]
)
def test_a_database_that_does_not_answer_is_unavailable(address: str, tmp_path: Path) -> None:
    engine = open_database(address.format(folder=tmp_path))
    if (tmp_path / "gone").exists():
        (tmp_path / "gone").rmdir()
    world = World(engine)
    with pytest.raises(Unavailable, match="does not answer"):
        world.relay.forward()
    with pytest.raises(Unavailable, match="does not answer"):
        world.log.tail().read()
    with pytest.raises(Unavailable, match="does not answer"):
        world.log.end()
    with pytest.raises(Unavailable, match="does not answer"), world.log.group("some").batch():
        pass
    engine.dispose()
