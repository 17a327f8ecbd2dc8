"""One file on its way in, and everyone who reads it meanwhile."""

import asyncio
from contextlib import suppress
from enum import StrEnum

from matinee.edge.spool import Spool
from matinee.model.errors import MatineeError
from matinee.model.plans import Origin, PlannedFile
from matinee.upstream.deliveries import Reach

_WAKE_BYTES = 64 * 1024
_WAKE_SECONDS = 0.01
_HELD_BACK_BYTES = 64 * 1024


class Outcome(StrEnum):
    """How a fetch ended, as it is counted."""

    KEPT = "kept"
    PASSED = "passed"
    ABSENT = "absent"
    NOT_HELD = "not_held"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    BROKEN = "broken"
    ABANDONED = "abandoned"


class Arrival:
    """A file that is being fetched. ``size_bytes`` is known once ``begun`` returned.

    Where the plan says the file's digest, its last bytes are held back until that has been found right: a reader has
    either the right file or a broken answer.
    """

    def __init__(
        self, path: str, *, reach: Reach, via: tuple[str, ...] = (), planned: PlannedFile | None = None
    ) -> None:
        self.path, self.reach, self.via, self.planned = path, reach, via, planned
        self.size_bytes = 0
        self.readers = 0
        self.most_readers = 0
        self.error: MatineeError | None = None
        self.whole = False
        self.given = False
        """Whether a reader has had bytes of it."""
        self.digest = ""
        self.outcome = Outcome.ABANDONED
        self.spool: Spool | None = None
        self.task: asyncio.Task[None] | None = None
        self._origins: list[tuple[int, Origin]] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._told_bytes = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._joined = asyncio.Event()

    @property
    def received_bytes(self) -> int:
        """Bytes that have come."""
        return self.spool.received_bytes if self.spool else 0

    @property
    def open_bytes(self) -> int:
        """Bytes that readers may have."""
        if self.whole or self.planned is None or not self.planned.digest:
            return self.received_bytes
        return min(self.received_bytes, max(0, self.size_bytes - _HELD_BACK_BYTES))

    @property
    def origin(self) -> Origin:
        """Where its bytes come from now."""
        return self._origins[-1][1] if self._origins else Origin.ORIGIN

    def origin_at(self, offset: int) -> Origin:
        """Where the byte at an offset came from."""
        return next((origin for start, origin in reversed(self._origins) if start <= offset), self.origin)

    def comes_from(self, origin: Origin) -> None:
        """From here on its bytes come from there."""
        self._origins.append((self.received_bytes, origin))

    def joined(self) -> None:
        """One more reader waits for it."""
        self.readers += 1
        self.most_readers = max(self.most_readers, self.readers)
        # A viewer is not told to be content with what a peer may have.
        self.reach = Reach.AFAR
        self._joined.set()

    def left(self) -> None:
        """A reader has gone."""
        self.readers -= 1
        if not self.readers:
            self._joined.clear()

    async def alone(self, seconds: float) -> None:
        """Let that many seconds pass, but end at once when a reader comes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._joined.wait()

    async def begun(self) -> None:
        """Wait for the first byte (of an empty file: for its size); NotFound or Unavailable if none comes."""
        while self.error is not None or not (self.whole or self.open_bytes):
            await self._change()

    def ready(self, offset: int, limit: int) -> bytes | None:
        """Up to ``limit`` bytes from ``offset`` on, if there are any now."""
        limit = min(limit, self.open_bytes - offset)
        if self.spool is None or limit <= 0:
            return None
        self.given = True
        return self.spool.read(offset, limit)

    async def wait(self, offset: int, limit: int) -> bytes:
        """Up to ``limit`` bytes from ``offset`` on, at least one; Unavailable if the fetch breaks before."""
        while (piece := self.ready(offset, limit)) is None:
            await self._change()
        return piece

    def take(self, chunk: bytes) -> None:
        """Bytes have come: readers learn of the first ones at once, and then a batch at a time."""
        assert self.spool is not None
        self.spool.append(chunk)
        if not self._waiters:
            return
        if (not self._told_bytes and self.open_bytes) or self.open_bytes - self._told_bytes >= _WAKE_BYTES:
            self.tell()
        elif self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(_WAKE_SECONDS, self.tell)

    def restart(self) -> None:
        """What came was wrong, and nobody has had any of it."""
        assert self.spool is not None
        self.spool.restart()
        self._origins.clear()
        self._told_bytes = 0

    def tell(self) -> None:
        """Wake everyone who waits."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._told_bytes = self.open_bytes
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
