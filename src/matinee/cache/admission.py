"""Which files the demand cache lets in: all at their first request, or each at its second one. Pure.

Waiting for the second request spares the disk every file that nobody asks for again, and costs a fetch for each that
somebody does ask for again soon. Both are counted all the time, whichever rule is in force, in bytes, with recent ones
weighing more; the second request is waited for while that spares more bytes of writing than it loses bytes of hits.
"""

from matinee.cache.ghost import Ghost

_LEAST_FILES = 1000
"""So many first requests are looked at before anything is decided."""
_WINDOW = 2.0
"""A name is remembered while so many times the cache's bytes are asked for the first time."""
_BACK = 0.8
"""The rule falls back when it spares less than this share of what it loses, so that it does not flutter."""


class SecondRequest:
    """The door of a cache of ``limit_bytes`` (which may change) in which new files pass through ``small_bytes``."""

    def __init__(self, limit_bytes: int, small_bytes: int) -> None:
        self.waits = False
        """Whether the second request is waited for now."""
        self._asked = Ghost(0)
        self._first_files = 0
        self._first_bytes = self._again_bytes = self._lost_bytes = 0.0
        self.resize(limit_bytes, small_bytes)

    @property
    def spared_bytes(self) -> float:
        """Writing that waiting would have spared, of late."""
        return self._first_bytes - self._again_bytes

    @property
    def lost_bytes(self) -> float:
        """Hits that waiting would have lost, of late."""
        return self._lost_bytes

    def resize(self, limit_bytes: int, small_bytes: int) -> None:
        """The cache is of that size now."""
        self._limit_bytes, self._small_bytes = limit_bytes, small_bytes
        self._asked.window_bytes = int(_WINDOW * limit_bytes)

    def lets_in(self, name: int, size_bytes: int, *, free: bool) -> bool:
        """Whether a missed file is to be kept. ``free``: there is room for it without anybody leaving."""
        age_bytes = self._asked.take(name)
        if age_bytes is None:
            self._first(name, size_bytes)
            return free or not self.waits
        # Let in at once, it would still have been in the small queue, and this would have been a hit.
        self._again(size_bytes, lost=age_bytes <= self._small_bytes)
        return True

    def used(self, name: int, size_bytes: int) -> None:
        """A file that had been let in was used for the first time."""
        if self._asked.take(name) is not None:
            self._again(size_bytes, lost=True)

    def _first(self, name: int, size_bytes: int) -> None:
        self._asked.add(name, size_bytes)
        self._first_files += 1
        self._first_bytes += size_bytes
        if self._first_bytes > 2 * self._limit_bytes and self._first_files >= 2 * _LEAST_FILES:
            self._first_files //= 2
            self._first_bytes /= 2
            self._again_bytes /= 2
            self._lost_bytes /= 2
        self._decide()

    def _again(self, size_bytes: int, *, lost: bool) -> None:
        self._again_bytes += size_bytes
        self._lost_bytes += size_bytes if lost else 0
        self._decide()

    def _decide(self) -> None:
        if self._first_files >= _LEAST_FILES:
            self.waits = self.spared_bytes > self.lost_bytes * (_BACK if self.waits else 1.0)
