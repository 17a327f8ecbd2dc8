from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.delivery.accounts import Sum
from matinee.model.errors import Invalid
from matinee.model.plans import Account, AccountLine, HoldingsUpdate
from playing import Service, presentation, report, service


@pytest.fixture
def ours(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Service:
    return service(database, clock, random_bytes)


def account(sequence: int, *lines: tuple[str, str, int], edge_id: str = "europe-1", started: float = 5.5) -> Account:
    return Account(edge_id, started, sequence, tuple(AccountLine(*line) for line in lines))


def sums(ours: Service) -> list[tuple[str, str, str, int]]:
    return [(one.edge_id, one.origin, one.miss, one.size_bytes) for one in ours.rooms.accounting.sums()]


def test_an_interval_is_counted_once_however_often_it_is_told(ours: Service) -> None:
    count = ours.rooms.accounting.count
    first = account(0, ("", "placed", 10), ("", "peer", 5))
    assert [count(first) for _ in range(3)] == [0, 0, 0]
    assert count(account(1, ("", "placed", 1))) == 1
    assert count(first) == 1
    # What a killed process had closed is told by the next one, which tells its own from zero.
    assert count(account(0, ("", "placed", 100), started=9.25)) == 0
    assert count(account(2, ("", "placed", 1000))) == 2
    assert sums(ours) == [("europe-1", "peer", "other", 5), ("europe-1", "placed", "other", 1111)]


def test_bytes_are_summed_by_day_and_edge(ours: Service, clock: ManualClock) -> None:
    count = ours.rooms.accounting.count
    count(account(0, ("", "placed", 10)))
    count(account(0, ("", "origin", 7), edge_id="asia-1"))
    clock.advance(86400)
    count(account(1, ("", "placed", 4)))
    today = clock.now().date().isoformat()
    assert ours.rooms.accounting.sums(1) == (Sum(today, "europe-1", "placed", "other", 4),)
    assert [one.size_bytes for one in ours.rooms.accounting.sums(2)] == [7, 10, 4]


def test_an_edge_that_is_gone_for_a_month_leaves_its_sums_and_nothing_else(ours: Service, clock: ManualClock) -> None:
    ours.rooms.accounting.count(account(0, ("", "placed", 10)))
    clock.advance(40 * 86400)
    ours.rooms.network.tidy()
    assert [one.size_bytes for one in ours.rooms.accounting.sums(60)] == [10]
    with ours.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM delivery_accounts")) == 0


def test_an_account_that_cannot_be_right_is_refused_whole(ours: Service) -> None:
    for line in (("", "moon", 1), ("", "placed", -1)):
        with pytest.raises(Invalid):
            ours.rooms.accounting.count(account(0, ("", "placed", 5), line))
    assert sums(ours) == []


def test_bytes_that_another_edge_fetched_are_told_apart(ours: Service) -> None:
    ours.rooms.accounting.count(account(0, ("edge:asia-1", "placed", 10)))
    assert sums(ours) == [("europe-1", "placed", "between", 10)]


def played(ours: Service) -> str:
    """A playback in Europe, whose nearest edge is europe-1; the title's revision has two files."""
    ours.three_edges()
    member, profile = ours.member()
    files = (("master.m3u8", 10), ("v360/1.m4s", 100))
    title_id = ours.title(shown=replace(presentation(), files=files))
    return ours.play(title_id, member, profile).playback_id


def hold(ours: Service, playback_id: str, edge_id: str, names: tuple[str, ...]) -> None:
    with ours.engine.connect() as connection:
        row = connection.execute(
            sa.text("SELECT title_id, revision FROM playback_playbacks WHERE playback_id = :id"), {"id": playback_id}
        ).one()
    added = tuple((f"{row.title_id}/{row.revision}/{name}", 10) for name in names)
    ours.rooms.network.holdings.hold(HoldingsUpdate(edge_id, 1.0, 0, generation=0, added=added, begins=True))


def test_bytes_from_the_best_ranked_edge_are_no_miss(ours: Service) -> None:
    playback_id = played(ours)
    ours.rooms.accounting.count(account(0, (playback_id, "demand", 10), (playback_id, "origin", 3)))
    assert sums(ours) == [("europe-1", "demand", "", 10), ("europe-1", "origin", "", 3)]


def test_bytes_from_another_edge_are_a_content_miss_where_the_best_one_did_not_hold_the_title(ours: Service) -> None:
    playback_id = played(ours)
    hold(ours, playback_id, "europe-1", ("master.m3u8",))
    ours.rooms.accounting.count(account(0, (playback_id, "placed", 10), edge_id="asia-1"))
    assert sums(ours) == [("asia-1", "placed", "content", 10)]


def test_they_are_a_health_miss_where_it_held_the_title_and_was_ill(ours: Service) -> None:
    playback_id = played(ours)
    hold(ours, playback_id, "europe-1", ("master.m3u8", "v360/1.m4s"))
    ours.edges.order("europe-1", draining=True)
    ours.rooms.accounting.count(account(0, (playback_id, "placed", 10), edge_id="asia-1"))
    assert sums(ours) == [("asia-1", "placed", "health", 10)]


def test_and_other_where_it_was_well(ours: Service) -> None:
    playback_id = played(ours)
    hold(ours, playback_id, "europe-1", ("master.m3u8", "v360/1.m4s"))
    ours.rooms.accounting.count(account(0, (playback_id, "placed", 10), edge_id="asia-1"))
    assert sums(ours) == [("asia-1", "placed", "other", 10)]


def test_a_playback_that_was_sent_on_because_its_best_edge_was_full_is_a_health_miss(
    ours: Service, clock: ManualClock
) -> None:
    ours.three_edges()
    ours.edges.report(report(capacity_bps=1_000_000))
    clock.advance(1)
    member, profile = ours.member()
    title_id = ours.title(shown=replace(presentation(), files=(("master.m3u8", 10),)))
    ours.play(title_id, member, profile)
    other = ours.play(title_id, member, profile)
    assert other.edges[0].id != "europe-1"
    hold(ours, other.playback_id, "europe-1", ("master.m3u8",))
    ours.rooms.accounting.count(account(0, (other.playback_id, "placed", 10), edge_id=other.edges[0].id))
    assert sums(ours)[0][2] == "health"
