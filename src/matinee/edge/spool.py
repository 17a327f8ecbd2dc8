"""The bytes of one file while they come in: on disk as far as they were written, in memory from there on.

Readers take bytes as soon as they arrived. If the disk refuses (it is full, or there was no room), what it did not
take stays in memory until the last reader has gone, so that nobody's answer breaks over it.
"""

import asyncio
import os
from bisect import bisect_right
from contextlib import suppress


class Spool:
    """A file of ``size_bytes`` that grows at its end. ``descriptor`` None: memory alone.

    Used from the event loop's thread; only the writing itself runs in another one, on a descriptor of its own, so that
    closing here can never turn a late write loose on somebody else's file.
    """

    def __init__(self, size_bytes: int, descriptor: int | None) -> None:
        self.size_bytes = size_bytes
        self.received_bytes = 0
        self.unkept = descriptor is None
        self.refused: str | None = None
        """What the disk said when it took no more."""
        self._descriptor = descriptor
        self._written_bytes = 0
        self._starts: list[int] = []
        self._chunks: list[bytes] = []

    @property
    def on_disk(self) -> bool:
        """Whether every byte that came is, or can still be, on disk."""
        return self._descriptor is not None and self.refused is None

    @property
    def pending_bytes(self) -> int:
        """Bytes that are in memory alone."""
        return self.received_bytes - self._written_bytes

    def append(self, chunk: bytes) -> None:
        """More bytes have come."""
        self._starts.append(self.received_bytes)
        self._chunks.append(chunk)
        self.received_bytes += len(chunk)

    def read(self, offset: int, limit: int) -> bytes | None:
        """Up to ``limit`` bytes from ``offset`` on; None if none of them has come yet."""
        if offset >= self.received_bytes:
            return None
        if offset < self._written_bytes:
            assert self._descriptor is not None
            # Written a moment ago, so it comes out of the page cache.
            return os.pread(self._descriptor, min(limit, self._written_bytes - offset), offset)
        place = bisect_right(self._starts, offset) - 1
        taken = self._chunks[place][offset - self._starts[place] :][:limit]
        if len(taken) == limit or place + 1 == len(self._chunks):
            return taken
        parts, size = [taken], len(taken)
        for chunk in self._chunks[place + 1 :]:
            parts.append(chunk[: limit - size])
            size += len(parts[-1])
            if size >= limit:
                break
        return b"".join(parts)

    async def write(self, *, sync: bool = False) -> None:
        """Put what is pending on disk; with ``sync``, past the power cut. One call at a time."""
        if not self.on_disk:
            return
        assert self._descriptor is not None
        chunks = len(self._chunks)
        data, offset = b"".join(self._chunks), self._written_bytes
        writing = asyncio.get_running_loop().run_in_executor(None, _write, os.dup(self._descriptor), data, offset, sync)
        # A caller that is cancelled leaves; the thread ends in peace and closes its own descriptor.
        writing.add_done_callback(_forget)
        try:
            await asyncio.shield(writing)
        except OSError as error:
            self.refused = error.strerror or str(error)
            return
        self._written_bytes += len(data)
        del self._starts[:chunks], self._chunks[:chunks]

    def close(self) -> None:
        """Nobody reads any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._chunks.clear()
        self._starts.clear()


def _write(descriptor: int, data: bytes, offset: int, sync: bool) -> None:
    try:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written
        if sync:
            # Without it a power cut can leave the name on disk and not the bytes.
            os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _forget(writing: asyncio.Future[None]) -> None:
    with suppress(asyncio.CancelledError):
        writing.exception()
