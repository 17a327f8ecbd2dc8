"""What the event log promises on a database only: who waits for whom, and a database that does not answer."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from event_processes import LEASE_SECONDS, searched
from matinee.adapters import events_database, events_groups
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.compose.database import open_database
from matinee.model.errors import Unavailable


def test_forward_waits_for_what_another_relay_is_moving(database: sa.Engine) -> None:
    with database.begin() as connection:
        DatabaseOutbox().append(connection, [searched("a", 0)])
    relay, log = DatabaseRelay(database), DatabaseEventLog(database)
    with ThreadPoolExecutor(1) as pool:
        with database.begin() as connection:
            assert events_database._move(connection, 10) == 1
            waiting = pool.submit(lambda: (relay.forward(), [one.event.id for one in log.tail().read()]))
            time.sleep(0.3)
            assert not waiting.done()
        assert waiting.result(timeout=60) == (0, ["a-0"])


def test_a_member_that_finds_nothing_left_holds_no_lease(database: sa.Engine) -> None:
    log = DatabaseEventLog(database, lease_seconds=LEASE_SECONDS)
    log.append([searched("a", 0)])
    with log.group("some").batch():
        pass
    # What a member does that looked before another acknowledged.
    assert events_groups.DatabaseGroup(database, "some", LEASE_SECONDS)._take(10) is None
    log.append([searched("a", 1)])
    with log.group("some").batch() as events:
        assert [one.event.id for one in events] == ["a-1"]


@pytest.mark.parametrize(
    "address", ["sqlite:///{folder}/gone/matinee.db", "postgresql+psycopg://nobody@127.0.0.1:1/x?connect_timeout=2"]
)
def test_a_database_that_does_not_answer_is_unavailable(address: str, tmp_path: Path) -> None:
    engine = open_database(address.format(folder=tmp_path))
    if (tmp_path / "gone").exists():
        (tmp_path / "gone").rmdir()
    relay, log = DatabaseRelay(engine), DatabaseEventLog(engine)
    with pytest.raises(Unavailable, match="does not answer"):
        relay.forward()
    with pytest.raises(Unavailable, match="does not answer"):
        log.tail().read()
    with pytest.raises(Unavailable, match="does not answer"):
        log.end()
    with pytest.raises(Unavailable, match="does not answer"), log.group("some").batch():
        pass
    engine.dispose()
