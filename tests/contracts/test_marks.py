"""What profiles say of titles, on both databases: kept and told in one, and forgotten."""

import random

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.model.errors import Conflict
from matinee.model.events import Facts, ListChanged, TitleRated
from matinee.playback import marks as room
from matinee.playback import store
from matinee.playback.marks import Mark, Marks, Rating


@pytest.fixture
def marks(database: sa.Engine, clock: ManualClock) -> Marks:
    return Marks(database, DatabaseOutbox(), clock, random.Random(1).randbytes)


def told(database: sa.Engine) -> list[Facts]:
    DatabaseRelay(database).forward()
    return [recorded.event.facts for recorded in DatabaseEventLog(database).tail().read()]


def test_thumbs_and_list_are_one_mark_and_each_change_is_told_once(
    marks: Marks, database: sa.Engine, clock: ManualClock
) -> None:
    assert marks.of("ada") == {}
    marks.rate("ada", "tide", Rating.UP)
    marks.rate("ada", "tide", Rating.UP)
    marks.put_on_list("ada", "tide")
    since = clock.now()
    clock.advance(5.0)
    assert marks.put_on_list("ada", "tide") == Mark(Rating.UP, since)
    marks.rate("ada", "tide", Rating.LOVE)
    assert marks.of("ada") == {"tide": Mark(Rating.LOVE, since)}
    assert marks.of("bob") == {}
    assert told(database) == [
        TitleRated("ada", "tide", "up"),
        ListChanged("ada", "tide", listed=True),
        TitleRated("ada", "tide", "love"),
    ]


def test_what_is_taken_back_leaves_nothing_behind(marks: Marks, database: sa.Engine) -> None:
    marks.rate("ada", "tide", Rating.DOWN)
    marks.put_on_list("ada", "tide")
    marks.take_off_list("ada", "tide")
    assert marks.rate("ada", "tide", None) == Mark()
    assert marks.take_off_list("ada", "never listed") == Mark()
    assert marks.of("ada") == {}
    with database.connect() as connection:
        assert connection.execute(sa.select(store.marks)).all() == []
    assert told(database)[-2:] == [ListChanged("ada", "tide", listed=False), TitleRated("ada", "tide", None)]


def test_a_list_has_an_end_and_says_so(marks: Marks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_LISTED", 2)
    for title_id in ("tide", "reef", "tide"):
        marks.put_on_list("ada", title_id)
    with pytest.raises(Conflict, match="My list holds 2 titles"):
        marks.put_on_list("ada", "gear")
    marks.put_on_list("bob", "gear")
    marks.take_off_list("ada", "reef")
    marks.put_on_list("ada", "gear")
    assert set(marks.of("ada")) == {"tide", "gear"}


def test_who_is_forgotten_has_said_nothing_until_then(marks: Marks, database: sa.Engine, clock: ManualClock) -> None:
    marks.rate("ada", "tide", Rating.UP)
    marks.rate("bob", "tide", Rating.UP)
    until = clock.now()
    clock.advance(1.0)
    marks.put_on_list("ada", "reef")
    with database.begin() as connection:
        store.forget_history(connection, "ada", until)
    assert set(marks.of("ada")) == {"reef"}
    assert set(marks.of("bob")) == {"tide"}
