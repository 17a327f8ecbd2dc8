"""What is too large to be a film is refused before it is decoded, and tracks beyond measure are left out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.inspection.bounds import LONGEST_HOURS, MOST_FRAMES, check_bounds, first_few
from matinee.inspection.inspection import select
from matinee.inspection.probe import ContainerReport, TrackReport
from matinee.model.errors import Refused

_VIDEO = TrackReport(index=0, kind="video", codec="h264", width=8192, height=8192, packets=MOST_FRAMES)


def test_the_largest_film_is_taken_and_what_is_larger_is_refused_with_its_size() -> None:
    longest = replace(_VIDEO, first_seconds=5.0, end_seconds=5.0 + LONGEST_HOURS * 3600)
    check_bounds(longest, "film.mp4")
    for changes, said in (
        ({"width": 8193}, "film.mp4 is 8193 x 8192: Matinee takes pictures of up to 67 million pixels."),
        ({"end_seconds": 100_000.0}, "film.mp4 lasts 28 hours: Matinee takes films of up to 24."),
        ({"packets": MOST_FRAMES + 1}, "film.mp4 has 5184001 frames: Matinee takes films of up to 5184000."),
    ):
        with pytest.raises(Refused) as caught:
            check_bounds(replace(longest, **changes), "film.mp4")
        assert str(caught.value) == said


def test_what_lies_elsewhere_is_refused_whether_it_could_be_opened_or_not() -> None:
    for failure in (None, "Invalid data found when processing input"):
        report = ContainerReport(9, "", ("ftyp", "moov"), failure=failure, tracks=(_VIDEO,), is_elsewhere=True)
        with pytest.raises(Refused, match="refers to other files for its content"):
            select(report, "film.mov")


@given(st.lists(st.integers(), max_size=20), st.integers(1, 10))
def test_the_first_few_stay_in_their_order_and_the_others_are_counted(tracks: list[int], most: int) -> None:
    few, notes = first_few(tracks, most, "tracks")
    assert list(few) == tracks[:most]
    left = len(tracks) - len(few)
    assert notes == ((f"{left} tracks were left out: Matinee takes {most}.",) if left else ())
