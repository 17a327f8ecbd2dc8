from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from matinee.cache.cache import Cache
from matinee.edge.bills import Bills
from matinee.edge.health import Counters
from matinee.edge.ledger import Ledger
from matinee.model.plans import Origin


class _Cache:
    def __init__(self) -> None:
        self.touches: list[tuple[str, int]] = []

    def touched(self, path: str, times: int) -> None:
        self.touches.append((path, times))


@pytest.fixture
def world(tmp_path: Path) -> SimpleNamespace:
    counters, cache = Counters(), _Cache()
    ledger = Ledger(tmp_path / "ledger.db", edge_id="here", started=1.0)
    return SimpleNamespace(ledger=ledger, counters=counters, cache=cache, now=0.0)


def bills(world: SimpleNamespace, *, settled_by_plane: bool) -> Bills:
    return Bills(
        ledger=world.ledger,
        counters=world.counters,
        cache=cast("Cache", world.cache),
        run="r",
        steady=lambda: float(world.now),
        settled_by_plane=settled_by_plane,
    )


def test_where_no_plane_counts_what_was_handed_over_is_booked(world: SimpleNamespace) -> None:
    ours = bills(world, settled_by_plane=False)
    bill = ours.begin("a")
    ours.handed(bill, Origin.PEER, 10)
    ours.handed(bill, Origin.ORIGIN, 5)
    ours.end(bill, whole=True)
    assert world.ledger.totals == {Origin.PEER: 10, Origin.ORIGIN: 5}
    assert (world.counters.held_bytes, world.counters.filled_bytes) == (0, 15)


def test_of_an_answer_that_broke_off_what_granian_still_held_is_not_booked(world: SimpleNamespace) -> None:
    ours = bills(world, settled_by_plane=False)
    bill = ours.begin("a")
    for _ in range(6):
        ours.handed(bill, Origin.DEMAND, 10)
    ours.end(bill, whole=False)
    assert world.ledger.totals == {Origin.DEMAND: 20}


def test_where_the_plane_counts_only_what_it_sent_is_booked_from_the_front(world: SimpleNamespace) -> None:
    ours = bills(world, settled_by_plane=True)
    bill = ours.begin("a")
    for origin, size in ((Origin.PEER, 10), (Origin.PEER, 2), (Origin.ORIGIN, 20)):
        ours.handed(bill, origin, size)
    assert not world.ledger.totals
    ours.settle(bill.name, 17)
    assert world.ledger.totals == {Origin.PEER: 12, Origin.ORIGIN: 5}
    ours.sent("a", "placed", 100)
    assert (world.counters.held_bytes, world.counters.filled_bytes) == (100, 17)


def test_a_bill_of_the_process_before_is_booked_to_its_playback(world: SimpleNamespace) -> None:
    ours = bills(world, settled_by_plane=True)
    ours.settle("before.7/a/b", 9)
    account = world.ledger.interval()
    assert account
    assert [(line.playback_id, line.size_bytes) for line in account.lines] == [("a/b", 9)]


def test_a_bill_that_nobody_settles_is_in_the_end_what_was_handed_over(world: SimpleNamespace) -> None:
    ours = bills(world, settled_by_plane=True)
    ended, running = ours.begin("a"), ours.begin("b")
    for bill in (ended, running):
        ours.handed(bill, Origin.ORIGIN, 10)
    ours.end(ended, whole=True)
    world.now = 10_000.0
    ours.tick()
    assert world.ledger.totals == {Origin.ORIGIN: 10}
    ours.settle(running.name, 4)
    assert world.ledger.totals == {Origin.ORIGIN: 14}


def test_hits_touch_their_files_and_refusals_are_counted_by_fault(world: SimpleNamespace) -> None:
    ours = bills(world, settled_by_plane=True)
    ours.hit("t/r/f", 3)
    ours.refused("expired", 2)
    ours.connected(9)
    assert (world.cache.touches, world.counters.requests) == ([("t/r/f", 3)], 5)
    assert (world.counters.refused["expired"], world.counters.active_connections(0.0)) == (2, 9)
