"""The search that ends early finds what looking at everything finds."""

import math

from hypothesis import given
from hypothesis import strategies as st

from matinee.taste.alike import Alike

TAGS = "abcdefg"
catalogues = st.lists(st.lists(st.sampled_from(TAGS), unique=True, max_size=5), min_size=1, max_size=40)


def by_looking_at_all(catalogue: list[list[str]], tags: list[str], limit: int, without: str) -> list[tuple[str, float]]:
    weights = {
        tag: math.log(1 + len(catalogue) / count) ** 2
        for tag in TAGS
        if (count := sum(tag in mine for mine in catalogue))
    }
    found = []
    for place, mine in enumerate(catalogue):
        shared = sum(weights[tag] for tag in tags if tag in mine)
        norms = [math.sqrt(sum(weights.get(tag, 0.0) for tag in one)) or 1.0 for one in (tags, mine)]
        if shared and str(place) != without:
            found.append((shared / (norms[0] * norms[1]), place))
    return [(str(place), likeness) for likeness, place in sorted(found, key=lambda one: (-one[0], one[1]))[:limit]]


@given(
    catalogues,
    st.lists(st.sampled_from(TAGS + "z"), unique=True, max_size=6),
    st.integers(1, 12),
    st.integers(0, 6),
    st.integers(0, 40),
)
def test_it_finds_the_likest_of_all(
    catalogue: list[list[str]], tags: list[str], limit: int, rare: int, without: int
) -> None:
    alike = Alike({str(place): mine for place, mine in enumerate(catalogue)}, rare)
    found = alike.nearest(tags, limit, str(without))
    expected = by_looking_at_all(catalogue, tags, limit, str(without))
    assert [round(likeness, 9) for _, likeness in found] == [round(likeness, 9) for _, likeness in expected]
    assert str(without) not in dict(found)
    assert len({title_id for title_id, _ in found}) == len(found)


def test_of_equals_the_first_in_order_stand_first() -> None:
    alike = Alike({str(place): ["a", "b"] for place in range(9)}, rare=2)
    assert [title_id for title_id, _ in alike.nearest(["b", "a"], 3, "1")] == ["0", "2", "3"]


def test_nothing_is_like_a_title_without_tags() -> None:
    alike = Alike({"0": ["a"], "1": []})
    assert alike.nearest([], 5) == alike.nearest(["unknown"], 5) == []
