"""What an edge does not hold: one fetch for everyone, cut rather than short, and never half a file."""

import asyncio
import random
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from running_edge import PREFIX, Manner, RunningEdge, SlowOrigin, running, token, until

MEGABYTE = 1_000_000
VIEWERS = 64
KILLS = 6


def _bytes(seed: int, size: int = MEGABYTE) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture(scope="module")
def origin() -> Iterator[SlowOrigin]:
    started = SlowOrigin({})
    yield started
    started.close()


@pytest.fixture(scope="module")
def edge(origin: SlowOrigin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEdge]:
    data = tmp_path_factory.mktemp("edge")
    with running(RunningEdge(data, "s3://bucket", environment=origin.environment)) as started:
        yield started


def _put(origin: SlowOrigin, file: str, data: bytes, manner: Manner | None = None) -> str:
    key = f"media/{PREFIX}{file}"
    origin.objects[key] = data
    origin.manners[key] = manner or Manner()
    return key


async def _view(edge: RunningEdge, file: str, begun: asyncio.Semaphore) -> tuple[int, bytes, bool]:
    """Promised length, the bytes that came and whether the connection was cut; ``begun`` counts first bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    with closing(writer):
        writer.write(f"GET /{token()}/{PREFIX}{file} HTTP/1.1\r\nHost: e\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.read(1)
        begun.release()
        cut = False
        try:
            body += await reader.readexactly(length - 1)
        except asyncio.IncompleteReadError as error:
            body, cut = body + error.partial, True
    return length, body, cut


async def _viewers(edge: RunningEdge, file: str, release: threading.Event) -> list[tuple[int, bytes, bool]]:
    """Many viewers at once; the origin goes on only when each of them has its first byte."""
    begun = asyncio.Semaphore(0)
    viewers = [asyncio.create_task(_view(edge, file, begun)) for _ in range(VIEWERS)]
    async with asyncio.timeout(60):
        for _ in range(VIEWERS):
            await begun.acquire()
        release.set()
        return await asyncio.gather(*viewers)


def test_a_cold_file_is_fetched_once_and_every_viewer_has_bytes_before_it_is_whole(
    edge: RunningEdge, origin: SlowOrigin
) -> None:
    release, data = threading.Event(), _bytes(1)
    key = _put(origin, "herd.m4s", data, Manner(release=release))
    answers = asyncio.run(_viewers(edge, "herd.m4s", release))
    assert answers == [(MEGABYTE, data, False)] * VIEWERS
    assert origin.gets[key] == 1
    until("the file is held", lambda: "herd.m4s" in edge.held())
    assert edge.get("herd.m4s").headers["x-cache"] == "HIT"
    assert origin.gets[key] == 1


def test_a_fetch_that_breaks_goes_on_where_it_broke_and_no_viewer_sees_it(
    edge: RunningEdge, origin: SlowOrigin
) -> None:
    release, data = threading.Event(), _bytes(11)
    key = _put(origin, "mended.m4s", data, Manner(release=release, breaks=1, break_after_bytes=400_000))
    answers = asyncio.run(_viewers(edge, "mended.m4s", release))
    assert answers == [(MEGABYTE, data, False)] * VIEWERS
    assert origin.starts[key] == [0, 400_000]
    until("the file is held", lambda: "mended.m4s" in edge.held())
    assert edge.get("mended.m4s").content == data


def test_a_fetch_that_breaks_for_good_cuts_its_viewers_and_keeps_nothing(edge: RunningEdge, origin: SlowOrigin) -> None:
    release, data = threading.Event(), _bytes(2)
    _put(origin, "breaks.m4s", data, Manner(release=release, breaks=2, break_after_bytes=400_000))
    answers = asyncio.run(_viewers(edge, "breaks.m4s", release))
    for length, body, cut in answers:
        assert (length, cut) == (MEGABYTE, True)
        assert data.startswith(body)
    assert "breaks.m4s" not in edge.held()
    assert edge.get("breaks.m4s").content == data


@pytest.mark.parametrize("breaks", [1, 2])
def test_a_fetch_that_breaks_before_its_first_byte_is_tried_once_more(
    edge: RunningEdge, origin: SlowOrigin, breaks: int
) -> None:
    data = _bytes(3)
    key = _put(origin, f"late-{breaks}.m4s", data, Manner(breaks=breaks))
    answer = edge.get(f"late-{breaks}.m4s")
    assert origin.gets[key] == 2
    if breaks == 1:
        assert (answer.status_code, answer.content) == (200, data)
    else:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_range_of_a_cold_file_comes_from_its_one_fetch(edge: RunningEdge, origin: SlowOrigin) -> None:
    data = _bytes(4)
    key = _put(origin, "part.m4s", data, Manner(pause_seconds=0.01))
    part = edge.get("part.m4s", {"Range": "bytes=600000-600099"})
    assert (part.status_code, part.content) == (206, data[600_000:600_100])
    assert edge.get("part.m4s").content == data
    assert origin.gets[key] <= 2


def test_a_fetch_that_everyone_left_is_stopped(edge: RunningEdge, origin: SlowOrigin) -> None:
    # Half a minute, of which the first who left ends all but the beginning.
    key = _put(origin, "left.m4s", _bytes(5, 20 * MEGABYTE), Manner(pause_seconds=0.1))

    async def leave() -> None:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            writer.write(f"GET /{token()}/{PREFIX}left.m4s HTTP/1.1\r\nHost: e\r\n\r\n".encode())
            await reader.readexactly(1000)
            writer.close()

    asyncio.run(leave())
    until("the origin sees it", lambda: origin.abandoned[key] == origin.gets[key] > 0)
    until("nothing is left behind", lambda: not list((edge.data / "cache" / "partial").iterdir()))


def test_what_a_killed_edge_was_fetching_is_never_served(origin: SlowOrigin, tmp_path: Path) -> None:
    data = _bytes(6, 3 * MEGABYTE)
    _put(origin, "whole.m4s", data)
    key = _put(origin, "half.m4s", data, Manner(release=threading.Event()))
    edge = RunningEdge(tmp_path, "s3://bucket", environment=origin.environment)
    with running(edge):
        edge.get("whole.m4s")
        until("the file is held", lambda: "whole.m4s" in edge.held())
        with edge.client.stream("GET", edge.url("half.m4s")) as answer:
            next(answer.iter_raw())
            begun = list((tmp_path / "cache" / "partial").iterdir())
            edge.kill()
        assert begun
    origin.manners[key] = Manner()
    gets = origin.gets.copy()
    with running(edge):
        assert edge.held() == {"whole.m4s"}
        assert not list((tmp_path / "cache" / "partial").iterdir())
        assert edge.get("whole.m4s").content == data
        assert origin.gets == gets
        assert edge.get("half.m4s").content == data


def test_however_often_an_edge_is_killed_while_it_fills_it_never_serves_half_a_file(
    origin: SlowOrigin, tmp_path: Path
) -> None:
    chance, data = random.Random(12), {f"killed-{number}.m4s": _bytes(100 + number, 400_000) for number in range(40)}
    for file, content in data.items():
        # A quarter of a second each: about as long as the edge has to live.
        _put(origin, file, content, Manner(pause_seconds=0.02, piece_bytes=32 * 1024))
    edge = RunningEdge(tmp_path, "s3://bucket", environment=origin.environment)
    held: set[str] = set()
    cut = 0

    async def view(file: str) -> None:
        # Again and again: a cache may want to be asked more than once before it keeps what it fetches.
        while True:
            await _view(edge, file, asyncio.Semaphore(0))

    async def fill(files: list[str], seconds: float, begun: Callable[[], bool]) -> None:
        viewers = [asyncio.create_task(view(file)) for file in files]
        await asyncio.to_thread(until, "what it dies after", begun)
        await asyncio.sleep(seconds)
        edge.kill()
        await asyncio.gather(*viewers, return_exceptions=True)

    def more_is_held() -> bool:
        return len(edge.held()) > len(held)

    def something_is_on_its_way() -> bool:
        return any((tmp_path / "cache" / "partial").iterdir())

    for kill in range(KILLS):
        edge.start()
        for file in held:
            answer = edge.get(file)
            assert (answer.headers["x-cache"], answer.content == data[file]) == ("HIT", True)
        # Every other one dies when more is held whole, the rest while the first files are on their way.
        begun = more_is_held if kill % 2 else something_is_on_its_way
        asyncio.run(fill(chance.sample(sorted(data.keys() - held), 8), chance.uniform(0.0, 0.2), begun))
        held = edge.held()
        cut += len(list((tmp_path / "cache" / "partial").iterdir()))
        for file in held:
            (path,) = (path for path in (tmp_path / "cache").rglob(file) if path.is_file())
            assert path.read_bytes() == data[file]
        edge.client.close()
    # Some were held whole, and some kill came while others were on their way.
    assert held
    assert cut


def test_a_restart_keeps_what_is_held_and_an_absent_origin_costs_only_the_rest(tmp_path: Path) -> None:
    origin, data = SlowOrigin({}), _bytes(7)
    _put(origin, "held.m4s", data)
    edge = RunningEdge(tmp_path, "s3://bucket", environment=origin.environment)
    with running(edge):
        assert edge.get("held.m4s").content == data
        until("the file is held", lambda: "held.m4s" in edge.held())
    assert edge.process.returncode == 0
    origin.close()
    with running(edge):
        away = edge.get("other.m4s")
        assert (away.status_code, away.headers["retry-after"]) == (503, "1")
        assert edge.client.head(edge.url("other.m4s")).status_code == 503
        until("the outage is told", lambda: "media.unavailable" in edge.log())
        assert edge.get("held.m4s").content == data


def test_the_cache_stays_within_its_limit_while_files_come_and_go(tmp_path: Path) -> None:
    folder = tmp_path / "origin" / "media" / PREFIX
    folder.mkdir(parents=True)
    for number in range(8):
        (folder / f"{number}.m4s").write_bytes(_bytes(number))
    (folder / "large.m4s").write_bytes(_bytes(9, 5 * MEGABYTE))
    limit = 3 * MEGABYTE + 100_000
    edge = RunningEdge(tmp_path / "edge", f"file://{tmp_path / 'origin'}", cache_bytes=limit)

    def used() -> int:
        blocks = 0
        for path in (edge.data / "cache").rglob("*.m4s"):
            with suppress(FileNotFoundError):  # it was evicted a moment ago
                blocks += path.stat().st_blocks
        return blocks * 512

    def comes(number: int) -> bool:
        assert edge.get(f"{number}.m4s").content == _bytes(number)
        assert used() <= limit
        return f"{number}.m4s" in edge.held()

    with running(edge):
        for number in range(8):
            until(f"{number} is held", partial(comes, number))
        assert edge.get("7.m4s").headers["x-cache"] == "HIT"
        assert edge.metric("evicted_total") >= 5
        held = edge.held()
        assert edge.get("large.m4s").content == _bytes(9, 5 * MEGABYTE)
        # What finds no room displaces nobody.
        assert edge.held() == held
        assert edge.metric("fills_total", outcome="passed") >= 1


def test_a_disk_that_takes_no_more_costs_no_viewer(edge: RunningEdge, origin: SlowOrigin) -> None:
    data = _bytes(10, 3 * MEGABYTE)
    _put(origin, "full.m4s", data)
    unlimited = resource.prlimit(edge.process.pid, resource.RLIMIT_FSIZE)
    # A file may not grow past 2 MB: to the edge, a disk that is full in the middle of a fill.
    resource.prlimit(edge.process.pid, resource.RLIMIT_FSIZE, (2 * MEGABYTE, unlimited[1]))
    try:
        for _ in range(2):
            assert edge.get("full.m4s").content == data
        assert "full.m4s" not in edge.held()
    finally:
        resource.prlimit(edge.process.pid, resource.RLIMIT_FSIZE, unlimited)

    def kept() -> bool:
        # The edge finds by itself, within a second or two, that the disk takes files again.
        assert edge.get("full.m4s").content == data
        return "full.m4s" in edge.held()

    until("the file is held", kept)
