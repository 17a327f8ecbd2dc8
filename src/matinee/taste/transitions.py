"""Which titles the same people watch: counts of co-watched pairs, one addition for each pair as it comes about.

The likeness of two titles is the cosine of their sets of watchers, shrunk while there are few of them:

    c(x, y) / sqrt((n(x) + s) (n(y) + s)),

where c counts the profiles that watched both and n those that watched one. Dividing by n(y) keeps what everybody
watches from standing beside everything.
"""

import heapq
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_SHRINKAGE = 3.0
_NEIGHBOURS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Companion:
    """A title that ``people`` watched who also watched another one; ``likeness`` lies between 0 and 1."""

    title_id: str
    likeness: float
    people: int


class Transitions:
    """Co-watched pairs. Exact until a title has ``neighbours_kept`` companions; then its rarest half is forgotten."""

    def __init__(self, neighbours_kept: int = _NEIGHBOURS_KEPT, shrinkage: float = _SHRINKAGE) -> None:
        self._neighbours_kept = neighbours_kept
        self._shrinkage = shrinkage
        self._watchers: dict[str, int] = {}
        self._together: dict[str, dict[str, int]] = {}

    def add(self, title_id: str, earlier: Iterable[str]) -> None:
        """Somebody watched a title for the first time, who had watched the ``earlier`` ones before."""
        self._watchers[title_id] = self._watchers.get(title_id, 0) + 1
        mine = self._together.setdefault(title_id, {})
        for other in earlier:
            if other == title_id:
                continue
            mine[other] = mine.get(other, 0) + 1
            theirs = self._together.setdefault(other, {})
            theirs[title_id] = theirs.get(title_id, 0) + 1
            if len(theirs) > self._neighbours_kept:
                self._together[other] = self._strongest(theirs)
        if len(mine) > self._neighbours_kept:
            self._together[title_id] = self._strongest(mine)

    def remove(self, title_ids: Collection[str]) -> None:
        """Take one profile's watched titles out of the counts: exact while no companions of theirs were forgotten."""
        for title_id in title_ids:
            _less(self._watchers, title_id)
            together = self._together.get(title_id, {})
            for other in title_ids:
                if other != title_id:
                    _less(together, other)

    def part(self, title_id: str, others: Iterable[str]) -> None:
        """Take one of a profile's watched titles out of the counts, beside its ``others``: exact as ``remove``."""
        _less(self._watchers, title_id)
        for other in others:
            _less(self._together.get(title_id, {}), other)
            _less(self._together.get(other, {}), title_id)

    def counts(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """How many watched each title, and how many watched each pair."""
        return self._watchers, self._together

    def restore(self, watchers: dict[str, int], together: dict[str, dict[str, int]]) -> None:
        """Begin with the counts that were known before."""
        self._watchers, self._together = watchers, together

    def watchers(self, title_id: str) -> int:
        """How many profiles watched a title."""
        return self._watchers.get(title_id, 0)

    def together(self, one: str, other: str) -> int:
        """How many profiles watched both."""
        return self._together.get(one, {}).get(other, 0)

    def companions(
        self,
        title_id: str,
        among: Collection[str],
        limit: int,
        without: Collection[str] = (),
        own: Collection[str] = (),
    ) -> list[Companion]:
        """The titles ``among`` some, ``without`` others, which a title's watchers also watched, likest first.

        ``own`` is what the asking profile watched: it is left out of the counts, for nobody is told that the same
        people watched what only they themselves watched.
        """
        mine = title_id in own
        seed = max(0, self.watchers(title_id) - mine) + self._shrinkage
        watchers, shrinkage, sqrt = self._watchers, self._shrinkage, math.sqrt
        found = []
        for other, people in self._together.get(title_id, {}).items():
            if other not in among or other in without:
                continue
            theirs = watchers.get(other, people)
            if other in own:
                people, theirs = people - mine, theirs - 1  # noqa: PLW2901 - both without the one who asks
                if people <= 0:
                    continue
            found.append((-people / sqrt(seed * (theirs + shrinkage)), other, people))
        return [Companion(other, -likeness, people) for likeness, other, people in heapq.nsmallest(limit, found)]

    def _strongest(self, counts: dict[str, int]) -> dict[str, int]:
        kept = heapq.nsmallest(self._neighbours_kept // 2, counts.items(), key=lambda entry: (-entry[1], entry[0]))
        return dict(kept)


def _less(counts: dict[str, int], name: str) -> None:
    if counts.get(name, 0) > 1:
        counts[name] -= 1
    else:
        counts.pop(name, None)
