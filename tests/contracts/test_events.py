"""``ports.Outbox``, ``Relay``, ``EventLog``, ``Tail`` and ``Group``, sentence by sentence, on every log there is."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from event_processes import (
    GROUP,
    LEASE_SECONDS,
    Where,
    append,
    append_directly,
    append_once,
    consume,
    consume_and_hang,
    relay,
    relay_and_hang,
    running,
    searched,
    until,
)
from matinee.adapters import events_tables as tables
from matinee.adapters import leases_database
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox
from matinee.adapters.events_jetstream import JetStreamEventLog
from matinee.model.errors import Invalid, Unavailable
from matinee.model.events import EdgeChanged, Event
from matinee.ports import Recorded

# Databases and logs. What an outbox and a relay promise they promise from either database.
LOGS = (("sqlite", "database"), ("postgresql", "database"), ("sqlite", "jetstream"))
OUTBOXES = (*LOGS, ("postgresql", "jetstream"))
_streams = count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "log_engine" in metafunc.fixturenames:
        chosen = OUTBOXES if "outboxes" in metafunc.fixturenames else LOGS
        names = [f"{log} on {database}" if log == "jetstream" else database for database, log in chosen]
        metafunc.parametrize(("database_engine", "log_engine"), chosen, ids=names)


class World:
    """An outbox, a relay and a log."""

    def __init__(self, engine: sa.Engine, where: Where) -> None:
        self.engine = engine
        self.where = where
        self.outbox = DatabaseOutbox()
        self.log, self.relay = where.open(engine)

    @property
    def on_database(self) -> bool:
        return isinstance(self.log, DatabaseEventLog)

    def leave(self, *events: Event) -> int:
        """Leave events in the outbox, as a change does."""
        with self.engine.begin() as connection:
            return self.outbox.append(connection, events)

    def forward(self) -> None:
        """Forward until nothing waits."""
        until(lambda: self.relay.forward() == 0 and not self.relay.waiting(), "an empty outbox")

    def tell(self, number: int, source: str = "a", first: int = 0, together: int = 1) -> None:
        """Append so many events to the log, so many at a time."""
        for start in range(first, first + number, together):
            self.log.append([searched(source, place) for place in range(start, start + together)])

    def ids(self) -> list[str]:
        return ids(self.log.tail().read(limit=1_000_000))

    def end_leases(self) -> None:
        """Let every member's lease be over, as if its time had gone by."""
        with self.engine.begin() as connection:
            connection.execute(sa.update(tables.groups).values(lease_ends=0))
            connection.execute(sa.delete(leases_database.leases))


@pytest.fixture
def database_url(database_engine: str, empty_database: Callable[[str], AbstractContextManager[str]]) -> Iterator[str]:
    with empty_database(database_engine) as address:
        yield address


@pytest.fixture
def where(request: pytest.FixtureRequest, database_url: str, log_engine: str) -> Where:
    if log_engine == "database":
        return Where(database_url)
    hub = request.getfixturevalue("nats_hub")
    return Where(database_url, f"{hub.address}?stream=contract_{next(_streams)}")


@pytest.fixture
def world(database: sa.Engine, where: Where) -> Iterator[World]:
    world = World(database, where)
    yield world
    if isinstance(world.log, JetStreamEventLog):
        world.log.close()


@pytest.fixture
def outboxes() -> None:
    """Asked for by tests of what is promised of the outbox and the relay: they run from either database."""


def ids(events: Sequence[Recorded]) -> list[str]:
    return [recorded.event.id for recorded in events]


# --- Outbox ---------------------------------------------------------------------------------------------------------


def test_events_exist_if_the_change_they_tell_of_commits(world: World, outboxes: None) -> None:
    assert world.leave(searched("a", 0)) == 1
    assert world.relay.forward() == 1
    assert world.ids() == ["a-0"]


def test_events_do_not_exist_if_the_change_they_tell_of_is_rolled_back(world: World, outboxes: None) -> None:
    with world.engine.connect() as connection, connection.begin() as change:
        assert world.outbox.append(connection, [searched("a", 0)]) == 1
        change.rollback()
    assert world.relay.forward() == 0
    assert world.leave(searched("a", 0)) == 1


def test_an_event_comes_out_of_the_log_as_it_was_appended(world: World, outboxes: None) -> None:
    event = searched("a", 7)
    world.leave(event)
    world.relay.forward()
    [recorded] = world.log.tail().read()
    assert recorded.event == event
    assert recorded.position > 0


