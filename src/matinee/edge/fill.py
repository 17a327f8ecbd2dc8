"""Fetching what is not held: one fetch a file for any number of waiters, all of them reading while it comes in.

A fetch that breaks goes on from the next source. When there is none left it breaks its readers, so that no short answer
can look whole, and leaves nothing behind. One that everybody left is stopped, unless the plan wants the file.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from matinee.cache.cache import Reservation
from matinee.edge.arrival import Arrival, Outcome
from matinee.edge.health import Counters
from matinee.edge.pacing import FillRate
from matinee.edge.retrieval import Corrupt, NoRoom, Retrieval
from matinee.edge.spool import Spool
from matinee.model.errors import MatineeError, NotFound, Unavailable
from matinee.model.plans import PlannedFile
from matinee.upstream.deliveries import NotHeld, Reach
from matinee.upstream.upstreams import Upstreams

_log = structlog.get_logger()

_UNKEPT_LIMIT_BYTES = 256 * 1024 * 1024
_ABSENT_SECONDS = 2.0
_ABSENT_LIMIT = 10_000


class Store(Protocol):
    """What a fill asks of the cache."""

    def wanted(self, path: str) -> PlannedFile | None:
        """The file as the plan has it, if it does."""
        ...

    def reserve(self, path: str, size_bytes: int) -> Reservation | None:
        """Room to write it to; None if it is not to be kept, or the disk refuses."""
        ...

    def keep(self, reservation: Reservation, digest: str) -> bool:
        """Hold it, whole and synced; ``digest`` is the SHA-256 of what was written. False if it is not kept."""
        ...

    def give_up(self, reservation: Reservation) -> None:
        """It did not become whole."""
        ...


class Fills:
    """The fetches of an edge, one a path. ``rate`` is what those may take that no viewer waits for."""

    def __init__(
        self,
        *,
        upstreams: Upstreams,
        cache: Store,
        counters: Counters,
        rate: FillRate | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstreams, self._cache, self._counters = upstreams, cache, counters
        self._rate, self._steady = rate or FillRate(), steady
        self._running: dict[str, Retrieval] = {}
        self._reservations: dict[Arrival, Reservation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._absent: dict[str, float] = {}
        self._unkept_bytes = 0

    @contextmanager
    def join(self, path: str, via: tuple[str, ...] = ()) -> Iterator[Arrival]:
        """Wait for a file together with everyone else who does; the last one to leave stops the fetch.

        ``via``: the edges that the request came through. NotFound if the file was not there a moment ago.
        """
        self._ask_memory(path)
        running = self._running.get(path)
        arrival = running.arrival if running else self._start(path, Reach.AFAR, via)
        arrival.joined()
        try:
            yield arrival
        finally:
            arrival.left()
            if not arrival.readers:
                self._left(arrival)

    async def place(self, path: str, reach: Reach) -> Outcome:
        """Fetch a file that the plan wants; how that ended. Whoever asked may leave: the fetch goes on."""
        if self._cache.wanted(path) is None:
            return Outcome.ABANDONED
        running = self._running.get(path)
        arrival = running.arrival if running else self._start(path, reach, ())
        assert arrival.task is not None
        await asyncio.wait((arrival.task,))
        return arrival.outcome

    async def size_of(self, path: str) -> int:
        """The size of a file at its sources, in bytes, without fetching it; NotFound or Unavailable."""
        self._ask_memory(path)
        running = self._running.get(path)
        if running and running.arrival.spool:
            return running.arrival.size_bytes
        return await self._upstreams.size_of(path)

    def stop(self, prefix: str) -> None:
        """Break every fetch whose path begins so: what is purged is not to come back by it."""
        for path, running in list(self._running.items()):
            if path.startswith(prefix) and running.arrival.task is not None:
                del self._running[path]
                running.arrival.task.cancel()

    async def close(self) -> None:
        """Stop every fetch."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask_memory(self, path: str) -> None:
        until = self._absent.get(path)
        if until is None:
            return
        if self._steady() < until:
            raise NotFound(f"There is no {path}.")
        del self._absent[path]

    def _start(self, path: str, reach: Reach, via: tuple[str, ...]) -> Arrival:
        arrival = Arrival(path, reach=reach, via=via, planned=self._cache.wanted(path))
        self._running[path] = retrieval = Retrieval(
            arrival, upstreams=self._upstreams, counters=self._counters, begin=self._begin, pause=self._pause
        )
        arrival.task = asyncio.create_task(self._run(retrieval), name=f"fill {path}")
        self._tasks.add(arrival.task)
        arrival.task.add_done_callback(self._tasks.discard)
        return arrival

    def _left(self, arrival: Arrival) -> None:
        assert arrival.task is not None
        if arrival.task.done():
            self._release(arrival)
        elif self._cache.wanted(arrival.path) and not (arrival.spool and arrival.spool.unkept):
            return  # the plan wants it, and there is room for it
        elif arrival.spool is None or arrival.received_bytes < arrival.size_bytes:
            # Nobody waits for the rest. What has come whole is being put on disk, and stays.
            self._forget(arrival)
            arrival.task.cancel()

    def _forget(self, arrival: Arrival) -> None:
        running = self._running.get(arrival.path)
        if running and running.arrival is arrival:
            del self._running[arrival.path]

    def _release(self, arrival: Arrival) -> None:
        if arrival.spool is not None:
            if arrival.spool.unkept:
                self._unkept_bytes -= arrival.size_bytes
            arrival.spool.close()
            arrival.spool = None

    async def _run(self, retrieval: Retrieval) -> None:
        arrival, started = retrieval.arrival, self._steady()
        kept = False
        try:
            await retrieval.run()
            assert arrival.spool is not None
            if arrival.spool.on_disk:
                await arrival.spool.write(sync=True)
            if arrival.spool.on_disk and (reservation := self._reservations.pop(arrival, None)):
                kept = self._cache.keep(reservation, arrival.digest)
        except asyncio.CancelledError:
            arrival.error = arrival.error or Unavailable(f"The fetch of {arrival.path} was given up.")
            raise
        except MatineeError as error:
            arrival.error = error
        finally:
            if not arrival.whole and arrival.error is None:
                # A fault of ours, which is on its way up; it is not to leave readers waiting.
                arrival.error = Unavailable(f"The fetch of {arrival.path} failed.")
            self._end(retrieval, kept=kept, seconds=self._steady() - started)

    def _begin(self, arrival: Arrival, size_bytes: int) -> None:
        reservation = self._cache.reserve(arrival.path, size_bytes)
        if reservation is None and not arrival.readers:
            raise NoRoom(f"The cache has no room for {arrival.path}.")
        if reservation is None and self._unkept_bytes + size_bytes > _UNKEPT_LIMIT_BYTES:
            raise NoRoom(f"This edge has no room for {arrival.path} now.")
        if reservation is not None:
            self._reservations[arrival] = reservation
        arrival.size_bytes = size_bytes
        arrival.spool = Spool(size_bytes, reservation.descriptor if reservation else None)
        self._unkept_bytes += size_bytes if arrival.spool.unkept else 0

    def _pause(self, arrival: Arrival, size_bytes: int) -> float:
        """Viewers come first: while they need the same source, what nobody waits for only trickles."""
        upstream = self._running[arrival.path].upstream if arrival.path in self._running else None
        needed = any(other.arrival.readers and other.upstream is upstream for other in self._running.values())
        return self._rate.pause(size_bytes, self._steady(), needed=needed)

    def _end(self, retrieval: Retrieval, *, kept: bool, seconds: float) -> None:
        arrival = retrieval.arrival
        self._forget(arrival)
        reservation = self._reservations.pop(arrival, None)
        if reservation is not None:
            self._cache.give_up(reservation)
        outcome = arrival.outcome = self._outcome(arrival, kept=kept)
        facts = {
            "path": arrival.path,
            "size_bytes": arrival.size_bytes,
            "received_bytes": arrival.received_bytes,
            "upstream": retrieval.upstream.name if retrieval.upstream else None,
            "waiters": arrival.most_readers,
            "seconds": round(seconds, 3),
        }
        if arrival.error is None:
            _log.info("fill.done", kept=kept, refused=arrival.spool.refused if arrival.spool else None, **facts)
        elif outcome is Outcome.ABSENT:
            if len(self._absent) >= _ABSENT_LIMIT:
                self._absent.clear()
            self._absent[arrival.path] = self._steady() + _ABSENT_SECONDS
        elif outcome is Outcome.BROKEN:
            _log.warning("fill.broken", reason=str(arrival.error), **facts)
        elif outcome is Outcome.ABANDONED:
            _log.info("fill.abandoned", **facts)
        self._counters.fills[outcome.value] += 1
        arrival.tell()
        if not arrival.readers:
            self._release(arrival)

    def _outcome(self, arrival: Arrival, *, kept: bool) -> Outcome:
        error = arrival.error
        if error is None:
            refused = arrival.spool is not None and arrival.spool.refused is not None
            return Outcome.KEPT if kept else Outcome.REFUSED if refused else Outcome.PASSED
        if isinstance(error, NotFound):
            return Outcome.ABSENT
        if isinstance(error, NotHeld):
            return Outcome.NOT_HELD
        if isinstance(error, NoRoom):
            return Outcome.REFUSED
        if not arrival.received_bytes and not isinstance(error, Corrupt):
            return Outcome.UNANSWERED  # whoever asked is told, and the application tells of them together
        return Outcome.BROKEN if arrival.readers or arrival.planned else Outcome.ABANDONED
