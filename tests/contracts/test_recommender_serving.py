"""The recommender on the real log, on both databases: accepted means known at the next request, in every process."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.model.events import Event
from matinee.recommender.serving import Recommender
from plays import NOON, play, shelf, title
from running_demo import until

_NOW = NOON + timedelta(hours=1)
_SHELF = shelf([title(name, ("Nature",)) for name in ("tide", "reef", "forest", "peak")])


def accept(database: sa.Engine, events: list[Event]) -> None:
    with database.begin() as connection:
        DatabaseOutbox().append(connection, events)


def process(database: sa.Engine) -> Recommender:
    return Recommender(DatabaseEventLog(database), DatabaseRelay(database), ManualClock(_NOW))


def ids(one: Recommender, profile_id: str = "ada") -> list[str]:
    return [row.id for row in one.rows(profile_id, _SHELF, "europe", 18, _NOW)]


def test_an_accepted_event_is_known_at_the_next_request_of_every_process(database: sa.Engine) -> None:
    here, there = process(database), process(database)
    for one in (here, there):
        one.catch_up()
        assert "because:tide" not in ids(one)
    accept(database, play("ada", "tide"))
    for one in (here, there):
        one.catch_up()
        assert ids(one)[:2] == ["continue", "because:tide"]


def test_a_page_waits_for_no_writer(database: sa.Engine) -> None:
    one = process(database)
    accept(database, play("ada", "tide"))
    with database.begin() as connection:
        DatabaseOutbox().append(connection, play("ada", "reef"))
        asking = threading.Thread(target=one.catch_up)
        asking.start()
        asking.join(10)
        assert not asking.is_alive()
        assert set(one.progress("ada")) == {"tide"}
    one.catch_up()
    assert set(one.progress("ada")) == {"tide", "reef"}


def test_what_a_page_knew_before_the_log_counts_once(database: sa.Engine) -> None:
    one, relay = process(database), DatabaseRelay(database)
    accept(database, play("ada", "tide"))
    for _ in range(2):
        one.catch_up()
        assert one._knowledge.histories.of("ada").plays["tide"].watched_seconds == 120.0
        relay.forward()


def test_an_event_told_twice_counts_once(database: sa.Engine) -> None:
    one = process(database)
    watched = play("ada", "tide")
    accept(database, watched)
    one.catch_up()
    accept(database, [*watched, *play("bob", "reef")])
    one.catch_up()
    assert one._knowledge.histories.of("ada").plays["tide"].watched_seconds == 120.0
    assert set(one.progress("bob")) == {"reef"}


def test_a_process_that_starts_anew_shows_the_same_pages(database: sa.Engine) -> None:
    one = process(database)
    for number, name in enumerate(("tide", "reef", "forest")):
        accept(database, [*play("ada", name, 60 * number), *play("bob", name, 70 * number)])
        one.catch_up()
    again = process(database)
    again.catch_up()
    for profile_id in ("ada", "bob", "nobody"):
        pages = [each.rows(profile_id, _SHELF, "europe", 18, _NOW) for each in (one, again)]
        assert pages[0] == pages[1]


def test_a_rolled_back_event_is_never_known(database: sa.Engine) -> None:
    one = process(database)
    with database.connect() as connection, connection.begin() as transaction:
        DatabaseOutbox().append(connection, play("ada", "tide"))
        transaction.rollback()
    one.catch_up()
    assert one.progress("ada") == {}


def test_a_backlog_longer_than_a_batch_is_read_to_its_end(database: sa.Engine) -> None:
    accept(database, [one for number in range(900) for one in play(f"profile-{number}", "tide", number)])
    one = process(database)
    one.catch_up()
    assert one._knowledge.transitions.watchers("tide") == 900


def test_the_background_goes_on_after_what_nobody_expected(
    database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, failed = process(database), threading.Event()
    read = one._read

    def fail_once() -> None:
        if failed.is_set():
            return read()
        failed.set()
        raise RuntimeError("Nobody expected this.")

    monkeypatch.setattr(one, "_read", fail_once)
    monkeypatch.setattr("matinee.recommender.serving._FAILED_SECONDS", 0.01)
    accept(database, play("ada", "tide"))
    one.start()
    try:
        until("the background to read", lambda: one.progress("ada"))
    finally:
        one.stop()