def test_an_id_that_still_waits_in_the_outbox_is_passed_over(world: World, outboxes: None) -> None:
    world.leave(searched("a", 0))
    assert world.leave(searched("a", 0), searched("a", 1)) == 1
    world.relay.forward()
    assert world.ids() == ["a-0", "a-1"]


def test_an_id_that_was_forwarded_before_is_passed_over(world: World, outboxes: None) -> None:
    world.leave(*(searched("a", number) for number in range(3)))
    world.forward()
    assert 1 <= world.leave(searched("a", 1), searched("a", 3), searched("a", 0)) <= 3
    world.forward()
    assert world.ids() == ["a-0", "a-1", "a-2", "a-3"]


def test_an_id_that_comes_twice_at_once_is_taken_the_first_time(world: World, outboxes: None) -> None:
    assert world.leave(searched("a", 1), searched("a", 0), searched("a", 1)) == 2
    with world.engine.begin() as connection:
        assert world.outbox.append(connection, [searched("b", 0)]) == 1
        assert world.outbox.append(connection, [searched("b", 0)]) == 0
    world.relay.forward()
    assert world.ids() == ["a-1", "a-0", "b-0"]


def test_no_events_are_no_work(world: World, outboxes: None) -> None:
    assert world.leave() == 0


@pytest.mark.parametrize("event_id", ["", "x" * 201, "a\nb", "a\0b", "a\ud800b"])
def test_an_id_that_is_empty_longer_or_not_printable_is_invalid(world: World, outboxes: None, event_id: str) -> None:
    sane = searched("a", 0)
    with pytest.raises(Invalid, match="1 to 200 printable letters"):
        world.leave(sane, Event(id=event_id, time=sane.time, source="a", facts=sane.facts))
    assert world.relay.forward() == 0


def test_an_id_of_two_hundred_printable_letters_is_taken(world: World, outboxes: None) -> None:
    sane = searched("a", 0)
    assert world.leave(Event(id="é" * 200, time=sane.time, source="a", facts=sane.facts)) == 1


def test_appending_the_same_ids_from_many_threads_while_relays_run_counts_each_once(
    world: World, outboxes: None
) -> None:
    def append_all(_: int) -> int:
        return sum(world.leave(*(searched("a", 10 * batch + number) for number in range(10))) for batch in range(10))

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
    assert sum(appended) >= 100
    # On a busy machine one of them may have found the lock taken each time.
    assert sum(future.result() for future in relays) > 0
    world.forward()
    assert sorted(world.ids()) == sorted(searched("a", number).id for number in range(100))


def test_an_outbox_in_a_database_wants_its_connection() -> None:
    with pytest.raises(TypeError):
        DatabaseOutbox().append("a connection", [searched("a", 0)])


# --- Relay ----------------------------------------------------------------------------------------------------------


def test_a_relay_moves_the_oldest_first_and_says_how_many(world: World, outboxes: None) -> None:
    world.leave(*(searched("a", number) for number in range(3)))
    world.leave(searched("b", 0))
    assert world.relay.forward(limit=2) == 2
    assert world.ids() == ["a-0", "a-1"]
    assert world.relay.forward() == 2
    assert world.relay.forward() == 0
    assert world.ids() == ["a-0", "a-1", "a-2", "b-0"]


def test_many_relays_move_each_event_once(world: World, outboxes: None) -> None:
    for number in range(20):
        world.leave(*(searched("a", 10 * number + place) for place in range(10)))
    with ThreadPoolExecutor(4) as pool:
        moved = sum(pool.map(lambda _: sum(world.relay.forward(9) for _ in range(30)), range(4)))
    assert moved == 200
    assert world.ids() == [f"a-{number}" for number in range(200)]


def test_an_event_that_commits_late_gets_a_position_that_no_reader_has_passed(world: World, outboxes: None) -> None:
    if world.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time, so nothing commits late.")
    tail = world.log.tail()
    with world.engine.connect() as connection:
        world.outbox.append(connection, [searched("late", 0)])
        world.leave(searched("early", 0))
        world.relay.forward()
        assert ids(tail.read()) == ["early-0"]
        connection.commit()
    world.relay.forward()
    assert ids(tail.read()) == ["late-0"]


def test_a_relay_that_is_killed_half_way_loses_and_doubles_nothing(
    world: World, outboxes: None, tmp_path: Path
) -> None:
    world.leave(*(searched("a", number) for number in range(50)))
    hung = tmp_path / "hung"
    with running(relay_and_hang, world.where, hung) as killed:
        until(hung.exists, "a relay in the middle of its work")
        killed.kill()
        killed.join()
    world.leave(searched("a", 50))
    world.forward()
    assert world.ids() == [f"a-{number}" for number in range(51)]


