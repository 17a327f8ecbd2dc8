"""Where values stand in a plot, and what its axes say."""

from hypothesis import given
from hypothesis import strategies as st

from matinee.pages.plots import Frame, ticks

_VALUES = st.floats(-1e6, 1e6)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.lists(_VALUES, min_size=2, max_size=20))
def test_more_stands_higher_and_nothing_stands_outside(low: float, size: float, values: list[float]) -> None:
    frame = Frame((0.0, 1.0), (low, low + size))
    heights = [frame.y(value) for value in sorted(values)]
    assert heights == sorted(heights, reverse=True)
    assert all(frame.top <= height <= frame.bottom for height in heights)
    assert (frame.y(low + size), frame.y(low)) == (frame.top, frame.bottom)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_the_least_stands_at_the_left_the_most_at_the_right_and_one_alone_between(low: float, size: float) -> None:
    frame = Frame((low, low + size), (0.0, 1.0))
    assert (frame.x(low), frame.x(low + size)) == (frame.left, frame.right)
    assert Frame((low, low), (0.0, 1.0)).x(low) == (frame.left + frame.right) / 2


@given(_VALUES, st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_within(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert len(found) <= 7
    assert all(low - 1e-6 <= one <= low + width + 1e-6 for one in found)
    assert ticks(1.0, 1.0) == (1.0,)
