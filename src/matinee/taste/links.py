"""Counts of pairs of titles: a row of bounded length a title, in two blocks of four bytes a pair each.

As dictionaries, the pairs of twenty thousand titles are half a gibibyte, and every addition to the pairs of one title
with a hundred others looks into a hundred of them. Exact until a row is full; then its rarest half is forgotten.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from matinee.taste.titles import Titles

_ROWS = 16

Cells = Any
"""An array of whole numbers."""


class Links:
    """Rows of ``kept`` pairs at most, by the numbers that ``titles`` gives."""

    def __init__(self, kept: int, titles: Titles) -> None:
        self._kept = kept
        self._titles = titles
        # A title's number plus one: an empty cell is zero in both, so that memory is taken when it is written to.
        self._others = np.zeros((0, kept + 1), np.uint32)
        self._counts = np.zeros((0, kept + 1), np.uint32)
        self._sizes = np.zeros(0, np.int64)

    def row(self, number: int) -> tuple[Cells, Cells]:
        """The numbers of a title's companions, in no order, and the counts."""
        if number >= len(self._sizes):
            return np.zeros(0, np.uint32), np.zeros(0, np.uint32)
        size = self._sizes[number]
        return self._others[number, :size] - 1, self._counts[number, :size]

    def count(self, number: int, other: int) -> int:
        """How often a pair was counted."""
        others, counts = self.row(number)
        return int(counts[others == other].sum())

    def __iter__(self) -> Iterator[tuple[int, dict[int, int]]]:
        """Every row that is not empty: the title's number, and counts by those of its companions."""
        for number in np.flatnonzero(self._sizes).tolist():
            others, counts = self.row(number)
            yield number, dict(zip(others.tolist(), counts.tolist(), strict=True))

    def add_to_each(self, numbers: Sequence[int], other: int, by: Sequence[int] | int) -> None:
        """So much more (each, or one for all) for the pairs of some titles, all different, with another one."""
        self._reach(len(self._titles) - 1)
        rows, more = np.array(numbers), np.array(by, np.uint32)
        hits = self._others.take(rows, axis=0) == other + 1
        places = hits.argmax(axis=1)
        # The first empty cell of a row that has no such pair yet.
        new = ~hits[np.arange(len(rows)), places]
        places[new] = self._sizes[rows[new]]
        self._others[rows, places] = other + 1
        self._counts[rows, places] += more
        self._sizes[rows[new]] += 1
        for number in rows[new & (places >= self._kept)].tolist():
            self._write(number, self._others[number], self._counts[number])

    def add(self, number: int, others: Sequence[int]) -> None:
        """One more for the pairs of a title with some others, all different."""
        self._reach(len(self._titles) - 1)
        size, wanted = self._sizes[number], np.array(others, np.uint32) + np.uint32(1)
        hits = self._others[number, :size, None] == wanted
        self._counts[number, :size] += hits.any(axis=1)
        new = wanted[~hits.any(axis=0)]
        if not len(new):
            return
        if size + len(new) <= self._kept:
            self._others[number, size : size + len(new)] = new
            self._counts[number, size : size + len(new)] = 1
            self._sizes[number] = size + len(new)
            return
        held = np.concatenate([self._others[number, :size], new])
        self._write(number, held, np.concatenate([self._counts[number, :size], np.ones(len(new), np.uint32)]))

    def take(self, number: int, less: Mapping[int, int]) -> None:
        """So much less for the pairs of a title with others; what comes to nothing is forgotten."""
        others, counts = self.row(number)
        left = [
            (other + 1, count - less.get(other, 0))
            for other, count in zip(others.tolist(), counts.tolist(), strict=True)
            if count > less.get(other, 0)
        ]
        if number < len(self._sizes):
            self._put(number, [one for one, _ in left], [count for _, count in left])

    def columns(self) -> tuple[Cells, Cells, Cells]:
        """All of it: how long each title's row is, and the rows' numbers and counts, one after the other."""
        self._reach(len(self._titles) - 1)
        sizes = self._sizes[: len(self._titles)]
        used = np.arange(self._kept + 1) < sizes[:, None]
        return (
            sizes.astype("<u4"),
            (self._others[: len(sizes)][used] - 1).astype("<u4"),
            self._counts[: len(sizes)][used].astype("<u4"),
        )

    def restore(self, sizes: Cells, others: Cells, counts: Cells) -> None:
        """Begin with what ``columns`` told. ValueError where that is not one thing."""
        if len(others) != len(counts) or len(counts) != sizes.sum() or sizes.max(initial=0) > self._kept:
            raise ValueError("the rows of pairs are not of the length that is told")
        if others.max(initial=0) >= max(1, len(self._titles)) or len(sizes) > len(self._titles):
            raise ValueError("pairs of titles that are not there")
        self._reach(len(sizes) - 1)
        used = np.arange(self._kept + 1) < sizes[:, None]
        self._others[: len(sizes)][used] = others + 1
        self._counts[: len(sizes)][used] = counts
        self._sizes[: len(sizes)] = sizes

    def _write(self, number: int, others: Cells, counts: Cells) -> None:
        """Keep of a row that is too long the strongest half; of equals those that come first by title id."""
        ids, most = self._titles.ids, self._kept // 2
        least = np.partition(counts, len(counts) - most)[len(counts) - most]
        surely = np.flatnonzero(counts > least)
        equals = np.flatnonzero(counts == least)
        named = {ids[one - 1]: place for one, place in zip(others[equals].tolist(), equals.tolist(), strict=True)}
        kept = [*surely.tolist(), *(named[one] for one in sorted(named)[: most - len(surely)])]
        self._put(number, others[kept], counts[kept])

    def _put(self, number: int, others: Cells, counts: Cells) -> None:
        self._others[number] = self._counts[number] = 0
        self._others[number, : len(others)], self._counts[number, : len(others)] = others, counts
        self._sizes[number] = len(others)

    def _reach(self, number: int) -> None:
        """Have a row for a number."""
        before = len(self._sizes)
        if number < before:
            return
        rows = max(_ROWS, 2 * before, number + 1)
        for name in ("_others", "_counts", "_sizes"):
            old = getattr(self, name)
            new = np.zeros((rows, *old.shape[1:]), old.dtype)
            new[:before] = old
            setattr(self, name, new)
