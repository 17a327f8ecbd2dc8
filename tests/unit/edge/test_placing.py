"""Filling ahead, over scripted sources and a real disk; waits are short here, and no test measures one."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_supply import ScriptedUpstream, Site, Turn, planned, site, soon
from matinee.edge.placing import Placing, PlacingPace, is_open
from matinee.model.errors import Unavailable
from matinee.model.plans import FillWindow, Origin
from matinee.upstream.deliveries import NotHeld

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DATA = random.Random(2).randbytes(100_000)
QUICK = PlacingPace(peer_seconds=0.1, ask_seconds=0.02, again_seconds=0.02, longest_seconds=0.1, look_seconds=0.02)


def _paths(count: int) -> list[str]:
    return [f"title/revision/{number:03}.m4s" for number in range(count)]


@asynccontextmanager
async def _placing(at: Site, pace: PlacingPace = QUICK) -> AsyncIterator[Placing]:
    placing = Placing(cache=at.cache, fills=at.fills, rate=at.rate, counters=at.counters, now=lambda: NOON, pace=pace)
    running = asyncio.create_task(placing.run())
    try:
        yield placing
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await at.fills.close()


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await work()

    asyncio.run(bounded())


def test_everything_that_the_plan_wants_comes_and_the_most_worthy_begin(tmp_path: Path) -> None:
    async def work() -> None:
        at = site(tmp_path, ScriptedUpstream("origin", DATA))
        at.cache.plan = {path: planned(path, DATA) for path in _paths(30)}
        async with _placing(at, PlacingPace(at_once=1, look_seconds=0.02)):
            await soon(lambda: len(at.cache.kept) == 30)
            await soon(lambda: at.counters.placing_left == 0)
        assert list(at.cache.kept) == _paths(30)
        assert at.counters.placed == {"kept": 30}
        assert at.counters.placed_bytes == 30 * len(DATA)

    _run(work)


def test_what_another_edge_was_elected_for_comes_from_a_peer_as_soon_as_it_has_it(tmp_path: Path) -> None:
    async def work() -> None:
        peer = ScriptedUpstream("p", DATA, [Turn(NotHeld("no"))] * 3, Origin.PEER)
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin, peer)
        (path,) = _paths(1)
        at.cache.plan[path] = planned(path, DATA, elected=False)
        async with _placing(at, PlacingPace(peer_seconds=60, ask_seconds=0.02, look_seconds=0.02)):
            await soon(lambda: path in at.cache.kept)
        assert (len(peer.starts), origin.starts) == (4, [])

    _run(work)


def test_when_no_peer_has_it_for_too_long_this_edge_goes_itself(tmp_path: Path) -> None:
    async def work() -> None:
        peer = ScriptedUpstream("p", DATA, [Turn(NotHeld("no"))] * 1000, Origin.PEER)
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin, peer)
        (path,) = _paths(1)
        at.cache.plan[path] = planned(path, DATA, elected=False)
        async with _placing(at):
            await soon(lambda: path in at.cache.kept)
        assert (len(peer.starts) > 1, origin.starts) == (True, [0])

    _run(work)


def test_nothing_is_fetched_while_the_window_is_closed(tmp_path: Path) -> None:
    async def work() -> None:
        at = site(tmp_path, ScriptedUpstream("origin", DATA))
        at.cache.plan = {path: planned(path, DATA) for path in _paths(3)}
        at.cache.window = FillWindow(2, 10)
        async with _placing(at):
            await asyncio.sleep(0.1)
            assert (at.cache.kept, at.counters.placing_left) == ({}, 3)
            at.cache.window = FillWindow(10, 14, 1_000_000_000)
            await soon(lambda: len(at.cache.kept) == 3)
            assert at.rate.limit_bps == 1_000_000_000

    _run(work)


def test_a_file_that_fails_keeps_no_other_from_coming_and_is_tried_again(tmp_path: Path) -> None:
    async def work() -> None:
        broken = ScriptedUpstream("origin", DATA, [Turn(Unavailable("away"))] * 4)
        at = site(tmp_path, broken)
        at.cache.plan = {path: planned(path, DATA) for path in _paths(3)}
        async with _placing(at):
            await soon(lambda: len(at.cache.kept) == 3)
        assert at.counters.placed["unanswered"] >= 1

    _run(work)


def test_a_disk_that_takes_no_more_is_left_alone_for_a_while(tmp_path: Path) -> None:
    async def work() -> None:
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin)
        at.cache.plan = {path: planned(path, DATA) for path in _paths(100)}
        at.cache.refuses = True
        async with _placing(at, PlacingPace(at_once=2, again_seconds=0.2, longest_seconds=0.2, look_seconds=0.02)):
            await soon(lambda: at.counters.placed["refused"] >= 1)
            await asyncio.sleep(0.1)
            assert len(origin.starts) <= 4
            at.cache.refuses = False
            await soon(lambda: len(at.cache.kept) == 100)

    _run(work)


@pytest.mark.parametrize(
    ("window", "hour", "opened"),
    [
        ((0, 0), 5, True),
        ((2, 14), 2, True),
        ((2, 14), 14, False),
        ((2, 14), 1.99, False),
        ((22, 6), 23, True),
        ((22, 6), 5.5, True),
        ((22, 6), 12, False),
    ],
)
def test_a_window_is_open_from_its_first_hour_to_its_last_over_midnight_too(
    window: tuple[float, float], hour: float, opened: bool
) -> None:
    time = datetime(2026, 11, 1, int(hour), int(hour % 1 * 60), tzinfo=UTC)
    assert is_open(FillWindow(*window), time) == opened
