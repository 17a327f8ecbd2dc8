"""Sources of files as a test scripts them, and a cache with a plan of the test's own."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from matinee.cache.cache import Reservation
from matinee.edge.fill import Fills
from matinee.edge.health import Counters
from matinee.edge.pacing import FillRate
from matinee.model.plans import FillWindow, Origin, PlannedFile, Source
from matinee.upstream.deliveries import Delivery, Patience
from matinee.upstream.upstreams import Upstreams

CHUNK = 64 * 1024
PATIENCE = Patience(answer_seconds=1.0, stall_seconds=0.2)


def planned(path: str, data: bytes, *, elected: bool = True) -> PlannedFile:
    return PlannedFile(path, len(data), 1.0, hashlib.sha256(data).hexdigest(), elected)


@dataclass
class Turn:
    """How a source answers once: with an error, or its bytes up to ``until``; where it breaks or stands still."""

    error: Exception | None = None
    until: int | None = None
    stands_still: bool = False
    data: bytes | None = None


@dataclass
class ScriptedUpstream:
    """``Upstream`` that takes its turns, and then gives the whole file; ``gate`` holds back all but the first chunk."""

    name: str
    data: bytes
    turns: list[Turn] = field(default_factory=list)
    origin: Origin = Origin.ORIGIN
    gate: asyncio.Event | None = None
    patience: Patience = PATIENCE
    starts: list[int] = field(default_factory=list)
    vias: list[tuple[str, ...]] = field(default_factory=list)
    stopped: int = 0

    @asynccontextmanager
    async def deliver(self, path: str, start: int, via: tuple[str, ...], tag: str | None) -> AsyncIterator[Delivery]:
        self.starts.append(start)
        self.vias.append(via)
        turn = self.turns.pop(0) if self.turns else Turn()
        await asyncio.sleep(0)
        if turn.error is not None:
            raise turn.error
        data = self.data if turn.data is None else turn.data
        try:
            yield Delivery(len(data), self._chunks(data, start, turn))
        except asyncio.CancelledError:
            self.stopped += 1
            raise

    async def _chunks(self, data: bytes, start: int, turn: Turn) -> AsyncIterator[bytes]:
        end = len(data) if turn.until is None else turn.until
        for at in range(start, end, CHUNK):
            if self.gate is not None and at:
                await self.gate.wait()
            yield data[at : min(at + CHUNK, end)]
            await asyncio.sleep(0)
        if turn.stands_still:
            await asyncio.sleep(60)

    async def size_of(self, path: str) -> int:
        return len(self.data)


class PlannedStore:
    """Where fills put what comes, with a plan that is what the test says; it lets everything in, or nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "partial").mkdir()
        (folder / "held").mkdir()
        self.plan: dict[str, PlannedFile] = {}
        self.window = FillWindow()
        self.refuses = False
        self.kept: dict[str, str] = {}

    def wanted(self, path: str) -> PlannedFile | None:
        return self.plan.get(path)

    @property
    def missing_files(self) -> int:
        return len(self.plan.keys() - self.kept.keys())

    def missing(self, limit: int) -> Sequence[PlannedFile]:
        return [file for path, file in self.plan.items() if path not in self.kept][:limit]

    def reserve(self, path: str, size_bytes: int) -> Reservation | None:
        if self.refuses:
            return None
        file = self._folder / "partial" / path.replace("/", " ")
        return Reservation(path, size_bytes, str(file), os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL))

    def keep(self, reservation: Reservation, digest: str) -> bool:
        Path(reservation.file).replace(self.file(reservation.path))
        self.kept[reservation.path] = digest
        return True

    def give_up(self, reservation: Reservation) -> None:
        Path(reservation.file).unlink()

    def file(self, path: str) -> Path:
        return self._folder / "held" / path.replace("/", " ")


class NotedRate(FillRate):
    """Remembers of each chunk that nobody waited for whether viewers needed its source."""

    def __init__(self) -> None:
        super().__init__()
        self.needed: list[bool] = []

    def pause(self, size_bytes: int, now: float, *, needed: bool) -> float:
        self.needed.append(needed)
        return super().pause(size_bytes, now, needed=False)


@dataclass
class Site:
    """The fills of one edge over scripted sources: the origin, and neighbours by the names of their sources."""

    cache: PlannedStore
    upstreams: Upstreams
    counters: Counters
    rate: NotedRate
    fills: Fills


def site(folder: Path, origin: ScriptedUpstream, *neighbours: ScriptedUpstream) -> Site:
    sources = {
        Source(neighbour.name, neighbour.origin.value, f"http://{neighbour.name}"): neighbour
        for neighbour in neighbours
    }
    upstreams = Upstreams(edge_id="own", origin=origin, neighbour=sources.__getitem__)
    upstreams.use(list(sources))
    cache, counters, rate = PlannedStore(folder), Counters(), NotedRate()
    fills = Fills(upstreams=upstreams, cache=cache, counters=counters, rate=rate)
    return Site(cache, upstreams, counters, rate, fills)


def bytes_of(cache: PlannedStore, path: str) -> bytes:
    """A held file, as it lies on disk."""
    return cache.file(path).read_bytes()


async def soon(true: Callable[[], bool]) -> None:
    """Wait until it is true; the test as a whole has its bound."""
    for _ in count():
        if true():
            return
        await asyncio.sleep(0.005)
