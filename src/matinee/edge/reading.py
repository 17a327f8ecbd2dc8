"""A held file, read in slices: at once where the page cache has them, by a thread where the disk must be waited for."""

import asyncio
import os
from types import TracebackType
from typing import Self

from matinee.model.errors import Unavailable
from matinee.model.plans import Origin

# preadv2(2), Linux 4.14 and later. Elsewhere every read goes by a thread.
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
_PROBED_BYTES = 256 * 1024


class HeldFile:
    """An open file; it stays whole for its reader even if it is removed meanwhile. Unavailable if it is gone."""

    def __init__(self, file: str, origin: Origin = Origin.DEMAND) -> None:
        self._origin = origin
        try:
            self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"A held file went away: {error.strerror}.") from error
        self._probe = bytearray(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def origin_at(self, offset: int) -> Origin:
        """Where all its bytes lay: placed, or in the demand cache."""
        del offset
        return self._origin

    def ready(self, offset: int, limit: int) -> bytes | None:
        """Up to ``limit`` bytes from ``offset`` on, if memory has a page in every 256 KiB of them, and the last."""
        if limit == 0:
            return b""
        places = (*range(offset, offset + limit, _PROBED_BYTES), offset + limit - 1)
        if not (_NOWAIT and all(map(self._cached, places))):
            return None
        return os.pread(self._descriptor, limit, offset)

    async def wait(self, offset: int, limit: int) -> bytes:
        """Up to ``limit`` bytes from ``offset`` on; Unavailable if the disk fails or the file ends before."""
        loop = asyncio.get_running_loop()
        try:
            piece = await loop.run_in_executor(None, os.pread, self._descriptor, limit, offset)
        except OSError as error:
            raise Unavailable(f"A held file cannot be read: {error.strerror}.") from error
        if not piece:
            raise Unavailable(f"A held file ends at {offset} bytes, before its size.")
        return piece

    def _cached(self, offset: int) -> bool:
        try:
            return os.preadv(self._descriptor, [self._probe], offset, _NOWAIT) == 1
        except OSError:
            return False  # EAGAIN: on disk; EOPNOTSUPP: a file system that cannot say
