"""Fetching ahead what the plan wants: within its window and rate, the most worthy first, a few at a time.

What this edge was elected to fetch for its site it fetches from wherever it is. The rest waits until a peer has it;
when none has it for some minutes, this edge goes for it itself.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from matinee.edge.arrival import Outcome
from matinee.edge.fill import Fills
from matinee.edge.health import Counters
from matinee.edge.pacing import FillRate
from matinee.model.plans import FillWindow, PlannedFile
from matinee.upstream.deliveries import Reach

_log = structlog.get_logger()

_LOOKED_AT = 1024
_SOONEST_SECONDS = 0.1


class Wanting(Protocol):
    """What placing asks of the cache."""

    @property
    def window(self) -> FillWindow:
        """When the plan is to be filled, and how fast."""
        ...

    @property
    def missing_files(self) -> int:
        """How many files the plan wants and this edge does not hold."""
        ...

    def missing(self, limit: int) -> Sequence[PlannedFile]:
        """What the plan wants and this edge does not hold, most worthy first; another thread may ask."""
        ...


@dataclass(frozen=True, slots=True)
class PlacingPace:
    """How placing goes about it.

    ``peer_seconds``: how long a file that another edge was elected for is left to the peers; they are asked for it
    every ``ask_seconds``. A fetch that failed is tried again after ``again_seconds``, then twice that, up to
    ``longest_seconds``; so is everything, when the disk takes no more. The cache is asked every ``look_seconds``.
    """

    at_once: int = 4
    peer_seconds: float = 180.0
    ask_seconds: float = 5.0
    again_seconds: float = 5.0
    longest_seconds: float = 600.0
    look_seconds: float = 1.0


@dataclass(slots=True)
class _Trouble:
    """A file that did not come yet. Times are steady seconds."""

    since: float
    failures: int = 0
    again_at: float = 0.0


class Placing:
    """See the module. ``rate`` is the one that the fills obey; ``now`` is the wall clock, in UTC."""

    def __init__(
        self,
        *,
        cache: Wanting,
        fills: Fills,
        rate: FillRate,
        counters: Counters,
        now: Callable[[], datetime],
        steady: Callable[[], float] = time.monotonic,
        pace: PlacingPace | None = None,
    ) -> None:
        self._cache, self._fills, self._rate, self._counters = cache, fills, rate, counters
        self._now, self._steady, self._pace = now, steady, pace or PlacingPace()
        self._troubles: dict[str, _Trouble] = {}
        self._disk = _Trouble(0.0)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._next: deque[PlannedFile] = deque()
        self._looked_at = float("-inf")

    async def run(self) -> None:
        """Place, for ever."""
        try:
            while True:
                await self._look()
                self._begin()
                if self._under_way:
                    # One that ends makes room for the next one; but other files may be due before it does.
                    waiting = self._under_way.values()
                    await asyncio.wait(waiting, timeout=self._pace.look_seconds, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.sleep(self._pace.look_seconds)
        finally:
            for task in self._under_way.values():
                task.cancel()

    def _begin(self) -> None:
        """Begin what is due, as far as there is a place for it."""
        now = self._steady()
        self._rate.limit(self._cache.window.limit_bps)
        if not is_open(self._cache.window, self._now()) or now < self._disk.again_at:
            return
        while self._next and len(self._under_way) < self._pace.at_once:
            file = self._next.popleft()
            if (reach := self._due(file, now)) is not None:
                task = asyncio.create_task(self._place(file, reach), name=f"place {file.path}")
                self._under_way[file.path] = task

    async def _look(self) -> None:
        """Ask the cache again, unless it was asked just now; what is not due is come back to in this way."""
        now = self._steady()
        if now - self._looked_at < (self._pace.look_seconds if self._next else _SOONEST_SECONDS):
            return
        # A thousand rows are as many waits for the interpreter when another thread works: they are a thread's to wait.
        missing = await asyncio.to_thread(self._cache.missing, _LOOKED_AT)
        # What is under way would still stand here when it has come.
        self._next = deque(file for file in missing if file.path not in self._under_way)
        self._looked_at = now
        self._counters.placing_left = self._cache.missing_files
        paths = {file.path for file in missing}
        self._troubles = {path: trouble for path, trouble in self._troubles.items() if path in paths}

    def _due(self, file: PlannedFile, now: float) -> Reach | None:
        """How far to go for a file now; None if it is not its time."""
        trouble = self._troubles.get(file.path)
        if trouble is None:
            if file.elected:
                return Reach.AFAR
            trouble = self._troubles[file.path] = _Trouble(since=now)
        if now < trouble.again_at:
            return None
        own = file.elected or now - trouble.since >= self._pace.peer_seconds
        return Reach.AFAR if own else Reach.SITE

    async def _place(self, file: PlannedFile, reach: Reach) -> None:
        outcome = Outcome.BROKEN
        try:
            outcome = await self._fills.place(file.path, reach)
        finally:
            del self._under_way[file.path]
            self._counters.placed[outcome.value] += 1
        self._learn(file, outcome)

    def _learn(self, file: PlannedFile, outcome: Outcome) -> None:
        now, pace = self._steady(), self._pace
        if outcome is Outcome.KEPT:
            self._counters.placed_bytes += file.size_bytes
            self._disk.failures = 0
            self._troubles.pop(file.path, None)
            return
        if outcome is Outcome.NOT_HELD:
            trouble = self._troubles.setdefault(file.path, _Trouble(since=now))
            trouble.again_at = now + pace.ask_seconds
            return
        self._put_off(self._troubles.setdefault(file.path, _Trouble(since=now)), now)
        if outcome is Outcome.REFUSED:
            seconds = self._put_off(self._disk, now)
            _log.warning("placing.put_off", path=file.path, seconds=seconds, reason="The disk takes no more.")

    def _put_off(self, trouble: _Trouble, now: float) -> float:
        seconds = min(self._pace.again_seconds * 2.0**trouble.failures, self._pace.longest_seconds)
        trouble.failures += 1
        trouble.again_at = now + seconds
        return seconds


def is_open(window: FillWindow, now: datetime) -> bool:
    """Whether a window is open at a time in UTC; one that closes before it opens spans midnight."""
    hour = now.hour + now.minute / 60 + now.second / 3600
    opens, closes = window.opens_hour, window.closes_hour
    if opens == closes:
        return True
    return opens <= hour < closes if opens < closes else hour >= opens or hour < closes
