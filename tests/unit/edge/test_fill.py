"""One fetch for many, over sources that break as the test says; the disk is real."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from edge_supply import CHUNK, ScriptedUpstream, Site, Turn, bytes_of, planned, site, soon
from matinee.edge.arrival import Arrival
from matinee.model.errors import MatineeError, NotFound, Unavailable
from matinee.model.plans import Origin
from matinee.upstream.deliveries import NotHeld, Reach

PATH = "title/revision/file.m4s"
DATA = random.Random(1).randbytes(10 * CHUNK + 123)


async def _read(fill: Arrival) -> bytes:
    """All of it, as a viewer reads it; what the edge raises comes through."""
    await fill.begun()
    body = b""
    while len(body) < fill.size_bytes:
        piece = fill.ready(len(body), 100_000) or await fill.wait(len(body), 100_000)
        body += piece
    return body


async def _view(at: Site, path: str = PATH) -> bytes:
    with at.fills.join(path) as fill:
        return await _read(fill)


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await work()

    asyncio.run(bounded())


async def _kept(at: Site) -> str:
    await soon(lambda: PATH in at.cache.kept)
    assert bytes_of(at.cache, PATH) == DATA
    return at.cache.kept[PATH]


def test_any_number_of_viewers_share_one_fetch_and_what_is_kept_is_told_with_its_digest(tmp_path: Path) -> None:
    async def work() -> None:
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin)
        assert await asyncio.gather(*(_view(at) for _ in range(50))) == [DATA] * 50
        assert origin.starts == [0]
        assert await _kept(at) == hashlib.sha256(DATA).hexdigest()

    _run(work)


def test_a_peer_is_asked_first_then_a_parent_then_the_origin(tmp_path: Path) -> None:
    async def work() -> None:
        peer = ScriptedUpstream("p", DATA, [Turn(NotHeld("no"))], Origin.PEER)
        parent = ScriptedUpstream("s", DATA, [Turn(Unavailable("away"))], Origin.PARENT)
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin, parent, peer)
        with at.fills.join(PATH, ("below",)) as fill:
            assert await _read(fill) == DATA
            assert fill.origin is Origin.ORIGIN
        assert (peer.starts, parent.starts, origin.starts) == ([0], [0], [0])
        assert peer.vias == parent.vias == [("below",)]
        assert at.counters.received == {Origin.ORIGIN: len(DATA)}

    _run(work)


@pytest.mark.parametrize("stands_still", [False, True])
def test_a_fetch_that_breaks_or_stands_still_goes_on_from_the_next_source_where_it_was(
    tmp_path: Path, stands_still: bool
) -> None:
    async def work() -> None:
        broken = Turn(until=3 * CHUNK, stands_still=stands_still)
        parent = ScriptedUpstream("s", DATA, [broken], Origin.PARENT)
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin, parent)
        with at.fills.join(PATH) as fill:
            assert await _read(fill) == DATA
            assert (fill.origin_at(3 * CHUNK - 1), fill.origin_at(3 * CHUNK)) == (Origin.PARENT, Origin.ORIGIN)
        assert (parent.starts, origin.starts) == ([0], [3 * CHUNK])
        assert at.counters.received == {Origin.PARENT: 3 * CHUNK, Origin.ORIGIN: len(DATA) - 3 * CHUNK}
        await _kept(at)
        # For some seconds nobody waits for the parent again.
        assert [upstream.name for upstream in at.upstreams.of(PATH, Reach.AFAR)] == ["origin"]

    _run(work)


def test_when_no_source_is_left_readers_break_and_nothing_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        origin = ScriptedUpstream("origin", DATA, [Turn(until=2 * CHUNK), Turn(until=3 * CHUNK)])
        at = site(tmp_path, origin)
        got = await asyncio.gather(*(_view(at) for _ in range(5)), return_exceptions=True)
        assert [type(error) for error in got] == [Unavailable] * 5
        assert origin.starts == [0, 2 * CHUNK]
        assert not list((tmp_path / "partial").iterdir())
        assert at.counters.fills == {"broken": 1}
        assert await _view(at) == DATA

    _run(work)


def test_a_source_whose_file_has_another_size_is_not_believed(tmp_path: Path) -> None:
    async def work() -> None:
        parent = ScriptedUpstream("s", DATA, [Turn(until=CHUNK)], Origin.PARENT)
        peer = ScriptedUpstream("p", DATA[:-1], origin=Origin.PEER)
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin, parent, peer)
        at.cache.plan[PATH] = planned(PATH, DATA)
        assert await _view(at) == DATA
        assert (peer.starts, parent.starts, origin.starts) == ([0], [0], [CHUNK])
        assert at.counters.received[Origin.PEER] == 0

    _run(work)


def test_a_wrong_file_never_looks_whole_and_the_next_source_is_asked_from_the_beginning(tmp_path: Path) -> None:
    wrong = DATA[:-1] + bytes([DATA[-1] ^ 1])

    async def work() -> None:
        peer = ScriptedUpstream("p", wrong, origin=Origin.PEER)
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin, peer)
        at.cache.plan[PATH] = planned(PATH, DATA)
        with at.fills.join(PATH) as fill:
            await fill.begun()
            assert await fill.wait(0, 1000) == DATA[:1000]
            with pytest.raises(Unavailable):
                await fill.wait(len(DATA) - CHUNK, 1)
        assert at.counters.fills["corrupt"] == 1
        assert PATH not in at.cache.kept
        assert await _view(at) == DATA
        assert (peer.starts, origin.starts) == ([0], [0])
        await _kept(at)

    _run(work)


def test_who_has_not_begun_to_read_a_wrong_file_gets_the_right_one(tmp_path: Path) -> None:
    small = DATA[:1000]

    async def work() -> None:
        peer = ScriptedUpstream("p", b"x" * 1000, origin=Origin.PEER)
        origin = ScriptedUpstream("origin", small)
        at = site(tmp_path, origin, peer)
        at.cache.plan[PATH] = planned(PATH, small)
        assert await asyncio.gather(*(_view(at) for _ in range(3))) == [small] * 3
        assert (peer.starts, origin.starts) == ([0], [0])
        await soon(lambda: PATH in at.cache.kept)
        assert bytes_of(at.cache, PATH) == small

    _run(work)


def test_of_a_file_with_a_known_digest_the_end_is_held_back_until_it_is_right(tmp_path: Path) -> None:
    async def work() -> None:
        gate = asyncio.Event()
        at = site(tmp_path, ScriptedUpstream("origin", DATA, gate=gate))
        at.cache.plan[PATH] = planned(PATH, DATA)
        with at.fills.join(PATH) as fill:
            await fill.begun()
            assert fill.ready(0, 10) == DATA[:10]
            gate.set()
            while fill.received_bytes < len(DATA):
                assert fill.open_bytes <= len(DATA) - CHUNK
                await asyncio.sleep(0)
            assert await _read(fill) == DATA

    _run(work)


@pytest.mark.parametrize("wanted", [False, True])
def test_a_fetch_that_everyone_left_is_stopped_unless_the_plan_wants_it(tmp_path: Path, wanted: bool) -> None:
    async def work() -> None:
        gate = asyncio.Event()
        origin = ScriptedUpstream("origin", DATA, gate=gate)
        at = site(tmp_path, origin)
        if wanted:
            at.cache.plan[PATH] = planned(PATH, DATA)
        with at.fills.join(PATH) as fill:
            await fill.begun()
        await asyncio.sleep(0.02)
        gate.set()
        if wanted:
            await _kept(at)
        else:
            assert fill.task is not None
            await asyncio.wait((fill.task,))
            assert at.counters.fills == {"abandoned": 1}
            assert not list((tmp_path / "partial").iterdir())
        assert origin.stopped == (not wanted)

    _run(work)


def test_what_is_nowhere_is_not_found_and_for_a_moment_nobody_asks_again(tmp_path: Path) -> None:
    async def work() -> None:
        parent = ScriptedUpstream("s", DATA, [Turn(NotFound("no"))], Origin.PARENT)
        origin = ScriptedUpstream("origin", DATA, [Turn(NotFound("no"))])
        at = site(tmp_path, origin, parent)
        for _ in range(3):
            with pytest.raises(NotFound):
                await _view(at)
        assert (parent.starts, origin.starts) == ([0], [0])

    _run(work)


def test_a_file_that_goes_while_it_is_sent_breaks_its_readers(tmp_path: Path) -> None:
    async def work() -> None:
        origin = ScriptedUpstream("origin", DATA, [Turn(until=CHUNK), Turn(NotFound("gone"))])
        with pytest.raises(Unavailable):
            await _view(site(tmp_path, origin))

    _run(work)


def test_a_purge_breaks_what_is_on_its_way(tmp_path: Path) -> None:
    async def work() -> None:
        at = site(tmp_path, ScriptedUpstream("origin", DATA, gate=asyncio.Event()))
        viewer = asyncio.create_task(_view(at))
        await asyncio.sleep(0.02)
        at.fills.stop("other/")
        await asyncio.sleep(0.02)
        assert not viewer.done()
        at.fills.stop("title/revision/")
        with pytest.raises(MatineeError):
            await viewer
        assert not list((tmp_path / "partial").iterdir())

    _run(work)


def test_placing_asks_peers_alone_until_a_viewer_comes_who_takes_it_from_anywhere(tmp_path: Path) -> None:
    async def work() -> None:
        peer = ScriptedUpstream("p", DATA, [Turn(NotHeld("no")), Turn(NotHeld("no"))], Origin.PEER)
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin, peer)
        at.cache.plan[PATH] = planned(PATH, DATA)
        assert await at.fills.place(PATH, Reach.SITE) == "not_held"
        assert origin.starts == []
        placed = asyncio.create_task(at.fills.place(PATH, Reach.SITE))
        await asyncio.sleep(0)
        assert await _view(at) == DATA
        assert await placed == "kept"
        assert origin.starts == [0]

    _run(work)


def test_a_placed_file_comes_at_its_rate_until_a_viewer_waits_for_it(tmp_path: Path) -> None:
    async def work() -> None:
        at = site(tmp_path, ScriptedUpstream("origin", DATA))
        at.cache.plan[PATH] = planned(PATH, DATA)
        at.rate.limit(80_000)  # all of it in a minute
        placed = asyncio.create_task(at.fills.place(PATH, Reach.AFAR))
        await asyncio.sleep(0.05)
        assert not placed.done()
        assert await _view(at) == DATA
        assert await placed == "kept"

    _run(work)


@pytest.mark.parametrize("held_by_peer", [False, True])
def test_what_is_fetched_ahead_gives_way_to_viewers_of_the_same_source_alone(
    tmp_path: Path, held_by_peer: bool
) -> None:
    async def work() -> None:
        gate = asyncio.Event()
        origin = ScriptedUpstream("origin", DATA, gate=gate)
        peer = ScriptedUpstream("p", DATA, [Turn(NotHeld("no"))], Origin.PEER)
        at = site(tmp_path, origin, *([peer] if held_by_peer else []))
        viewer = asyncio.create_task(_view(at))
        await soon(lambda: origin.starts == [0])
        other = "title/revision/other.m4s"
        at.cache.plan[other] = planned(other, DATA)
        placed = asyncio.create_task(at.fills.place(other, Reach.AFAR))
        await soon(lambda: bool(at.rate.needed))
        assert at.rate.needed[0] == (not held_by_peer)
        gate.set()
        assert (await viewer, await placed) == (DATA, "kept")

    _run(work)


def test_nothing_is_fetched_ahead_for_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    async def work() -> None:
        origin = ScriptedUpstream("origin", DATA)
        at = site(tmp_path, origin)
        at.cache.plan[PATH] = planned(PATH, DATA)
        at.cache.refuses = True
        assert await at.fills.place(PATH, Reach.AFAR) == "refused"
        assert at.counters.received[Origin.ORIGIN] == 0
        # A viewer has it all the same.
        assert await _view(at) == DATA

    _run(work)
