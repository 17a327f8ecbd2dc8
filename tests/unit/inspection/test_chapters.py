from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.inspection.chapters import MOST_CHAPTERS, ChapterReport, read_chapters, tidy_chapters
from matinee.model.media import Chapter

_ANY = st.lists(
    st.builds(
        ChapterReport,
        st.floats(-100, 8000) | st.sampled_from([0.0, float("nan"), float("inf")]),
        st.text(max_size=30) | st.just(""),
    ),
    max_size=40,
)


def _tidied(*chapters: tuple[float, str], shift: float = 0.0, length: float = 100.0) -> list[tuple[float, str]]:
    found, _ = tidy_chapters([ChapterReport(*one) for one in chapters], shift, length)
    return [(one.start_seconds, one.name) for one in found]


def test_chapters_are_shifted_as_the_picture_is() -> None:
    assert _tidied((10.0, "One"), (40.0, "Two"), shift=10.0) == [(0.0, "One"), (30.0, "Two")]
    assert _tidied((0.0, "One"), (40.0, "Two"), shift=10.0) == [(0.0, "One"), (30.0, "Two")]


def test_what_lies_beyond_the_end_is_left_out_and_told() -> None:
    found, notes = tidy_chapters([ChapterReport(0, "a"), ChapterReport(50, "b"), ChapterReport(100, "c")], 0, 100)
    assert [one.name for one in found] == ["a", "b"]
    assert notes == ("1 of 3 chapters were left out: they begin together or past the end.",)


def test_chapters_within_one_another_are_one_row() -> None:
    # Matroska: an edition with a part that holds the first of its scenes.
    assert _tidied((0, ""), (0, "Scene 1"), (20, "Scene 2"), (60, "Part two"), (60, "Scene 3")) == [
        (0, "Scene 1"),
        (20, "Scene 2"),
        (60, "Part two"),
    ]


def test_who_has_no_name_is_called_by_its_place() -> None:
    assert _tidied((0, "Opening"), (20, " \n"), (40, "")) == [(0, "Opening"), (20, "Chapter 2"), (40, "Chapter 3")]


def test_one_chapter_over_all_of_a_film_is_none() -> None:
    assert _tidied((0, "Film")) == []
    assert _tidied((30, "After the break")) == [(30, "After the break")]


def test_thousands_are_thinned_over_the_whole_film() -> None:
    found = _tidied(*[(float(second), f"{second}") for second in range(0, 7200, 2)], length=7200)
    assert len(found) <= MOST_CHAPTERS
    assert found[0][0] == 0
    assert found[-1][0] > 7150


def test_a_name_is_one_line_without_what_nobody_sees() -> None:
    assert _tidied((0, "A\r\nB\u202e\x00C"), (9, "x" * 999)) == [(0, "A B C"), (9, "x" * 200)]


@pytest.mark.parametrize("broken", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), KeyError("start")])
def test_chapters_that_cannot_be_read_are_none(broken: Exception) -> None:
    class Container:
        def chapters(self) -> list[object]:
            raise broken

    assert read_chapters(Container(), 0.0) == ()


@given(_ANY, st.floats(-50, 50), st.floats(0.04, 7000))
def test_whatever_comes_is_in_order_apart_named_and_within(
    reports: list[ChapterReport], shift: float, length: float
) -> None:
    found, notes = tidy_chapters(reports, shift, length)
    assert all(0 <= one.start_seconds <= length for one in found)
    assert all(later.start_seconds - one.start_seconds > 0.99 for one, later in pairwise(found))
    assert all(one.name and one.name.isprintable() | (not one.name.isascii()) for one in found)
    assert len(found) <= min(len(reports), MOST_CHAPTERS)
    assert bool(notes) == bool(found and len(found) < len(reports))


@given(_ANY, st.floats(-50, 50), st.floats(0.04, 7000))
def test_tidying_what_is_tidy_changes_nothing(reports: list[ChapterReport], shift: float, length: float) -> None:
    found, _ = tidy_chapters(reports, shift, length)
    again, notes = tidy_chapters([ChapterReport(one.start_seconds, one.name) for one in found], 0.0, length + 1)
    assert (again, notes) == (found, ())


@given(_ANY)
def test_the_order_in_which_they_are_told_does_not_matter_but_for_equal_times(reports: list[ChapterReport]) -> None:
    known = [report for report in reports if report.start_seconds == report.start_seconds]
    # Chapters begin on milliseconds: what lies closer together begins at the same time.
    by_time = {round(report.start_seconds, 3): report for report in known if abs(report.start_seconds) < 1e9}
    one, _ = tidy_chapters(list(by_time.values()), 0.0, 5000.0)
    other, _ = tidy_chapters(list(reversed(by_time.values())), 0.0, 5000.0)
    negative = [start for start in by_time if start <= 0]  # all of these begin with the film
    if len(negative) < 2:
        assert one == other
        assert all(isinstance(chapter, Chapter) for chapter in one)
