"""Two rankers on the same questions."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.taste.comparison import compared, gain, hit, place_of

_SCORES = st.lists(st.floats(-5, 5), min_size=1, max_size=30)


@given(_SCORES, st.data())
def test_a_place_is_that_of_a_stable_sort(scores: Sequence[float], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(0, len(scores) - 1))
    ordered = sorted(range(len(scores)), key=lambda one: -scores[one])
    assert place_of(wanted, scores) == ordered.index(wanted)


def test_what_is_not_there_has_no_place_and_counts_nothing() -> None:
    assert place_of(-1, [1.0]) is None
    assert (hit(None), gain(None)) == (0.0, 0.0)
    assert (hit(0), gain(0)) == (1.0, 1.0)
    assert (hit(9), hit(10), gain(10)) == (1.0, 0.0, 0.0)
    assert gain(1) == pytest.approx(0.6309, abs=1e-4)


def test_worse_is_worse_beyond_the_interval_only() -> None:
    assert compared([0.0] * 100, [1.0] * 99 + [0.0]).worse
    assert not compared([1.0, 0.0] * 50, [0.0, 1.0] * 50).worse
    assert not compared([0.0], [1.0]).worse
    better = compared([1.0] * 99 + [0.0], [0.0] * 100)
    assert better.low > 0
    assert better.low < better.mean < better.high