def test_what_waits_is_told_and_not_moved(world: World, outboxes: None) -> None:
    world.leave(*(searched("a", number) for number in range(3)))
    assert [event.id for event in world.relay.waiting(2)] == ["a-0", "a-1"]
    assert world.ids() == []
    world.forward()
    assert world.relay.waiting() == ()


def test_who_asks_what_waits_and_then_reads_has_seen_every_accepted_event(world: World, outboxes: None) -> None:
    done = threading.Event()

    def forward() -> None:
        while not done.is_set():
            world.relay.forward(3)

    tail, seen = world.log.tail(), set[str]()
    with ThreadPoolExecutor(1) as pool:
        relaying = pool.submit(forward)
        for number in range(40):
            world.leave(searched("a", number))
            seen |= {event.id for event in world.relay.waiting()}
            while batch := tail.read():
                seen |= {recorded.event.id for recorded in batch}
            assert f"a-{number}" in seen
        done.set()
        relaying.result()


# --- Tail and EventLog ----------------------------------------------------------------------------------------------


def test_the_end_is_the_last_events_position_and_zero_before_the_first(world: World) -> None:
    assert world.log.end() == 0
    world.tell(3)
    assert world.log.end() == world.log.tail().read()[-1].position


def test_positions_grow_even_over_events_that_were_dropped(world: World) -> None:
    world.tell(5)
    end = world.log.end()
    world.log.drop(end)
    assert world.log.end() == end
    world.tell(1, first=5)
    [recorded] = world.log.tail().read()
    assert recorded.position > end


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
        waiting = pool.submit(tail.read, 1000, 300.0)
        time.sleep(0.2)
        assert not waiting.done()
        world.tell(1)
        # Long before the wait is over.
        assert ids(waiting.result(timeout=100)) == ["a-0"]


def test_a_tail_that_waits_in_vain_comes_back_empty(world: World) -> None:
    started = time.monotonic()
    assert world.log.tail().read(wait_seconds=0.2) == ()
    assert time.monotonic() - started >= 0.2


def test_threads_that_share_a_tail_share_its_events(world: World) -> None:
    world.tell(200, together=5)
    tail = world.log.tail()
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda _: [ids(tail.read(limit=7)) for _ in range(20)], range(4))
        seen = [event_id for part in parts for batch in part for event_id in batch]
    assert sorted(seen) == sorted(f"a-{number}" for number in range(200))


def test_readers_pass_over_an_event_that_their_version_does_not_know(world: World) -> None:
    world.leave(searched("a", 0))
    body = '{"version":9,"id":"x","type":"moon.landed","time":"2030-01-01T00:00:00+00:00","source":"y","facts":{}}'
    with world.engine.begin() as connection:
        connection.execute(sa.insert(tables.outbox).values(id="unknown", body=body))
    world.forward()
    world.tell(1, first=1)
    tail, group = world.log.tail(), world.log.group("some")
    assert ids(tail.read(limit=2)) == ["a-0", "a-1"]
    assert tail.read() == ()
    handled: list[str] = []
    while len(handled) < 2:
        with group.batch(limit=1) as events:
            assert events
            handled += ids(events)
    assert handled == ["a-0", "a-1"]


def test_what_was_appended_is_in_the_log_when_it_returns(world: World) -> None:
    tail = world.log.tail()
    for first in range(0, 30, 3):
        events = [searched("a", first + place) for place in range(3)]
        assert world.log.append(events) == 3
        assert [recorded.event for recorded in tail.read()] == events
    assert world.log.append([]) == 0


def test_all_or_none_of_what_is_appended_is_taken(world: World) -> None:
    sane = searched("a", 0)
    for event_id in ("", "x" * 201, "a\nb"):
        with pytest.raises(Invalid, match="1 to 200 printable letters"):
            world.log.append([sane, Event(id=event_id, time=sane.time, source="a", facts=sane.facts)])
    assert world.ids() == []


def test_a_repeat_is_passed_over_however_it_comes(world: World) -> None:
    assert world.log.append([searched("a", 0), searched("a", 1), searched("a", 0)]) == 2
    assert world.log.append([searched("a", 0), searched("a", 1)]) == 0
    # In other company, so that only some of it is new.
    world.log.append([searched("a", 1), searched("a", 2)])
    world.leave(searched("a", 2), searched("a", 3))
    world.forward()
    assert world.ids() == ["a-0", "a-1", "a-2", "a-3"]
    with world.log.group("some").batch(limit=10) as events:
        assert ids(events) == ["a-0", "a-1", "a-2", "a-3"]


