"""Sources of files as a test scripts them, and a cache with a plan of the test's own."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from matinee.edge.cache import Cache, Reservation
from matinee.edge.deliveries import Delivery, Patience
from matinee.edge.fill import Fills
from matinee.edge.health import Counters
from matinee.edge.pacing import FillRate
from matinee.edge.upstreams import Upstreams
from matinee.model.plans import FillWindow, Origin, PlannedFile, Source

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


class PlannedCache(Cache):
    """A cache whose plan is what the test says."""

    plan: dict[str, PlannedFile]

    def __init__(self, folder: Path, limit_bytes: int = 1 << 30) -> None:
        super().__init__(folder, limit_bytes)
        self.plan = {}
        self.hours = FillWindow()
        self.refuses = False
        self.kept: dict[str, str] = {}

    def wanted(self, path: str) -> PlannedFile | None:
        return self.plan.get(path)

    @property
    def window(self) -> FillWindow:
        return self.hours

    @property
    def missing_files(self) -> int:
        return len(self.plan.keys() - self.kept.keys())

    def missing(self, limit: int) -> Sequence[PlannedFile]:
        return [file for path, file in self.plan.items() if path not in self.kept][:limit]

    def reserve(self, path: str, size_bytes: int) -> Reservation | None:
        return None if self.refuses else super().reserve(path, size_bytes)

    def keep(self, reservation: Reservation, digest: str) -> bool:
        kept = super().keep(reservation, digest)
        if kept:
            self.kept[reservation.path] = digest
        return kept


@dataclass
class Site:
    """The fills of one edge over scripted sources: the origin, and neighbours by the names of their sources."""

    cache: PlannedCache
    upstreams: Upstreams
    counters: Counters
    rate: FillRate
    fills: Fills


def site(folder: Path, origin: ScriptedUpstream, *neighbours: ScriptedUpstream) -> Site:
    sources = {
        Source(neighbour.name, neighbour.origin.value, f"http://{neighbour.name}"): neighbour
        for neighbour in neighbours
    }
    upstreams = Upstreams(edge_id="own", origin=origin, neighbour=sources.__getitem__)
    upstreams.use(list(sources))
    cache, counters, rate = PlannedCache(folder), Counters(), FillRate()
    cache.open()
    fills = Fills(upstreams=upstreams, cache=cache, counters=counters, rate=rate)
    return Site(cache, upstreams, counters, rate, fills)


def bytes_of(cache: PlannedCache, path: str) -> bytes:
    """A held file, as it lies on disk."""
    held = cache.find(path)
    assert held is not None
    return Path(held.file).read_bytes()


async def soon(true: Callable[[], bool]) -> None:
    """Wait until it is true; the test as a whole has its bound."""
    for _ in count():
        if true():
            return
        await asyncio.sleep(0.005)
