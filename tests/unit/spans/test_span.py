"""What may be said of a span, and how its times are read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.spans.span import (
    MOST_SPANS,
    Extent,
    SpanKind,
    beside,
    check_beside,
    checked,
    overlap,
    read_seconds,
    same_film,
    written,
)

INTRO = Extent(SpanKind.INTRO, 10.0, 40.0)


def test_a_span_within_its_episode_is_kept_to_the_millisecond() -> None:
    kept = checked(Extent(SpanKind.CREDITS, 100.12345, 120.3), 120.0)
    assert (kept.start_seconds, kept.end_seconds) == (100.123, 120.0)


@pytest.mark.parametrize(
    ("start", "end"),
    [(-0.1, 5), (5, 5.4), (9, 3), (0, 200), (float("nan"), 5), (0, float("inf")), (float("-inf"), 5)],
)
def test_a_span_that_cannot_be_is_refused(start: float, end: float) -> None:
    with pytest.raises(Invalid):
        checked(Extent(SpanKind.INTRO, start, end), 120.0)


def test_spans_lie_beside_each_other() -> None:
    check_beside(Extent(SpanKind.RECAP, 0.0, 10.0), [INTRO])
    with pytest.raises(Invalid, match="a part of the intro"):
        check_beside(Extent(SpanKind.RECAP, 0.0, 10.1), [INTRO])
    many = [Extent(SpanKind.CREDITS, float(n), n + 0.5) for n in range(MOST_SPANS)]
    with pytest.raises(Invalid, match="at most"):
        check_beside(Extent(SpanKind.CREDITS, 500.0, 501.0), many)


def test_what_was_found_gives_way_to_what_an_operator_says() -> None:
    found = [Extent(SpanKind.RECAP, 0.0, 9.0, 0.9), Extent(SpanKind.CREDITS, 30.0, 50.0, 0.9)]
    assert beside(found, [INTRO]) == (found[0],)


def test_a_revision_of_another_length_is_another_film() -> None:
    assert same_film(100.0, 100.04)
    assert not same_film(100.0, 101.0)


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 100), st.floats(0, 100))
def test_whether_two_overlap_does_not_depend_on_their_order(a: float, b: float, c: float, d: float) -> None:
    one, other = (Extent(SpanKind.INTRO, *sorted(pair)) for pair in ((a, b), (c, d)))
    assert overlap(one, other) == overlap(other, one)


@given(st.integers(0, 40_000_000))
def test_a_time_that_is_written_is_read_again(milliseconds: int) -> None:
    assert read_seconds(written(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "seconds"), [("83.5", 83.5), ("1:23.5", 83.5), ("1:02:03", 3723.0), (" 0:07 ", 7.0), ("0", 0.0)]
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "1:2:3:4", "-5", "1e3", "nan", "inf", ":5", "5:", "1,5", "²"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_seconds(text)
