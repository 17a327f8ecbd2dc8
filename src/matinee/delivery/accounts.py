"""Bytes that edges sent, counted once: by day, edge, where they came from, and the class of their miss."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import sqlalchemy as sa

from matinee.delivery import plan_store
from matinee.model.errors import Invalid
from matinee.model.plans import Account, Origin
from matinee.ports import Clock


class Miss(StrEnum):
    """Why bytes came from another edge than the best-ranked one (Netflix's classes); ``NONE``: they did not."""

    NONE = ""
    CONTENT = "content"
    HEALTH = "health"
    OTHER = "other"
    BETWEEN = "between"
    """No miss either: they went to another edge, which tells of them once more as it sends them on."""


Sizes = Mapping[tuple[str, str], int]
"""Bytes by ``(origin, miss)``."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A day's bytes of one edge from one origin in one class."""

    day: str
    edge_id: str
    origin: str
    miss: str
    size_bytes: int


class Accounting:
    """The shell around the sums. ``classify`` gives the bytes of an account by origin and class."""

    def __init__(self, *, engine: sa.Engine, clock: Clock, classify: Callable[[Account], Sizes]) -> None:
        self._engine = engine
        self._clock = clock
        self._classify = classify

    def count(self, account: Account) -> int:
        """Count an interval once, however often it is told; the last one of its process that was counted."""
        known = {origin.value for origin in Origin}
        for line in account.lines:
            if line.origin not in known or line.size_bytes < 0:
                raise Invalid(f"Edge {account.edge_id} sent {line.size_bytes} bytes from {line.origin!r:.40}.")
        sizes = self._classify(account)
        now = self._clock.now()
        with self._engine.begin() as connection:
            last = plan_store.counted_through(connection, account.edge_id, account.started)
            if account.sequence <= last:
                return last
            plan_store.count_through(connection, account.edge_id, account.started, account.sequence, now)
            plan_store.add_bytes(connection, now.date().isoformat(), account.edge_id, sizes)
        return account.sequence

    def sums(self, days: int = 7) -> tuple[Sum, ...]:
        """The sums of the last days (400 at most), today's with them, in order."""
        since = self._clock.now().date() - timedelta(days=max(0, min(days, 400) - 1))
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(Sum(**row) for row in plan_store.read_sums(connection, since.isoformat()))