def test_a_repeat_from_another_process_is_passed_over_by_readers_that_begin_after_it(world: World) -> None:
    world.tell(3, together=3)
    with world.log.group("some").batch() as events:
        assert ids(events) == ["a-0", "a-1", "a-2"]
    middle = world.log.end()
    with running(append_once, world.where, ("a", 2), ("a", 3), ("a", 0)) as other:
        other.join(30)
    # As after a restart: nothing of what was read before is known here.
    again = World(world.engine, world.where)
    assert ids(again.log.tail(after=middle).read()) == ["a-3"]
    afresh = World(world.engine, world.where)
    with afresh.log.group("some").batch() as events:
        assert ids(events) == ["a-3"]
    assert world.ids() == ["a-0", "a-1", "a-2", "a-3"]
    for one in (again, afresh):
        if isinstance(one.log, JetStreamEventLog):
            one.log.close()


def test_many_threads_append_each_event_once(world: World) -> None:
    def append_all(source: int) -> int:
        # Two threads of each source bring the same messages.
        name = f"source{source // 2}"
        return sum(world.log.append([searched(name, 10 * batch + place) for place in range(10)]) for batch in range(10))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(append_all, range(6))) == 300
    everything = [f"source{source}-{number}" for source in range(3) for number in range(100)]
    assert sorted(world.ids()) == sorted(everything)


def test_what_a_killed_process_was_told_is_kept_is_in_the_log_once(world: World, tmp_path: Path) -> None:
    told = [tmp_path / "first", tmp_path / "second"]

    def lines(path: Path) -> list[str]:
        return path.read_text().split() if path.exists() else []

    with ExitStack() as processes:
        first, second = (
            processes.enter_context(running(append_directly, world.where, f"p{place}", path))
            for place, path in enumerate(told)
        )
        until(lambda: all(len(lines(path)) > 100 for path in told), "events of both")
        first.kill()
        enough = len(lines(told[1])) + 100
        until(lambda: len(lines(told[1])) > enough, "events of the one that lives")
        second.kill()
    in_log = world.ids()
    assert len(in_log) == len(set(in_log))
    assert set(in_log) >= {line for path in told for line in lines(path)}
    for source in ("p0", "p1"):
        assert len([event_id for event_id in in_log if event_id.startswith(source)]) % 10 == 0


def test_dropping_spares_what_a_group_has_still_to_handle(world: World) -> None:
    world.tell(4)
    with world.log.group("slow").batch(limit=2):
        pass
    with world.log.group("quick").batch(limit=10):
        pass
    end = world.log.end()
    world.log.drop(end)
    assert world.ids() == ["a-2", "a-3"]
    with world.log.group("slow").batch() as rest:
        assert ids(rest) == ["a-2", "a-3"]
    world.log.drop(end)
    assert world.ids() == []


def test_dropping_ends_at_its_position_and_a_tail_begins_at_the_first_event_that_is_kept(world: World) -> None:
    world.tell(4)
    places = world.log.tail().read()
    tail = world.log.tail(after=places[0].position)
    world.log.drop(places[2].position)
    assert ids(tail.read()) == world.ids() == ["a-3"]
    world.log.drop(0)
    assert world.ids() == ["a-3"]


def test_erased_events_are_gone_for_every_reader_and_the_others_keep_their_places(world: World) -> None:
    world.tell(3)
    world.tell(3, source="gone", together=3)
    world.tell(1, first=3)
    before = world.log.tail().read()
    with world.log.group("some").batch(limit=1):
        pass
    gone = [recorded.position for recorded in before if recorded.event.source == "gone"]
    # By and by: some may stay until the last is erased.
    world.log.erase(gone[:2])
    assert "gone-2" in world.ids()
    world.log.erase([*gone[2:], before[1].position])
    kept = tuple(recorded for recorded in before if recorded.event.id in {"a-0", "a-2", "a-3"})
    assert world.log.tail().read() == kept
    with world.log.group("some").batch() as events:
        assert ids(events) == ["a-2", "a-3"]
    world.log.erase(gone)
    world.log.erase([])


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


