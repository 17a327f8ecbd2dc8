"""Bodies of the held files that are asked for most, in memory: what leaves from there is read from nothing.

Whoever asks here has just found the file among those that are held, and an entry is bound to the SHA-256 found there:
what was purged, evicted or removed as damaged is never asked for, and what was replaced is another body. A file is let
in from its second request on; where others would have to leave for it, only if it was asked for more often than each of
them of late (TinyLFU: Einziger, Friedman and Manes, ACM ToS 2017), so that a round of more files than fit turns nothing
over. Pure.
"""

from collections import OrderedDict

from matinee.cache.shelf import Held

LARGEST_BYTES = 1024 * 1024
"""A larger body leaves in slices, and has little from lying ready."""
_ADMITTED_REQUESTS = 2
_WINDOW_REQUESTS = 16_384
"""After so many requests each file is taken to have been asked for half as often: that is how long `of late` is."""


class Bodies:
    """At most ``limit_bytes`` of bodies, each of ``LARGEST_BYTES`` or less; 0: none."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._asked: dict[str, int] = {}
        self._requests = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, held: Held) -> bytes | None:
        """A held file's body, if it is here; this counts as a request for it."""
        path = held.path
        if self.limit_bytes and held.size_bytes <= LARGEST_BYTES:
            self._count(path)
        kept = self._kept.get(path)
        if kept is None:
            return None
        digest, body = kept
        if digest != held.digest:
            self._drop(path)
            return None
        self._kept.move_to_end(path)
        return body

    def lets_in(self, held: Held) -> bool:
        """Whether a held file that is not here is worth the room it would take."""
        if held.size_bytes > LARGEST_BYTES or self._asked.get(held.path, 0) < _ADMITTED_REQUESTS:
            return False
        return self._leaving(held) is not None

    def keep(self, held: Held, body: bytes) -> bool:
        """Take in a body that has the held file's SHA-256; False if it is no longer worth it."""
        if held.path in self._kept:
            self._drop(held.path)
        leaving = self._leaving(held)
        if leaving is None:
            return False
        for path in leaving:
            self._drop(path)
        self._kept[held.path] = held.digest, body
        self.used_bytes += len(body)
        return True

    def _leaving(self, held: Held) -> list[str] | None:
        """Who would have to leave for a file, those first that were asked for longest ago; None: it is not worth it."""
        leaving: list[str] = []
        over = self.used_bytes + held.size_bytes - self.limit_bytes
        asked = self._asked.get(held.path, 0)
        for path, (_, body) in self._kept.items():
            if over <= 0:
                break
            if self._asked.get(path, 0) >= asked:
                return None
            leaving.append(path)
            over -= len(body)
        return leaving if over <= 0 else None

    def _drop(self, path: str) -> None:
        _, body = self._kept.pop(path)
        self.used_bytes -= len(body)

    def _count(self, path: str) -> None:
        self._asked[path] = self._asked.get(path, 0) + 1
        self._requests += 1
        if self._requests >= _WINDOW_REQUESTS:
            self._requests = 0
            self._asked = {path: asked // 2 for path, asked in self._asked.items() if asked > 1}
