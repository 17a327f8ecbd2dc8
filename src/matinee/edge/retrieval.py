"""Brings one file in: from one source after another, going on where the last one broke, and checked at its end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from matinee.edge.arrival import Arrival
from matinee.edge.health import Counters
from matinee.model.errors import NotFound, Unavailable
from matinee.upstream.deliveries import Delivery, NotHeld, Upstream
from matinee.upstream.upstreams import Upstreams

_log = structlog.get_logger()

_WRITE_BYTES = 1024 * 1024
_UNWRITTEN_LIMIT_BYTES = 64 * 1024 * 1024
_ROUNDS = 2
_AGAIN_SECONDS = 0.1


class NoRoom(Unavailable):
    """This edge can put the file nowhere."""


class Corrupt(Unavailable):
    """What came is not the file that the plan means."""


class Retrieval:
    """The fetching of one arrival.

    ``begin`` makes its spool once the size is known, or raises NoRoom. ``pause`` says for how many seconds bytes that
    no viewer waits for are to wait.
    """

    def __init__(
        self,
        arrival: Arrival,
        *,
        upstreams: Upstreams,
        counters: Counters,
        begin: Callable[[Arrival, int], None],
        pause: Callable[[Arrival, int], float],
    ) -> None:
        self.arrival = arrival
        self._upstreams, self._counters, self._begin, self._pause = upstreams, counters, begin, pause
        self._tries: Counter[str] = Counter()
        self._spent: set[str] = set()
        self._used: dict[str, Upstream] = {}
        self._tags: dict[str, str | None] = {}
        self.upstream: Upstream | None = None

    async def run(self) -> None:
        """Return once every byte has come and was found right.

        NotFound, NotHeld, NoRoom, Corrupt or Unavailable when no source is left.
        """
        reason: NotFound | Unavailable = NotHeld(f"No peer holds {self.arrival.path}.")
        while (upstream := self._next()) is not None:
            if self._tries[upstream.name]:
                await asyncio.sleep(_AGAIN_SECONDS)
            self._tries[upstream.name] += 1
            self.upstream = upstream
            try:
                await self._fetch(upstream)
                await self._check()
            except NotHeld:
                self._spent.add(upstream.name)
            except NotFound as error:
                self._spent.add(upstream.name)
                reason = self._cut(error)
            except NoRoom:
                raise
            except Corrupt as error:
                self._blame(str(error))
                reason = error
                if self.arrival.given:
                    raise
                self.arrival.restart()
            except Unavailable as error:
                reason = error
                self._upstreams.failed(upstream, str(error))
            else:
                self._upstreams.gave(upstream)
                return
        raise reason

    def _next(self) -> Upstream | None:
        """The nearest source that was not tried yet; after that, those that broke once more."""
        choices = self._upstreams.of(self.arrival.path, self.arrival.reach)
        for tries in range(_ROUNDS):
            for upstream in choices:
                if self._tries[upstream.name] == tries and upstream.name not in self._spent:
                    return upstream
        return None

    async def _fetch(self, upstream: Upstream) -> None:
        arrival, patience = self.arrival, upstream.patience
        start = arrival.received_bytes
        if arrival.spool is not None and start == arrival.size_bytes:
            return  # the last source broke after its last byte
        try:
            async with (
                asyncio.timeout(patience.answer_seconds) as limit,
                upstream.deliver(arrival.path, start, arrival.via, self._tags.get(upstream.name)) as delivery,
            ):
                self._accept(upstream, delivery)
                limit.reschedule(asyncio.get_running_loop().time() + patience.stall_seconds)
                await self._receive(upstream, delivery, limit)
        except TimeoutError as error:
            raise Unavailable(f"The {upstream.name} was too slow over {arrival.path}.") from error

    def _accept(self, upstream: Upstream, delivery: Delivery) -> None:
        """Whether this may be the file that is on its way: by size, which is all that sources have in common."""
        arrival = self.arrival
        wanted_bytes = arrival.planned.size_bytes if arrival.planned else delivery.size_bytes
        if arrival.spool is not None:
            wanted_bytes = arrival.size_bytes
        if delivery.size_bytes != wanted_bytes:
            # Asking it again would not change its mind.
            self._spent.add(upstream.name)
            raise Unavailable(
                f"The {upstream.name} has {delivery.size_bytes} bytes of {arrival.path}, which has {wanted_bytes}."
            )
        self._tags[upstream.name] = delivery.tag
        if arrival.spool is None:
            self._begin(arrival, delivery.size_bytes)
        self._used[upstream.name] = upstream
        arrival.comes_from(upstream.origin)

    async def _receive(self, upstream: Upstream, delivery: Delivery, limit: asyncio.Timeout) -> None:
        arrival, spool, clock = self.arrival, self.arrival.spool, asyncio.get_running_loop().time
        assert spool is not None
        patience, since_bytes = upstream.patience, 0
        writing: asyncio.Task[None] | None = None
        try:
            async for chunk in delivery.chunks:
                self._counters.received[upstream.origin] += len(chunk)
                if spool.received_bytes + len(chunk) > arrival.size_bytes:
                    raise Unavailable(f"The {upstream.name} sent more of {arrival.path} than there is.")
                arrival.take(chunk)
                since_bytes += len(chunk)
                if since_bytes >= patience.least_bytes:
                    since_bytes = 0
                    limit.reschedule(clock() + patience.stall_seconds)
                if self._digests and spool.undigested_bytes >= _WRITE_BYTES and (writing is None or writing.done()):
                    writing = asyncio.create_task(spool.write())
                if waits := self._waits(len(chunk), writing):
                    limit.reschedule(None)  # the source is not silent meanwhile: nobody reads from it
                    await waits
                    limit.reschedule(clock() + patience.stall_seconds)
        finally:
            if writing is not None:
                await writing
        if spool.received_bytes != arrival.size_bytes:
            raise Unavailable(
                f"The {upstream.name} sent {spool.received_bytes} bytes of {arrival.path}, which has "
                f"{arrival.size_bytes}."
            )

    def _waits(self, size_bytes: int, writing: "asyncio.Task[None] | None") -> Awaitable[None] | None:
        """What the next bytes are to wait for, if for anything; NoRoom if they would be fetched for nothing."""
        arrival, spool = self.arrival, self.arrival.spool
        assert spool is not None
        if spool.on_disk and spool.pending_bytes >= _UNWRITTEN_LIMIT_BYTES and writing is not None:
            return writing  # the disk is slower than the source
        if arrival.readers:
            return None
        if spool.refused:
            raise NoRoom(f"The disk takes no more of {arrival.path}: {spool.refused}.")
        seconds = self._pause(arrival, size_bytes)
        return arrival.alone(seconds) if seconds else None

    @property
    def _digests(self) -> bool:
        """Whether anybody will ask for the digest: the plan that has one, or the cache that keeps the file."""
        arrival = self.arrival
        assert arrival.spool is not None
        return arrival.spool.on_disk or bool(arrival.planned and arrival.planned.digest)

    async def _check(self) -> None:
        arrival = self.arrival
        assert arrival.spool is not None
        if self._digests:
            arrival.digest = await arrival.spool.digest()
        if arrival.planned and arrival.planned.digest not in {"", arrival.digest}:
            raise Corrupt(f"What came of {arrival.path} has not the digest that the plan says.")
        arrival.whole = True
        arrival.tell()

    def _blame(self, reason: str) -> None:
        """Everyone who gave some of it: which of them gave the wrong bytes, nobody can tell."""
        self._counters.fills["corrupt"] += 1
        _log.warning("fill.corrupt", path=self.arrival.path, upstreams=sorted(self._used), digest=self.arrival.digest)
        for upstream in self._used.values():
            self._spent.add(upstream.name)
            self._upstreams.gave_wrong(upstream, self.arrival.path, reason)
        self._used.clear()

    def _cut(self, error: NotFound) -> NotFound | Unavailable:
        """What it means that a source has no such file: of a file whose beginning is out, that the rest is lost."""
        return Unavailable(f"The rest of {self.arrival.path} is gone.") if self.arrival.received_bytes else error
