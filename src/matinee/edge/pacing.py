"""Caps on what an edge sends, and on what it fetches before anybody asked: one token bucket each."""

_BURST_SECONDS = 0.1
_SLICE_SECONDS = 0.05
_SMALLEST_SLICE = 4 * 1024
_LARGEST_SLICE = 256 * 1024
_SLOWEST_BPS = 8_000
_TRICKLE_BPS = 4_000_000


class TokenBucket:
    """Says how long to wait before bytes may leave. Pure: the time is an argument, in seconds of any steady clock.

    Each taker is put behind the one before, so connections that take slice by slice share the rate evenly.
    """

    def __init__(self, limit_bps: int) -> None:
        # A cap of nothing would hold every viewer for ever; draining is the order that stops an edge.
        self.bytes_per_second = max(limit_bps, _SLOWEST_BPS) / 8
        self._paid_until = float("-inf")

    @property
    def slice_bytes(self) -> int:
        """How much to take at a time: small enough that nobody waits long behind another."""
        return min(max(int(self.bytes_per_second * _SLICE_SECONDS), _SMALLEST_SLICE), _LARGEST_SLICE)

    def take(self, size_bytes: int, now: float) -> float:
        """Take the right to send; the answer is how many seconds to wait first."""
        start = max(self._paid_until, now - _BURST_SECONDS)
        self._paid_until = start + size_bytes / self.bytes_per_second
        return max(0.0, start - now)


class FillRate:
    """What may come in of files that no viewer waits for. Pure, as ``TokenBucket``."""

    def __init__(self) -> None:
        self._bucket: TokenBucket | None = None
        self.limit_bps: int | None = None

    def limit(self, limit_bps: int | None) -> None:
        """At most so much, bit/s, for all of them together; None: no cap."""
        if limit_bps != self.limit_bps:
            self.limit_bps = limit_bps
            self._bucket = None if limit_bps is None else TokenBucket(limit_bps)

    def pause(self, size_bytes: int, now: float, *, needed: bool) -> float:
        """How many seconds to wait after bytes that came. ``needed``: viewers wait for bytes of the same source."""
        capped = self._bucket.take(size_bytes, now) if self._bucket else 0.0
        return max(capped, size_bytes * 8 / _TRICKLE_BPS) if needed else capped