def test_a_group_that_names_types_is_given_those_only_and_stands_at_the_end_of_all(world: World) -> None:
    def changed(number: int) -> Event:
        # An id and a reason that look like another type.
        fake = 'x","type":"search.made'
        return replace(searched("a", number), id=f"{fake}-{number}", facts=EdgeChanged("e", "down", reason=fake))

    world.log.append([searched("a", 0), changed(1), searched("a", 2)])
    world.tell(3, first=3)
    world.log.append([changed(6)])
    group = world.log.group("some", ["edge.changed", "title.encoded"])
    given: list[str] = []
    while len(given) < 2:
        with group.batch(limit=2, wait_seconds=5.0) as events:
            given += ids(events)
    assert given == [changed(1).id, changed(6).id]
    with group.batch() as rest:
        assert rest == ()
    world.log.drop(world.log.end())
    world.tell(1, first=7)
    assert world.ids()[-1] == "a-7"
    assert "a-0" not in world.ids()


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
        with world.log.group("some").batch(wait_seconds=1.5 * LEASE_SECONDS) as second:
            assert second == ()
        assert time.monotonic() - started > LEASE_SECONDS
    with world.log.group("some").batch() as rest:
        assert ids(rest) == ["a-1"]


def test_a_member_that_stood_still_while_another_went_on_acknowledges_nothing(world: World) -> None:
    world.tell(3)

    def stand_still() -> None:
        with world.log.group("some").batch():
            world.end_leases()
            with world.log.group("some").batch(limit=1) as taken_over:
                assert ids(taken_over) == ["a-0"]

    with pytest.raises(Unavailable, match="'some' went on without"):
        stand_still()
    with world.log.group("some").batch() as rest:
        assert ids(rest) == ["a-1", "a-2"]


def test_a_group_waits_for_a_first_event(world: World) -> None:
    def handle() -> list[str]:
        with world.log.group("some").batch(wait_seconds=300.0) as events:
            return ids(events)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(handle)
        time.sleep(0.2)
        assert not waiting.done()
        world.tell(1)
        assert waiting.result(timeout=100) == ["a-0"]


def test_threads_of_one_group_handle_each_event_once_and_in_order(world: World) -> None:
    world.tell(300, together=3)
    group = world.log.group("some")
    handled: list[str] = []

    def handle(_: int) -> None:
        while len(handled) < 300:
            with group.batch(limit=11, wait_seconds=0.1) as events:
                handled.extend(ids(events))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(handle, range(3)))
    assert handled == [f"a-{number}" for number in range(300)]


def test_a_member_that_finds_nothing_left_holds_nobody_up(world: World) -> None:
    world.tell(1)
    for _ in range(2):
        with world.log.group("some").batch():
            pass
    world.tell(1, first=1)
    with world.log.group("some").batch() as events:
        assert ids(events) == ["a-1"]


def test_events_that_were_appended_together_may_come_together_and_no_others_beyond_the_limit(world: World) -> None:
    world.tell(12, together=4)
    handled: list[str] = []
    while len(handled) < 12:
        with world.log.group("some").batch(limit=2) as events:
            assert 1 <= len(events) <= 4
            handled += ids(events)
    assert handled == [f"a-{number}" for number in range(12)]


def test_the_events_of_a_member_that_is_killed_in_its_body_are_given_to_another(world: World, tmp_path: Path) -> None:
    world.tell(5)
    seen = tmp_path / "seen"
    group = world.log.group(GROUP)
    with running(consume_and_hang, world.where, seen) as killed:
        until(lambda: seen.exists() and seen.read_text().count("\n") == 5, "a member in its body")
        with group.batch(wait_seconds=1.5 * LEASE_SECONDS) as meanwhile:
            assert meanwhile == ()
        killed.kill()
        killed.join()
    with group.batch(wait_seconds=60.0) as events:
        assert ids(events) == [f"a-{number}" for number in range(5)]


# --- All of it, in processes of their own -----------------------------------------------------------------------------


def test_with_processes_killed_half_way_nothing_is_lost_forwarded_twice_or_out_of_order(
    world: World, outboxes: None, database_url: str, tmp_path: Path
) -> None:
    sources, transactions, per_transaction = ("a", "b"), 40, 5
    total = len(sources) * transactions * per_transaction
    seen = [tmp_path / "first", tmp_path / "second"]

    def lines(path: Path) -> list[str]:
        return path.read_text().splitlines() if path.exists() else []

    with ExitStack() as processes:
        relays = [processes.enter_context(running(relay, world.where, limit)) for limit in (7, 11)]
        consumers = [processes.enter_context(running(consume, world.where, path)) for path in seen]
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
    world.forward()
    in_log = world.ids()
    assert len(in_log) == total
    assert set(in_log) == everything
    for source in sources:
        assert [event_id for event_id in in_log if event_id.startswith(source)] == [
            f"{source}-{number}" for number in range(transactions * per_transaction)
        ]
    for path in seen:
        # A batch comes again where its acknowledgement was refused, as of one that stood still; never out of order.
        firsts = list(dict.fromkeys(int(line.split()[0]) for line in lines(path)))
        assert firsts == sorted(firsts)
