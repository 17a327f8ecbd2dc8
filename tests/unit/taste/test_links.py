"""Counts of pairs in blocks: the same as in dictionaries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.taste.links import Links
from matinee.taste.titles import Titles

_KEPT, _TITLES = 6, 30
_FEW = st.lists(st.integers(0, _TITLES - 1), min_size=1, max_size=4, unique=True)
_STEPS = st.lists(st.tuples(st.sampled_from(["each", "row", "take"]), st.integers(0, _TITLES - 1), _FEW), max_size=30)


class Plain:
    """The same by dictionaries."""

    def __init__(self, titles: Titles) -> None:
        self.titles = titles
        self.rows: dict[int, dict[int, int]] = {}

    def add(self, number: int, others: list[int], by: int = 1) -> None:
        row = self.rows.setdefault(number, {})
        for other in others:
            row[other] = row.get(other, 0) + by
        if len(row) > _KEPT:
            strongest = sorted(row, key=lambda one: (-row[one], self.titles.ids[one]))
            self.rows[number] = {one: row[one] for one in strongest[: _KEPT // 2]}

    def take(self, number: int, less: dict[int, int]) -> None:
        row = self.rows.get(number, {})
        left = {other: count - less.get(other, 0) for other, count in row.items()}
        self.rows[number] = {other: count for other, count in left.items() if count > 0}


@given(_STEPS)
def test_pairs_in_blocks_are_those_in_dictionaries(steps: list[tuple[str, int, list[int]]]) -> None:
    titles = Titles(f"film-{number * 7 % _TITLES:02}" for number in range(_TITLES))
    links, plain = Links(_KEPT, titles), Plain(titles)
    for what, number, others in steps:
        if what == "each":
            weights = list(range(1, len(others) + 1))
            links.add_to_each(others, number, weights)
            for weight, other in zip(weights, others, strict=True):
                plain.add(other, [number], weight)
        elif what == "row":
            links.add(number, others)
            plain.add(number, others)
        else:
            links.take(number, dict.fromkeys(others, 2))
            plain.take(number, dict.fromkeys(others, 2))
    assert dict(links) == {number: row for number, row in plain.rows.items() if row}
    again = Links(_KEPT, titles)
    again.restore(*links.columns())
    assert dict(again) == dict(links)


def test_columns_that_do_not_belong_together_are_refused() -> None:
    titles = Titles(["one", "two"])
    links = Links(_KEPT, titles)
    links.add(0, [1])
    sizes, others, counts = links.columns()
    with pytest.raises(ValueError, match="not of the length"):
        Links(_KEPT, titles).restore(sizes, others[:0], counts)
    with pytest.raises(ValueError, match="not there"):
        Links(_KEPT, titles).restore(sizes, others + 1, counts)
