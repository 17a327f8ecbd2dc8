"""What a ranker is told of a title besides its board: how its plays fade, when they began, who came, what next.

Everything is one addition a play, in O(1). Plays fade at several half-lives at once, overall and by region, each kept
as the binary logarithm of its sum as ``popularity`` does (forward decay, Cormode et al., ICDE 2009). What follows what
is directed and counts less the further apart the two were watched.
"""

import heapq
import math
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass
from typing import Any

_HOUR, _DAY = 3600.0, 86_400.0
HALF_LIVES_SECONDS = (6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY)
NEXT = (1.0, 0.7, 0.5, 0.35, 0.25)
"""What a pair weighs by how far apart the two were watched: next to each other, one between them, …"""

_REGIONS_KEPT = 64
_FOLLOWERS_KEPT = 128
_LEAST = 0.01
_LARGEST_POWER = 1000.0
_UNTOLD = float("-inf")

Levels = list[float]
"""By half-life: the binary logarithm of a title's plays, each faded from its time on."""


@dataclass(slots=True)
class Trace:
    """One title, overall. ``newcomers`` had watched nothing; ``lengths`` sums ln(1 + what its people had watched)."""

    levels: Levels
    people: int = 0
    newcomers: int = 0
    lengths: float = 0.0
    first_at: float = math.inf
    last_at: float = _UNTOLD


class Traces:
    """Every title's trace. ``whole`` says that they were kept from the first event on."""

    def __init__(self) -> None:
        self.whole = True
        self._titles: dict[str, Trace] = {}
        self._regions: dict[str, dict[str, Levels]] = {}
        self._next: dict[str, dict[str, float]] = {}

    def count(self, title_id: str, region: str | None, at: float) -> None:
        """A title is played at ``at`` (seconds since 1970), in a region if that is known."""
        trace = self._titles.get(title_id)
        if trace is None:
            trace = self._titles[title_id] = Trace(_silent())
        _raise(trace.levels, at)
        trace.first_at, trace.last_at = min(trace.first_at, at), max(trace.last_at, at)
        if region is None:
            return
        titles = self._regions.get(region)
        if titles is None:
            # Regions are named by events; a flood of invented names must not fill the memory.
            if len(self._regions) >= _REGIONS_KEPT:
                return
            titles = self._regions[region] = {}
        _raise(titles.setdefault(title_id, _silent()), at)

    def follow(self, title_id: str, earlier: Sequence[str]) -> None:
        """Somebody watched a title for the first time, after the ``earlier`` ones, latest first."""
        trace = self._titles.get(title_id)
        if trace is not None:
            trace.people += 1
            trace.newcomers += not earlier
            trace.lengths += math.log1p(len(earlier))
        for weight, other in zip(NEXT, earlier, strict=False):
            followers = self._next.setdefault(other, {})
            followers[title_id] = followers.get(title_id, 0.0) + weight
            if len(followers) > _FOLLOWERS_KEPT:
                kept = heapq.nsmallest(_FOLLOWERS_KEPT // 2, followers.items(), key=lambda one: (-one[1], one[0]))
                self._next[other] = dict(kept)

    def remove(self, in_order: Sequence[str]) -> None:
        """Take what a profile watched, first to last, out of what follows what: exact unless it watched again."""
        for place, title_id in enumerate(in_order):
            for weight, other in zip(NEXT, reversed(in_order[:place]), strict=False):
                followers = self._next.get(other, {})
                left = followers.get(title_id, 0.0) - weight
                if left > _LEAST:
                    followers[title_id] = left
                else:
                    followers.pop(title_id, None)

    def put_back(self, in_order: Sequence[str]) -> None:
        """Put what a profile watched, first to last, into what follows what again: undoes ``remove``."""
        for place, title_id in enumerate(in_order):
            for weight, other in zip(NEXT, reversed(in_order[:place]), strict=False):
                followers = self._next.setdefault(other, {})
                followers[title_id] = followers.get(title_id, 0.0) + weight

    def of(self, title_id: str) -> Trace | None:
        """A title's trace; None if nobody played it."""
        return self._titles.get(title_id)

    def plays(self, title_id: str, now: float, region: str | None = None) -> list[float]:
        """A title's plays by half-life, each faded to what it is worth now; in a region, or (None) overall."""
        if region is None:
            trace = self._titles.get(title_id)
            levels = None if trace is None else trace.levels
        else:
            levels = self._regions.get(region, {}).get(title_id)
        if levels is None:
            return [0.0] * len(HALF_LIVES_SECONDS)
        return [
            math.exp2(min(level - now / half_life, _LARGEST_POWER))
            for level, half_life in zip(levels, HALF_LIVES_SECONDS, strict=True)
        ]

    def followers(self, title_id: str, among: Collection[str]) -> dict[str, float]:
        """How often titles ``among`` some were watched after a title, each time weighing as ``NEXT`` says."""
        return {other: weight for other, weight in self._next.get(title_id, {}).items() if other in among}

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "whole": self.whole,
            "titles": {title_id: astuple(trace) for title_id, trace in self._titles.items()},
            "regions": self._regions,
            "next": self._next,
        }

    def restore(self, told: dict[str, Any] | None) -> None:
        """Begin with what ``to_json`` told; None, of an artefact from before there were traces: they are not whole."""
        if told is None:
            self.whole = False
            return
        self.whole = bool(told["whole"])
        self._titles = {title_id: Trace(*values) for title_id, values in told["titles"].items()}
        self._regions, self._next = told["regions"], told["next"]


def _silent() -> Levels:
    return [_UNTOLD] * len(HALF_LIVES_SECONDS)


def _raise(levels: Levels, at: float) -> None:
    for place, half_life in enumerate(HALF_LIVES_SECONDS):
        known, new = levels[place], at / half_life
        # log2(2^a + 2^b), of which the larger is taken out, so that the rest lies between 1 and 2.
        levels[place] = max(known, new) + math.log2(1 + math.exp2(-abs(known - new)))
