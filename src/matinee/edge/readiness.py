"""What of a held file can leave at once and in one piece: out of memory, or out of the page cache without a wait.

One piece costs the data plane a third of what four cost. It is no larger than what granian holds of an answer anyhow
(``bills``), so nothing more is uncertain when a reader goes, and a reader that stands still holds no more.
"""

import asyncio
import hashlib

from matinee.cache.bodies import LARGEST_BYTES, Bodies
from matinee.cache.cache import Cache, Held
from matinee.edge.ranges import Part
from matinee.edge.reading import HeldFile


class Readiness:
    """Pieces of held files, and the bodies that it has memory keep."""

    def __init__(self, cache: Cache, bodies: Bodies) -> None:
        self._cache, self._bodies = cache, bodies
        self._verifying = False

    def piece(self, held: Held, part: Part) -> bytes | None:
        """These bytes of a file that was just found; None if they are many or wait for the disk.

        Unavailable if the file is gone.
        """
        size_bytes = part.end - part.start
        if size_bytes > LARGEST_BYTES:
            return None
        body = self._bodies.get(held)
        if body is not None:
            return body if size_bytes == len(body) else body[part.start : part.end]
        with HeldFile(held.file) as file:
            piece = file.ready(part.start, size_bytes)
        if piece is None or len(piece) != size_bytes:
            return None
        if size_bytes == held.size_bytes and not self._verifying and self._bodies.lets_in(held):
            self._verifying = True
            # Half a millisecond a megabyte: a thread's work, one body at a time.
            hashing = asyncio.get_running_loop().run_in_executor(None, _digest, piece)
            hashing.add_done_callback(lambda hashed: self._verified(held, piece, hashed))
        return piece

    def _verified(self, held: Held, body: bytes, hashed: "asyncio.Future[str]") -> None:
        self._verifying = False
        if hashed.cancelled() or hashed.exception():
            return
        if hashed.result() == held.digest:
            self._bodies.keep(held, body)
        else:
            self._cache.discredit(held)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
