"""Which titles the same people watch: counts of co-watched pairs, one addition for each pair as it comes about.

The likeness of two titles is the cosine of their sets of watchers, shrunk while there are few of them:

    c(x, y) / sqrt((n(x) + s) (n(y) + s)),

where c counts the profiles that watched both and n those that watched one. Dividing by n(y) keeps what everybody
watches from standing beside everything.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from matinee.taste.links import Cells, Links
from matinee.taste.titles import Titles

_SHRINKAGE = 3.0
_NEIGHBOURS_KEPT = 256


Ties = tuple[Cells, Cells, Cells]
"""Companions by number, their likenesses, and how many watched both."""

_NOBODY: Ties = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))


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

    def together(self, one: str, others: Sequence[str]) -> list[int]:
        """How many profiles watched a title and each of the others."""
        number = self._titles.known(one)
        if number is None:
            return [0] * len(others)
        found: list[int] = self.links.counts_of(number, self._titles.find(others)).tolist()
        return found

    def company(self, own: Collection[str] = ()) -> "Company":
        """The companions of titles, as the profile that watched its ``own`` is told of them, while nothing changes."""
        self._reach()
        return Company(self, self._titles, own)

    def ties(self, title_ids: Sequence[str], own: Collection[str], marked: Cells) -> list[Ties]:
        """The companions of titles that have a number, as ``Company`` tells of them; ``marked`` are its own."""
        self._reach()
        numbers = self._titles.find(title_ids)
        others, people, sizes = self.links.rows(numbers)
        mine = np.array([title_id in own for title_id in title_ids])
        taken = marked[others]
        watchers = self._watchers[others] - taken
        people -= taken & mine[:, None]
        seeds = np.maximum(0, self._watchers[numbers] - mine) + self._shrinkage
        likeness = people / np.sqrt(seeds[:, None] * (watchers + self._shrinkage))
        found = []
        for line, size in enumerate(sizes.tolist()):
            told = others[line, :size], likeness[line, :size], people[line, :size]
            if mine[line] and not told[2].all():
                kept = np.flatnonzero(told[2])
                told = told[0][kept], told[1][kept], told[2][kept]
            found.append(told)
        return found

    def _reach(self) -> None:
        """Have a count for every title that has a number."""
        if len(self._watchers) < len(self._titles):
            grown = np.zeros(2 * len(self._titles), np.int64)
            grown[: len(self._watchers)] = self._watchers
            self._watchers = grown


class Company:
    """What the same people watch, as one profile is told of it: its ``own`` plays are left out of the counts.

    For nobody is told that the same people watched what only they themselves watched. Each title is asked of once.
    """

    def __init__(self, transitions: Transitions, titles: Titles, own: Collection[str]) -> None:
        self._transitions = transitions
        self._own = own
        self._marked = titles.marked(own)
        self._ties: dict[str, Ties] = {}
        self.titles = titles

    def ask(self, title_ids: Sequence[str]) -> list[Ties]:
        """As ``ties``, of some titles at once."""
        asked = [title_id for title_id in dict.fromkeys(title_ids) if title_id not in self._ties]
        self._ties.update((title_id, _NOBODY) for title_id in asked if self.titles.known(title_id) is None)
        asked = [title_id for title_id in asked if title_id not in self._ties]
        if asked:
            self._ties.update(zip(asked, self._transitions.ties(asked, self._own, self._marked), strict=True))
        return [self._ties[title_id] for title_id in title_ids]

    def ties(self, title_id: str) -> Ties:
        """A title's companions by number, how like each is to it, and how many watched both; in no order."""
        return self.ask([title_id])[0]

    def likest(self, title_id: str, allowed: Cells, limit: int) -> list[str]:
        """The companions of a title that are ``allowed`` (by number), likest first, equals by title id."""
        others, likeness, _ = self.ties(title_id)
        first = self.first(likeness, others, np.flatnonzero(allowed[others]), limit)
        places = self._ordered(likeness, others, first)
        return [*map(self.titles.ids.__getitem__, others[places].tolist())]

    def first(self, likeness: Cells, others: Cells, places: Cells, limit: int) -> Cells:
        """The first of some places by likeness, equals by title id; in no order."""
        if len(places) <= limit or limit <= 0:
            return places[: max(0, limit)]
        likes = likeness[places]
        kept = places[likes >= np.partition(likes, len(likes) - limit)[len(likes) - limit]]
        # The last one has equals that stand behind it.
        return kept if len(kept) == limit else self._ordered(likeness, others, kept)[:limit]

    def _ordered(self, likeness: Cells, others: Cells, places: Cells) -> Cells:
        places = places[np.argsort(-likeness[places])]
        likes, ids = likeness[places], self.titles.ids
        if not (likes[1:] == likes[:-1]).any():
            return places
        named = zip((-likes).tolist(), [ids[other] for other in others[places].tolist()], places.tolist(), strict=True)
        return np.array([place for _, _, place in sorted(named)])
