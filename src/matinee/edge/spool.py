"""The bytes of one file while they come in: on disk as far as they were written, in memory from there on.

Readers take bytes as soon as they arrived. If the disk refuses (it is full, or there was no room), what it did not
take stays in memory until the last reader has gone, so that nobody's answer breaks over it.
"""

import asyncio
import hashlib
import os
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress


class Spool:
    """A file of ``size_bytes`` that grows at its end. ``descriptor`` None: memory alone.

    Used from the event loop's thread; only writing and digesting run in another one, on a descriptor of its own, so
    that closing here can never turn a late write loose on somebody else's file.
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
        self._hash = hashlib.sha256()
        self._digested_bytes = 0
        self._digested_chunks = 0  # those at the head of _chunks

    @property
    def on_disk(self) -> bool:
        """Whether every byte that came is, or can still be, on disk."""
        return self._descriptor is not None and self.refused is None

    @property
    def pending_bytes(self) -> int:
        """Bytes that are in memory alone."""
        return self.received_bytes - self._written_bytes

    @property
    def undigested_bytes(self) -> int:
        """Bytes that ``write`` has not seen yet."""
        return self.received_bytes - self._digested_bytes

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
        """Digest what came, and put what is pending on disk; with ``sync``, past the power cut. One call at a time."""
        chunks, received = len(self._chunks), self.received_bytes
        fresh = b"".join(self._chunks[self._digested_chunks :])
        data = b""
        if self.on_disk:
            data = b"".join(self._chunks) if self._digested_chunks else fresh
        descriptor = os.dup(self._descriptor) if self.on_disk and self._descriptor is not None else None
        writing = asyncio.get_running_loop().run_in_executor(
            None, _write, self._hash.update, fresh, descriptor, data, self._written_bytes, sync
        )
        # A caller that is cancelled leaves; the thread ends in peace and closes its own descriptor.
        writing.add_done_callback(_forget)
        refused = await asyncio.shield(writing)
        self._digested_bytes, self._digested_chunks = received, chunks
        if descriptor is None:
            return
        if refused is not None:
            self.refused = refused
            return
        self._written_bytes += len(data)
        self._digested_chunks = 0
        del self._starts[:chunks], self._chunks[:chunks]

    async def digest(self) -> str:
        """SHA-256 of what came, in hexadecimal; whoever waits for it does not wait for the disk."""
        chunks, received = len(self._chunks), self.received_bytes
        fresh = b"".join(self._chunks[self._digested_chunks :])
        if fresh:
            digesting = asyncio.get_running_loop().run_in_executor(None, self._hash.update, fresh)
            digesting.add_done_callback(_forget)
            await asyncio.shield(digesting)
            self._digested_bytes, self._digested_chunks = received, chunks
        return self._hash.hexdigest()

    def restart(self) -> None:
        """Nothing has come, as if for the first time: what comes now is written over what came before."""
        self.received_bytes = self._written_bytes = self._digested_bytes = self._digested_chunks = 0
        self._starts.clear()
        self._chunks.clear()
        self._hash = hashlib.sha256()

    def close(self) -> None:
        """Nobody reads any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._chunks.clear()
        self._starts.clear()


def _write(
    digest: Callable[[bytes], None], fresh: bytes, descriptor: int | None, data: bytes, offset: int, sync: bool
) -> str | None:
    """What the disk says if it refuses. The digest has taken in the fresh bytes either way."""
    try:
        digest(fresh)
        if descriptor is None:
            return None
        rest = memoryview(data)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written
        if sync:
            # Without it a power cut can leave the name on disk and not the bytes.
            os.fdatasync(descriptor)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return None


def _forget(writing: asyncio.Future[str | None] | asyncio.Future[None]) -> None:
    with suppress(asyncio.CancelledError):
        writing.exception()
