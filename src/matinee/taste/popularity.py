"""What is being watched now: play counts that fade with a half-life, by region and overall.

A play at time t is worth 2^((t - now) / H) at ``now``. Kept is the binary logarithm of the sum of 2^(t / H): it never
overflows, a play is one addition in O(1), and since all titles fade alike, their order changes only when one is
played ("forward decay", Cormode et al., ICDE 2009).
"""

import math
from bisect import bisect_left
from collections.abc import Sequence

HALF_LIFE_SECONDS = 86_400.0
_REGIONS_KEPT = 256
_LARGEST_POWER = 1000.0
_FEW = 200


class Board:
    """Titles in order of their faded plays, most played first. Times are seconds since 1970."""

    def __init__(self, half_life_seconds: float = HALF_LIFE_SECONDS) -> None:
        self._half_life_seconds = half_life_seconds
        self._levels: dict[str, float] = {}
        self._order: list[tuple[float, str]] = []
        self._titles: list[str] = []
        # Where those stand that were played since the order was asked for: a process that begins asks for none.
        self._moved: dict[str, float | None] = {}

    def count(self, title_id: str, at: float) -> None:
        """One play more."""
        level = at / self._half_life_seconds
        known = self._levels.get(title_id)
        self._moved.setdefault(title_id, known)
        if known is not None:
            # log2(2^a + 2^b), of which the larger is taken out, so that the rest lies between 1 and 2.
            level = max(known, level) + math.log2(1 + math.exp2(-abs(known - level)))
        self._levels[title_id] = level

    def plays(self, title_id: str, now: float) -> float:
        """How many plays a title has, each faded to what it is worth now."""
        level = self._levels.get(title_id)
        if level is None:
            return 0.0
        return math.exp2(min(level - now / self._half_life_seconds, _LARGEST_POWER))

    def is_among(self, title_id: str, first: int) -> bool:
        """Whether a title is as popular as one of the ``first``."""
        level = self._levels.get(title_id)
        if level is None or first <= 0:
            return False
        self._settle()
        return -level <= self._order[min(first, len(self._order)) - 1][0]

    def levels(self) -> dict[str, float]:
        """By title: the binary logarithm of its plays, each faded from its time on."""
        return self._levels

    def restore(self, levels: dict[str, float]) -> None:
        """Begin with the levels that were known before."""
        self._levels, self._moved = levels, {}
        self._order = sorted((-level, title_id) for title_id, level in levels.items())
        self._titles = [title_id for _, title_id in self._order]

    def ranked(self) -> Sequence[str]:
        """The titles ever played, most popular first; equals by title id."""
        self._settle()
        return self._titles

    def _settle(self) -> None:
        """Put what was played since the last time where it stands now."""
        if len(self._moved) > _FEW:
            self.restore(self._levels)
        for title_id, known in self._moved.items():
            if known is not None:
                place = bisect_left(self._order, (-known, title_id))
                del self._order[place]
                del self._titles[place]
            entry = (-self._levels[title_id], title_id)
            place = bisect_left(self._order, entry)
            self._order.insert(place, entry)
            self._titles.insert(place, title_id)
        self._moved.clear()


class Popularity:
    """A board for every region and one for all of them."""

    def __init__(self, half_life_seconds: float = HALF_LIFE_SECONDS) -> None:
        self._half_life_seconds = half_life_seconds
        self.overall = Board(half_life_seconds)
        self._regions: dict[str, Board] = {}
        self._nowhere = Board(half_life_seconds)

    def count(self, title_id: str, region: str | None, at: float) -> None:
        """One play more, seen in a region (None: it is not known where)."""
        self.overall.count(title_id, at)
        if region is None:
            return
        board = self._regions.get(region)
        if board is None:
            # Regions are named by events; a flood of invented names must not fill the memory.
            if len(self._regions) >= _REGIONS_KEPT:
                return
            board = self._regions[region] = Board(self._half_life_seconds)
        board.count(title_id, at)

    def region(self, name: str) -> Board:
        """A region's board; an empty one if nothing was played there."""
        return self._regions.get(name, self._nowhere)

    def regions(self) -> dict[str, Board]:
        """Every region's board."""
        return self._regions

    def restore(self, overall: dict[str, float], regions: dict[str, dict[str, float]]) -> None:
        """Begin with the levels that were known before, by title; regions by name."""
        self.overall.restore(overall)
        for name, levels in regions.items():
            self._regions[name] = Board(self._half_life_seconds)
            self._regions[name].restore(levels)
