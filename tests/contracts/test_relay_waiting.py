"""What a relay says of the events that are on their way into the log, on both databases."""

import sqlalchemy as sa

from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.model.events import Event
from plays import heartbeat


def accept(database: sa.Engine, events: list[Event]) -> None:
    with database.begin() as connection:
        DatabaseOutbox().append(connection, events)


def test_what_is_accepted_waits_oldest_first_and_at_most_as_many_as_are_asked_for(database: sa.Engine) -> None:
    events = [heartbeat("ada", f"film-{number}") for number in range(5)]
    for one in events:
        accept(database, [one])
    relay = DatabaseRelay(database)
    assert list(relay.waiting()) == events
    assert list(relay.waiting(2)) == events[:2]


def test_asking_moves_nothing_and_what_was_moved_waits_no_longer(database: sa.Engine) -> None:
    events = [heartbeat("ada", f"film-{number}") for number in range(3)]
    accept(database, events)
    relay = DatabaseRelay(database)
    relay.waiting()
    assert DatabaseEventLog(database).end() == 0
    assert relay.forward(2) == 2
    assert list(relay.waiting()) == events[2:]


def test_what_is_not_committed_does_not_wait_yet_and_holds_nobody_up(database: sa.Engine) -> None:
    first, second = heartbeat("ada", "first"), heartbeat("ada", "second")
    accept(database, [first])
    relay = DatabaseRelay(database)
    with database.begin() as connection:
        DatabaseOutbox().append(connection, [second])
        assert list(relay.waiting()) == [first]
    assert list(relay.waiting()) == [first, second]


def test_who_asks_first_and_then_reads_has_seen_everything(database: sa.Engine) -> None:
    events = [heartbeat("ada", f"film-{number}") for number in range(3)]
    accept(database, events)
    relay, tail = DatabaseRelay(database), DatabaseEventLog(database).tail()
    seen = {one.id for one in relay.waiting()}
    relay.forward(1)
    seen |= {recorded.event.id for recorded in tail.read()}
    assert seen == {one.id for one in events}
