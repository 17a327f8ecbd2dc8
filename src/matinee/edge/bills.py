"""Whose bytes went out, and from where: the one place where an edge counts what it sent.

The embedded data plane (granian) does not say what the kernel took. While a reader is slower than the edge it holds
the last few slices itself; of an answer that breaks off, those are not counted. nginx knows what it handed to the
kernel, of its own hits and of what the application gave it to pass on. There each answer of the application has a
number, under which nginx says at the end how much of it went out; that much of its bytes, in order, is what counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from matinee.cache.cache import Cache
from matinee.edge.health import Counters
from matinee.edge.ledger import Ledger
from matinee.model.plans import Origin

HEADER = b"x-matinee-bill"
"""Names a bill to the data plane in front, which keeps it to itself."""

_UNSETTLED_SECONDS = 600.0
_IN_GRANIAN = 4
"""Slices that granian 2.8 takes ahead of the kernel: three in its channel, one in its connection's buffer."""


@dataclass(eq=False, slots=True)
class Bill:
    """One answer's body: for whom, and what it was made of, in order."""

    name: str
    playback_id: str
    parts: list[tuple[Origin, int]] = field(default_factory=list)
    ended_at: float | None = None


class Bills:
    """See the module. ``run`` names this process among those whose bills may still come in; ``steady`` in seconds.

    ``settled_by_plane``: whether a data plane in front counts (nginx).
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        counters: Counters,
        cache: Cache,
        run: str,
        steady: Callable[[], float],
        settled_by_plane: bool = False,
    ) -> None:
        self._ledger, self._counters, self._cache = ledger, counters, cache
        self._run, self._steady = run, steady
        self.settled_by_plane = settled_by_plane
        self._numbers = count()
        self._waiting: dict[str, Bill] = {}

    def begin(self, playback_id: str) -> Bill:
        """A bill for an answer that is about to begin."""
        bill = Bill(f"{self._run}.{next(self._numbers)}/{playback_id}", playback_id)
        if self.settled_by_plane:
            self._waiting[bill.name] = bill
        return bill

    def handed(self, bill: Bill, origin: Origin, size_bytes: int) -> None:
        """The data plane took a slice more."""
        if not self.settled_by_plane:
            bill.parts.append((origin, size_bytes))
            if len(bill.parts) > _IN_GRANIAN:
                self._book(bill.playback_id, *bill.parts.pop(0))
        elif bill.parts and bill.parts[-1][0] is origin:
            bill.parts[-1] = (origin, bill.parts[-1][1] + size_bytes)
        else:
            bill.parts.append((origin, size_bytes))

    def end(self, bill: Bill, *, whole: bool) -> None:
        """Nothing more will be handed over; ``whole``: the answer was handed over to its end."""
        bill.ended_at = self._steady()
        if whole and not self.settled_by_plane:
            for part in bill.parts:
                self._book(bill.playback_id, *part)

    def settle(self, name: str, size_bytes: int) -> None:
        """The data plane handed ``size_bytes`` of a bill's answer to the kernel."""
        bill = self._waiting.pop(name, None)
        left = size_bytes
        for origin, size in bill.parts if bill else ():
            self._book(name.partition("/")[2], origin, min(size, left))
            left -= min(size, left)
        if left:
            # Of a process before this one, which can no longer say where it came from: all it knew was a playback.
            self._book(name.partition("/")[2], Origin.ORIGIN, left)

    def sent(self, playback_id: str, origin: str, size_bytes: int) -> None:
        """The data plane sent bytes that lay on the disk."""
        self._book(playback_id, Origin(origin), size_bytes)

    def hit(self, path: str, times: int) -> None:
        """The data plane answered with a held file so often."""
        self._counters.requests += times
        self._cache.touched(path, times)

    def refused(self, fault: str, times: int) -> None:
        """The data plane refused so many requests."""
        self._counters.requests += times
        self._counters.refused[fault] += times

    def connected(self, connections: int) -> None:
        """How many connections the data plane has open now."""
        self._counters.connections = connections

    def tick(self) -> None:
        """About once a second: keep what was counted. A bill nobody settled (its plane died) is what was handed."""
        late = self._steady() - _UNSETTLED_SECONDS
        for name, bill in list(self._waiting.items()):
            if bill.ended_at is not None and bill.ended_at < late:
                self.settle(name, sum(size for _, size in bill.parts))
        self._ledger.save()

    def _book(self, playback_id: str, origin: Origin, size_bytes: int) -> None:
        self._ledger.add(playback_id, origin, size_bytes)
        self._counters.sent[origin.value] += size_bytes
        if origin in {Origin.PLACED, Origin.DEMAND}:
            self._counters.held_bytes += size_bytes
        else:
            self._counters.filled_bytes += size_bytes
