"""How often and how much a member may ask, counted over all copies of the service together."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from matinee.accounts import store
from matinee.accounts.allowances import Allowance, Allowances, neighbourhood
from matinee.adapters.clock_manual import ManualClock
from matinee.model.errors import LimitReached

MOST = 20


def copies(database: sa.Engine, clock: ManualClock, number: int) -> list[Allowances]:
    return [Allowances(database, clock, {Allowance.SEARCHES: MOST}) for _ in range(number)]


def let_through(allowances: Allowances, who: str, tries: int) -> int:
    refusals = []
    for _ in range(tries):
        try:
            allowances.spend(Allowance.SEARCHES, who)
        except LimitReached as error:
            refusals.append(error)
    for refused in refusals:
        assert f"more than {MOST} searches within a minute" in str(refused)
        assert refused.retry_after_seconds is not None
        assert 0 < refused.retry_after_seconds <= 60
    return tries - len(refusals)


def test_one_copy_lets_exactly_the_allowance_through_and_in_the_next_minute_again(
    database: sa.Engine, clock: ManualClock
) -> None:
    (only,) = copies(database, clock, 1)
    assert let_through(only, "ada", 50) == MOST
    assert let_through(only, "grace", 5) == 5
    clock.advance(60)
    assert let_through(only, "ada", 5) == 5


@pytest.mark.parametrize("number", [2, 4])
def test_copies_together_exceed_the_allowance_by_no_more_than_a_tenth_each(
    database: sa.Engine, clock: ManualClock, number: int
) -> None:
    all_of_them = copies(database, clock, number)
    through = 0
    for _ in range(50):
        through += sum(let_through(one, "ada", 1) for one in all_of_them)
    assert MOST <= through <= MOST + number * MOST // 10


def test_copies_at_the_same_moment_lose_no_count(database: sa.Engine, clock: ManualClock) -> None:
    all_of_them = copies(database, clock, 3)
    with ThreadPoolExecutor(12) as threads:
        through = sum(threads.map(lambda number: let_through(all_of_them[number % 3], "ada", 10), range(12)))
    assert MOST <= through <= MOST + 3 * MOST // 10


def test_who_asks_little_costs_the_database_nothing(database: sa.Engine, clock: ManualClock) -> None:
    (only,) = copies(database, clock, 1)
    assert let_through(only, "ada", 1) == 1
    with database.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(store.allowances)) == 0


def test_counts_of_the_past_are_forgotten(database: sa.Engine, clock: ManualClock) -> None:
    (only,) = copies(database, clock, 1)
    let_through(only, "ada", 10)
    with database.begin() as connection:
        store.remove_expired(connection, clock.now() + timedelta(minutes=2), clock.now())
        assert connection.scalar(sa.select(sa.func.count()).select_from(store.allowances)) == 0


def test_without_the_database_each_copy_counts_for_itself(clock: ManualClock) -> None:
    away = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:9/nothing", connect_args={"connect_timeout": 1})
    assert let_through(Allowances(away, clock, {Allowance.SEARCHES: MOST}), "ada", 50) == MOST


def test_what_has_no_allowance_is_not_counted(database: sa.Engine, clock: ManualClock) -> None:
    (only,) = copies(database, clock, 1)
    for _ in range(100):
        only.spend(Allowance.EVENTS, "ada")


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, "nowhere"),
        ("a.unix.socket", "nowhere"),
    ],
)
def test_an_ipv6_address_stands_for_its_network(address: str | None, stands_for: str) -> None:
    assert neighbourhood(address) == stands_for
