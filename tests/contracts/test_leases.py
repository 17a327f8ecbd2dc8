"""``ports.Leases``, sentence by sentence, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.leases_database import DatabaseLeases
from matinee.compose.database import open_database
from matinee.model.errors import Unavailable
from matinee.ports import Leases


@pytest.fixture
def leases(database: sa.Engine, clock: ManualClock) -> Leases:
    return DatabaseLeases(database, clock)


def test_a_free_lease_is_taken_and_then_refused_to_others(leases: Leases) -> None:
    assert leases.take("planning", "one", 10)
    assert not leases.take("planning", "two", 10)
    assert leases.take("training", "two", 10)


def test_a_lease_ends_so_many_seconds_after_it_was_taken(leases: Leases, clock: ManualClock) -> None:
    assert leases.take("planning", "one", 10)
    clock.advance(9.999)
    assert not leases.take("planning", "two", 10)
    clock.advance(0.001)
    assert leases.take("planning", "two", 10)
    assert not leases.take("planning", "one", 10)


def test_an_owner_renews_its_own_lease_from_now_on(leases: Leases, clock: ManualClock) -> None:
    assert leases.take("planning", "one", 10)
    clock.advance(9)
    assert leases.take("planning", "one", 10)
    clock.advance(9)
    assert not leases.take("planning", "two", 10)
    clock.advance(1)
    assert leases.take("planning", "two", 10)


def test_a_lease_given_back_is_free_at_once(leases: Leases) -> None:
    assert leases.take("planning", "one", 10)
    leases.release("planning", "one")
    assert leases.take("planning", "two", 10)


def test_giving_back_anothers_lease_leaves_it_as_it_is(leases: Leases) -> None:
    assert leases.take("planning", "one", 10)
    leases.release("planning", "two")
    leases.release("unheard of", "two")
    assert not leases.take("planning", "two", 10)


def test_of_many_who_take_at_once_one_gets_it(leases: Leases) -> None:
    for name in ("first", "second", "third"):
        with ThreadPoolExecutor(8) as pool:
            taken = pool.map(lambda owner, name=name: leases.take(name, f"owner-{owner}", 10), range(8))
            assert sum(taken) == 1


def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path, clock: ManualClock) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/gone/matinee.db")
    (tmp_path / "gone").rmdir()
    with pytest.raises(Unavailable, match="does not answer"):
        DatabaseLeases(engine, clock).take("planning", "one", 10)
    with pytest.raises(Unavailable, match="does not answer"):
        DatabaseLeases(engine, clock).release("planning", "one")
    engine.dispose()
