"""How well those who watched a title liked it, however few they were.

Pleased is who watched a title to its end or gave it a thumb up, and no thumb down. The order is that of the lower end
of Wilson's interval for the share of the pleased (Wilson 1927), which trusts few people little:

    (p + z²/2n - z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n).
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

# One-sided, at 90 %.
_Z = 1.2816
_NOBODY = (0, 0)


def lower_share(pleased: int, people: int) -> float:
    """The share of the pleased that may be trusted; 0 for nobody."""
    if people <= 0:
        return 0.0
    share, square = pleased / people, _Z * _Z
    spread = _Z * math.sqrt(share * (1 - share) / people + square / (4 * people * people))
    return max(0.0, (share + square / (2 * people) - spread) / (1 + square / people))


class Approval:
    """Titles in order of their approval, best first: kept, so that no page looks through the catalogue."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}
        self._order: list[tuple[float, str]] = []

    def change(self, title_id: str, people: int, pleased: int) -> None:
        """So many more watched a title, or fewer, and so many more of them are pleased."""
        if not people and not pleased:
            return
        known = self._counts.get(title_id, (0, 0))
        if known[0] > 0:
            del self._order[bisect_left(self._order, _entry(title_id, known))]
        now = (max(0, known[0] + people), max(0, known[1] + pleased))
        now = (now[0], min(now))
        if now[0] > 0:
            self._counts[title_id] = now
            entry = _entry(title_id, now)
            self._order.insert(bisect_left(self._order, entry), entry)
        else:
            self._counts.pop(title_id, None)

    def of(self, title_id: str) -> tuple[int, int]:
        """How many watched a title, and how many of them are pleased."""
        return self._counts.get(title_id, (0, 0))

    def columns_of(self, title_ids: Sequence[str]) -> Any:
        """As ``of``, of some titles: an array of how many watched each, and one of how many are pleased."""
        get = self._counts.get
        return (
            np.fromiter(chain.from_iterable([get(title_id, _NOBODY) for title_id in title_ids]), float).reshape(-1, 2).T
        )

    def ranked(self) -> Sequence[tuple[float, str]]:
        """``(-share, title id)``, the best first; equals by title id."""
        return self._order

    def counts(self) -> Mapping[str, tuple[int, int]]:
        """By title: how many watched it, and how many of them are pleased."""
        return self._counts

    def restore(self, counts: Mapping[str, Sequence[int]]) -> None:
        """Begin with the counts that were known before."""
        self._counts = {title_id: (int(people), int(pleased)) for title_id, (people, pleased) in counts.items()}
        self._order = sorted(_entry(title_id, known) for title_id, known in self._counts.items())


def _entry(title_id: str, counts: tuple[int, int]) -> tuple[float, str]:
    people, pleased = counts
    return (-lower_share(pleased, people), title_id)
