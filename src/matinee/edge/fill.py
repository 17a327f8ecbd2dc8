"""Fetching what is not held: one fetch an object for any number of waiters, all of them reading while it fills.

A fetch that breaks breaks its readers, so that no short answer can look whole. It leaves nothing behind, and whoever
had not begun to send may join a new one.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from matinee.edge.cache import Cache, Reservation
from matinee.edge.health import Counters
from matinee.edge.spool import Spool
from matinee.model.errors import MatineeError, NotFound, Unavailable
from matinee.model.plans import Origin

if TYPE_CHECKING:
    from obstore import GetResult  # a stub's name alone

_log = structlog.get_logger()

ORIGIN_FOLDER = "media/"
"""The one folder of the object store that edges read."""

_WRITE_BYTES = 1024 * 1024
_WAKE_BYTES = 64 * 1024
_WAKE_SECONDS = 0.01
_UNWRITTEN_LIMIT_BYTES = 64 * 1024 * 1024
_UNKEPT_LIMIT_BYTES = 256 * 1024 * 1024
_ABSENT_SECONDS = 2.0
_ABSENT_LIMIT = 10_000


class Fill:
    """One object on its way. ``size_bytes`` is known once ``begun`` returned."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.origin = Origin.ORIGIN
        self.size_bytes = 0
        self.readers = 0
        self.most_readers = 0
        self.error: MatineeError | None = None
        self.whole = False
        self.spool: Spool | None = None
        self.task: asyncio.Task[None] | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._told_bytes = 0
        self._alarm: asyncio.TimerHandle | None = None

    async def begun(self) -> None:
        """Wait for the first byte (of an empty object: for its size); NotFound or Unavailable if none comes."""
        while self.error is not None or not (self.whole or (self.spool and self.spool.received_bytes)):
            await self._change()

    def ready(self, offset: int, limit: int) -> bytes | None:
        """Up to ``limit`` bytes from ``offset`` on, if there are any now."""
        return self.spool.read(offset, limit) if self.spool else None

    async def wait(self, offset: int, limit: int) -> bytes:
        """Up to ``limit`` bytes from ``offset`` on, at least one; Unavailable if the fetch breaks before."""
        while (piece := self.ready(offset, limit)) is None:
            await self._change()
        return piece

    def take(self, chunk: bytes) -> None:
        """Bytes have come: readers learn of the first ones at once, and then a batch at a time."""
        assert self.spool is not None
        self.spool.append(chunk)
        if not self._told_bytes or self.spool.received_bytes - self._told_bytes >= _WAKE_BYTES:
            self.tell()
        elif self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(_WAKE_SECONDS, self.tell)

    def tell(self) -> None:
        """Wake everyone who waits."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._told_bytes = self.spool.received_bytes if self.spool else 0
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _change(self) -> None:
        if self.error is not None:
            raise type(self.error)(*self.error.args)
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter


class Fills:
    """The fetches of an edge, one a path. ``stall_seconds``: an origin silent for longer has broken its fetch."""

    def __init__(self, *, objects: ObjectStore, cache: Cache, counters: Counters, stall_seconds: float = 10.0) -> None:
        self._objects, self._cache, self._counters = objects, cache, counters
        self._stall_seconds = stall_seconds
        self._running: dict[str, Fill] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._absent: dict[str, float] = {}
        self._unkept_bytes = 0

    @contextmanager
    def join(self, path: str) -> Iterator[Fill]:
        """Wait for an object together with everyone else who does; the last one to leave stops the fetch."""
        until = self._absent.get(path)
        if until is not None:
            if time.monotonic() < until:
                raise _not_found(path)
            del self._absent[path]
        fill = self._running.get(path)
        if fill is None:
            fill = self._running[path] = Fill(path)
            fill.task = asyncio.create_task(self._run(fill), name=f"fill {path}")
            self._tasks.add(fill.task)
            fill.task.add_done_callback(self._tasks.discard)
        fill.readers += 1
        fill.most_readers = max(fill.most_readers, fill.readers)
        try:
            yield fill
        finally:
            fill.readers -= 1
            if not fill.readers:
                self._left(fill)

    async def size_of(self, path: str) -> int:
        """The size of an object at the origin, in bytes, without fetching it; NotFound or Unavailable."""
        if self._absent.get(path, 0.0) > time.monotonic():
            raise _not_found(path)
        try:
            async with asyncio.timeout(self._stall_seconds):
                meta = await obstore.head_async(self._objects, ORIGIN_FOLDER + path)
        except (BaseError, OSError) as error:
            raise self._translated(path, error) from error
        return meta["size"]

    async def close(self) -> None:
        """Stop every fetch."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _left(self, fill: Fill) -> None:
        assert fill.task is not None
        if fill.task.done():
            self._release(fill)
        elif fill.spool is None or fill.spool.received_bytes < fill.size_bytes:
            # Nobody waits for the rest. What has come whole is being put on disk, and stays.
            self._forget(fill)
            fill.task.cancel()

    def _forget(self, fill: Fill) -> None:
        if self._running.get(fill.path) is fill:
            del self._running[fill.path]

    def _release(self, fill: Fill) -> None:
        if fill.spool is not None:
            if fill.spool.unkept:
                self._unkept_bytes -= fill.size_bytes
            fill.spool.close()
            fill.spool = None

    async def _run(self, fill: Fill) -> None:
        started = time.monotonic()
        reservation: Reservation | None = None
        kept = False
        try:
            async with asyncio.timeout(self._stall_seconds) as patience:
                result = await obstore.get_async(self._objects, ORIGIN_FOLDER + fill.path)
                reservation = self._begin(fill, result.meta["size"])
                await self._receive(fill, result, patience)
            fill.whole = True
            fill.tell()
            assert fill.spool is not None
            await fill.spool.write(sync=True)
            if reservation is not None and fill.spool.on_disk:
                kept, reservation = self._cache.keep(reservation), None
        except asyncio.CancelledError:
            fill.error = fill.error or Unavailable(f"The fetch of {fill.path} was given up.")
            raise
        except (BaseError, OSError, MatineeError) as error:
            fill.error = self._translated(fill.path, error)
        finally:
            self._end(fill, reservation, kept=kept, seconds=time.monotonic() - started)

    def _begin(self, fill: Fill, size_bytes: int) -> Reservation | None:
        reservation = self._cache.reserve(fill.path, size_bytes)
        if reservation is None and self._unkept_bytes + size_bytes > _UNKEPT_LIMIT_BYTES:
            raise Unavailable(f"This edge has no room for {fill.path} now.")
        fill.size_bytes = size_bytes
        fill.spool = Spool(size_bytes, reservation.descriptor if reservation else None)
        self._unkept_bytes += size_bytes if fill.spool.unkept else 0
        return reservation

    async def _receive(self, fill: Fill, result: "GetResult", patience: asyncio.Timeout) -> None:
        spool, clock = fill.spool, asyncio.get_running_loop().time
        assert spool is not None
        writing: asyncio.Task[None] | None = None
        try:
            # The smallest chunks there are, so that the first byte waits for no second one.
            async for chunk in result.stream(min_chunk_size=1):
                patience.reschedule(clock() + self._stall_seconds)
                self._counters.origin_bytes += len(chunk)
                fill.take(chunk)
                if spool.received_bytes > fill.size_bytes:
                    break
                if spool.pending_bytes >= _WRITE_BYTES and spool.on_disk and (writing is None or writing.done()):
                    writing = asyncio.create_task(spool.write())
                if spool.pending_bytes >= _UNWRITTEN_LIMIT_BYTES and writing is not None:
                    await writing  # the disk is slower than the origin
        finally:
            if writing is not None:
                await writing
        if spool.received_bytes != fill.size_bytes:
            raise Unavailable(
                f"The origin sent {spool.received_bytes} bytes of {fill.path}, which has {fill.size_bytes}."
            )

    def _end(self, fill: Fill, reservation: Reservation | None, *, kept: bool, seconds: float) -> None:
        self._forget(fill)
        if reservation is not None:
            self._cache.give_up(reservation)
        facts = {
            "path": fill.path,
            "size_bytes": fill.size_bytes,
            "received_bytes": fill.spool.received_bytes if fill.spool else 0,
            "waiters": fill.most_readers,
            "seconds": round(seconds, 3),
        }
        if fill.error is None:
            outcome = "kept" if kept else "passed"
            _log.info("fill.done", kept=kept, refused=fill.spool.refused if fill.spool else None, **facts)
        elif isinstance(fill.error, NotFound):
            outcome = "absent"
            if len(self._absent) >= _ABSENT_LIMIT:
                self._absent.clear()
            self._absent[fill.path] = time.monotonic() + _ABSENT_SECONDS
        elif fill.spool is None or not fill.spool.received_bytes:
            outcome = "unanswered"  # whoever asked is told, and the application tells of them together
        elif fill.readers:
            outcome = "broken"
            _log.warning("fill.broken", reason=str(fill.error), **facts)
        else:
            outcome = "abandoned"
            _log.info("fill.abandoned", **facts)
        self._counters.fills[outcome] += 1
        fill.tell()
        if not fill.readers:
            self._release(fill)

    def _translated(self, path: str, error: Exception) -> MatineeError:
        if isinstance(error, MatineeError):
            return error
        if isinstance(error, FileNotFoundError):
            return _not_found(path)
        if isinstance(error, TimeoutError):
            return Unavailable(f"The origin was silent for {self._stall_seconds:g} s over {path}.")
        return Unavailable(f"The origin does not give {path}: {str(error).partition(chr(10))[0]}")


def _not_found(path: str) -> NotFound:
    return NotFound(f"There is no {path}.")
