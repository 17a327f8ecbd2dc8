"""A line between two hosts as arithmetic: when a packet that goes in comes out, if it does. No clock and no sockets."""

import bisect
import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from random import Random


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a recorded line: how long it lasted, what went through, and how long that took on top."""

    duration_seconds: float
    rate_bps: float
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One direction of a line. Without a rate it carries all at once; a trace is played round and round.

    ``delay_seconds`` one way; ``jitter_seconds``: up to so much more, evenly; ``loss``: how likely a packet is lost.
    What would wait longer than ``queue_seconds`` to be sent is dropped, as a full buffer drops it.
    """

    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    rate_bps: float | None = None
    loss: float = 0.0
    queue_seconds: float = 0.5
    trace: tuple[Span, ...] = ()
    cut: bool = False


def read_trace(path: Path) -> tuple[Span, ...]:
    """A recorded line out of JSON: a list of ``{duration_ms, bandwidth_kbps, latency_ms}``."""
    return tuple(
        Span(entry["duration_ms"] / 1000, entry["bandwidth_kbps"] * 1000.0, entry["latency_ms"] / 1000)
        for entry in json.loads(path.read_text())
    )


class Traffic:
    """What goes over one line: a queue in front of it, and packets that never overtake each other.

    Times are seconds of any steady clock; a trace begins at ``since``.
    """

    def __init__(self, line: Line, random: Random, since: float = 0.0) -> None:
        self.line = line
        self._random = random
        self._since = since
        self._free_at = self._last_out = -math.inf
        self._ends = tuple(itertools.accumulate(span.duration_seconds for span in line.trace))
        if line.trace and not any(span.rate_bps for span in line.trace):
            raise ValueError("A trace in which nothing ever goes through is a cut line.")

    def carry(self, now: float, size_bytes: int) -> float | None:
        """When a packet that goes in now comes out; None if it never does. ``now`` never runs backwards."""
        line = self.line
        if line.cut or (line.loss and self._random.random() < line.loss):
            return None
        begins = max(now, self._free_at)
        if begins - now > line.queue_seconds:
            return None
        sent, delay = self._sent(begins, size_bytes * 8)
        self._free_at = sent
        jitter = self._random.random() * line.jitter_seconds if line.jitter_seconds else 0.0
        self._last_out = max(self._last_out, sent + line.delay_seconds + delay + jitter)
        return self._last_out

    def _sent(self, begins: float, bits: float) -> tuple[float, float]:
        """When the last bit of a packet has left, and what the trace adds to its way."""
        line = self.line
        if not line.trace:
            return begins + (bits / line.rate_bps if line.rate_bps else 0.0), 0.0
        rounds, at = divmod(begins - self._since, self._ends[-1])
        # Added up, the spans may fall a hair short of where the division says we are.
        place = min(bisect.bisect_right(self._ends, at), len(line.trace) - 1)
        while True:
            span, end = line.trace[place], self._ends[place]
            room = span.rate_bps * max(end - at, 0.0)
            if bits <= room:
                at += bits / span.rate_bps if bits else 0.0
                return self._since + rounds * self._ends[-1] + at, span.delay_seconds
            bits -= room
            at, place = end, place + 1
            if place == len(line.trace):
                rounds, at, place = rounds + 1, 0.0, 0
