"""Bodies that are sent in slices: whose bytes they are, and when they end before their end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from matinee.edge.health import Counters
from matinee.model.plans import Origin

_STALL_SECONDS = 60.0


class Source(Protocol):
    """Where the bytes of a body come from."""

    def origin_at(self, offset: int) -> Origin:
        """Where the byte at an offset lay."""
        ...

    def ready(self, offset: int, limit: int) -> bytes | None:
        """Up to ``limit`` bytes from ``offset`` on, if there are any at once."""
        ...

    async def wait(self, offset: int, limit: int) -> bytes:
        """As ``ready``, but at least one; Unavailable if there will be none."""
        ...


@dataclass(eq=False, slots=True)
class Transfer:
    """One body that is sent in slices. ``sending_since``: steady seconds while the reader takes a slice."""

    task: asyncio.Task[object]
    sending_since: float | None = None
    handed_over: bool = False
    ended: bool = False

    def end(self) -> None:
        """Stop it from outside: the reader went, or stands still, or the edge stops."""
        self.ended = True
        self.task.cancel()


class Transfers:
    """Every transfer of an edge."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._under_way: set[Transfer] = set()

    @asynccontextmanager
    async def begin(self, receive: Callable[[], Awaitable[dict[str, Any]]]) -> AsyncIterator[Transfer]:
        """A transfer in the current task, which ends when its reader goes; leaving the body ends it too."""
        task = asyncio.current_task()
        assert task is not None
        transfer = Transfer(task)
        watch = asyncio.create_task(_end_when_gone(receive, transfer))
        self._under_way.add(transfer)
        try:
            yield transfer
        except asyncio.CancelledError:
            if not transfer.ended:
                raise
            self._counters.cut += not transfer.handed_over
        finally:
            self._under_way.discard(transfer)
            watch.cancel()

    def drop_stalled(self, now: float) -> None:
        """End those whose reader has taken nothing for a minute."""
        for transfer in list(self._under_way):
            if transfer.sending_since is not None and now - transfer.sending_since > _STALL_SECONDS:
                transfer.end()

    def close(self) -> None:
        """End all."""
        for transfer in list(self._under_way):
            transfer.end()


async def _end_when_gone(receive: Callable[[], Awaitable[dict[str, Any]]], transfer: Transfer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    transfer.end()
