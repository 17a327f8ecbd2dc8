"""Names that were here a while ago, remembered by 32 bits each: what left the cache, what was asked for once. Pure.

A name is forgotten when so many bytes of other names have come after it. The table is a row of buckets in two arrays,
12 bytes a place (a dictionary takes ten times that); a full bucket forgets its oldest name early, and a stranger is
taken for a known name about once in four thousand million over the number of names.
"""

from array import array

_WAYS = 8
_FEWEST_BUCKETS, _MOST_BUCKETS = 128, 1 << 20
_CROWDED = 64
"""The table grows when more than one place in so many was given up before its time."""


class Ghost:
    """Names within the last ``window_bytes``, which may change at any time."""

    def __init__(self, window_bytes: int) -> None:
        self.window_bytes = window_bytes
        self._passed_bytes = 1
        self._make(_FEWEST_BUCKETS)

    def add(self, name: int, size_bytes: int) -> None:
        """Remember a name (32 bits) of so many bytes from now on."""
        self._passed_bytes += size_bytes
        self._put(name, self._passed_bytes)
        if self._crowded > self._buckets * _WAYS // _CROWDED and self._buckets < _MOST_BUCKETS:
            names, stamps = self._names, self._stamps
            self._make(2 * self._buckets)
            for known, stamp in zip(names, stamps, strict=True):
                if stamp and self._passed_bytes - stamp <= self.window_bytes:
                    self._put(known, stamp)

    def take(self, name: int) -> int | None:
        """How many bytes ago the name came, and forget it; None if it is not remembered."""
        base = name % self._buckets * _WAYS
        names = self._names[base : base + _WAYS]
        if name not in names:
            return None
        place = base + names.index(name)
        stamp, self._stamps[place], self._names[place] = self._stamps[place], 0, 0
        age_bytes = self._passed_bytes - stamp
        return age_bytes if stamp and age_bytes <= self.window_bytes else None

    def _make(self, buckets: int) -> None:
        self._buckets, self._crowded = buckets, 0
        self._names = array("I", bytes(4 * _WAYS * buckets))
        self._stamps = array("Q", bytes(8 * _WAYS * buckets))

    def _put(self, name: int, stamp: int) -> None:
        base = name % self._buckets * _WAYS
        names = self._names[base : base + _WAYS]
        if name in names:
            place = base + names.index(name)
        else:
            stamps = self._stamps[base : base + _WAYS]
            oldest = min(stamps)
            place = base + stamps.index(oldest)
            self._crowded += oldest > 0 and self._passed_bytes - oldest <= self.window_bytes
        self._names[place], self._stamps[place] = name, stamp
