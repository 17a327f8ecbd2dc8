"""Which titles the same people watch: counts of co-watched pairs, one addition for each pair as it comes about.

The likeness of two titles is the cosine of their sets of watchers, shrunk while there are few of them:

    c(x, y) / sqrt((n(x) + s) (n(y) + s)),

where c counts the profiles that watched both and n those that watched one. Dividing by n(y) keeps what everybody
watches from standing beside everything.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from matinee.taste.links import Cells, Links
from matinee.taste.titles import Titles

_SHRINKAGE = 3.0
_NEIGHBOURS_KEPT = 256
# Of so many the numbers are looked up; of more, each companion that may be shown.
_FEW = 1000


class Companion(NamedTuple):
    """A title that ``people`` watched who also watched another one; ``likeness`` lies between 0 and 1."""

    title_id: str
    likeness: float
    people: int


class Transitions:
    """Co-watched pairs. Exact until a title has ``neighbours_kept`` companions; then its rarest half is forgotten."""

    def __init__(
        self, neighbours_kept: int = _NEIGHBOURS_KEPT, shrinkage: float = _SHRINKAGE, titles: Titles | None = None
    ) -> None:
        self._shrinkage = shrinkage
        self._titles = Titles() if titles is None else titles
        self._watchers = np.zeros(0, np.int64)
        self.links = Links(neighbours_kept, self._titles)

    def add(self, title_id: str, earlier: Iterable[str]) -> None:
        """Somebody watched a title for the first time, who had watched the ``earlier`` ones before."""
        number = self._titles.number(title_id)
        others = self._titles.numbers(other for other in earlier if other != title_id)
        self._reach()
        self._watchers[number] += 1
        if others:
            self.links.add_to_each(others, number, 1)
            self.links.add(number, others)

    def remove(self, title_ids: Collection[str]) -> None:
        """Take one profile's watched titles out of the counts: exact while no companions of theirs were forgotten."""
        numbers = self._titles.known_of(title_ids)
        self._reach()
        for number in numbers:
            self._watchers[number] = max(0, self._watchers[number] - 1)
            self.links.take(number, {other: 1 for other in numbers if other != number})

    def part(self, title_id: str, others: Iterable[str]) -> None:
        """Take one of a profile's watched titles out of the counts, beside its ``others``: exact as ``remove``."""
        self._reach()
        number = self._titles.number(title_id)
        self._watchers[number] = max(0, self._watchers[number] - 1)
        numbers = self._titles.known_of(others)
        self.links.take(number, dict.fromkeys(numbers, 1))
        for other in numbers:
            self.links.take(other, {number: 1})

    def counts(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """How many watched each title, and how many watched each pair. Large: for who looks at all of it."""
        ids = self._titles.ids
        watchers = {ids[number]: int(self._watchers[number]) for number in np.flatnonzero(self._watchers)}
        together = {ids[one]: {ids[other]: count for other, count in row.items()} for one, row in self.links}
        return watchers, together

    def by_number(self) -> Cells:
        """How many watched each title, by its number."""
        self._reach()
        return self._watchers[: len(self._titles)]

    def restore(self, watchers: Cells, links: tuple[Cells, Cells, Cells]) -> None:
        """Begin with the counts that were known before: ``by_number`` and ``links.columns``. ValueError for others."""
        if len(watchers) > len(self._titles):
            raise ValueError("watchers of titles that are not there")
        self._watchers = watchers.astype(np.int64)
        self.links.restore(*links)

    def watchers(self, title_id: str) -> int:
        """How many profiles watched a title."""
        number = self._titles.known(title_id)
        return 0 if number is None or number >= len(self._watchers) else int(self._watchers[number])

    def together(self, one: str, other: str) -> int:
        """How many profiles watched both."""
        first, second = self._titles.known(one), self._titles.known(other)
        return 0 if first is None or second is None else self.links.count(first, second)

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
        number = self._titles.known(title_id)
        if number is None or limit <= 0:
            return []
        self._reach()
        others, counts = self.links.row(number)
        if len(among) <= _FEW:
            wanted = np.zeros(len(self._watchers), bool)
            wanted[self._titles.known_of(among)] = True
            wanted = wanted[others]
            others, counts = others[wanted], counts[wanted]
        mine = title_id in own
        seed = max(0, self.watchers(title_id) - mine) + self._shrinkage
        watchers = self._watchers[others] if len(others) else np.zeros(0)
        people = counts.astype(np.int64)
        if own and len(others):
            marked = np.zeros(len(self._watchers), np.int64)
            marked[self._titles.known_of(own)] = 1
            marked = marked[others]
            watchers, people = watchers - marked, people - mine * marked
        likeness = people / np.sqrt(seed * (watchers + self._shrinkage))
        order = np.argsort(-likeness)
        told = zip(others[order].tolist(), likeness[order].tolist(), people[order].tolist(), strict=True)
        return _likest(told, self._titles.ids, among, limit, without)

    def _reach(self) -> None:
        """Have a count for every title that has a number."""
        if len(self._watchers) < len(self._titles):
            grown = np.zeros(2 * len(self._titles), np.int64)
            grown[: len(self._watchers)] = self._watchers
            self._watchers = grown


def _likest(
    told: Iterable[tuple[int, float, int]],
    ids: Sequence[str],
    among: Collection[str],
    limit: int,
    without: Collection[str],
) -> list[Companion]:
    """The first of what comes likest first, of equals by title id; so the last one's equals are all looked at."""
    found, least = list[tuple[float, str, int]](), 0.0
    for number, likeness, people in told:
        if likeness < least and len(found) >= limit:
            break
        title_id = ids[number]
        if title_id in among and people > 0 and title_id not in without:
            found.append((-likeness, title_id, people))
            least = likeness
    found.sort()
    return [Companion(title_id, -likeness, people) for likeness, title_id, people in found[:limit]]
