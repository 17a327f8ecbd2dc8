"""Stretches: each begins in the gap before its first frame, and the encoder's list is held against the film's."""

from bisect import bisect_right
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.commands.stretches import (
    BASE_TICKS,
    GLIMPSE_FRAMES,
    Stretch,
    check_stretch,
    plan_glimpses,
    plan_stretches,
)
from matinee.inspection.frames import Frames, film_times
from matinee.inspection.inspection import Film, Picture
from matinee.model.errors import EncodingFailed
from matinee.model.media import Source, SourceTrack, TrackKind

_FILM = Film(
    name="film.mp4",
    source=Source("mov", 60.0, 1_000_000, SourceTrack(0, TrackKind.VIDEO, "h264", frames=1500), None),
    picture=Picture(640, 360, Fraction(1), "yuv420p", is_interlaced=False, first_seconds=0.0),
    frame_rate=Fraction(25),
    shift_seconds=0.0,
    length_seconds=60.0,
    is_steady=False,
    notes=(),
)
_FIELDS = replace(_FILM, picture=replace(_FILM.picture, is_interlaced=True))


@st.composite
def _frames(draw: st.DrawFn) -> Frames:
    steps = draw(st.lists(st.integers(2, 200_000) | st.integers(1_000, 9_000), min_size=1, max_size=400))
    times = tuple(accumulate(steps, initial=draw(st.integers(-90_000, 900_000))))
    cuts = draw(st.lists(st.integers(1, len(times) - 1), max_size=10, unique=True))
    return Frames(times, tuple(sorted(cuts)))


@given(_frames(), st.sampled_from([_FILM, _FIELDS]))
def test_stretches_hold_every_frame_once_and_are_sought_between_two(frames: Frames, film: Film) -> None:
    made = plan_stretches(film, frames, *film_times(film, frames))
    assert [stretch.number for stretch in made] == list(range(len(made)))
    seen = [frames.times[stretch.first] + time for stretch in made for time in stretch.times]
    assert tuple(seen) == frames.times
    assert made[0].seek_microseconds is None
    for stretch in made[1:]:
        assert stretch.seek_microseconds is not None
        before, first = frames.times[stretch.first - 1 : stretch.first + 1]
        assert before < Fraction(stretch.seek_microseconds * 90, 1000) < first
        assert abs(stretch.seek_microseconds * 90 / 1000 + stretch.lead_ticks - first) <= 0.5
    for stretch in made:
        assert stretch.starts[0] == 0
        assert all(start % stretch.fields == 0 and start < stretch.encoded for start in stretch.starts)


@given(_frames(), st.sampled_from([_FILM, _FIELDS]))
def test_glimpses_are_frames_in_a_row_of_one_shot_each(frames: Frames, film: Film) -> None:
    stretches = plan_stretches(film, frames, *film_times(film, frames))
    starts = [one.first + start // one.fields for one in stretches for start in one.starts]
    lengths = [end - start for start, end in pairwise([*starts, len(frames.times)])]
    long_ones = [start for start, length in zip(starts, lengths, strict=True) if length >= GLIMPSE_FRAMES]
    glimpses = plan_glimpses(film, frames, stretches)
    assert bool(glimpses) == bool(long_ones)
    assert len(glimpses) <= len(long_ones)
    shots = [bisect_right(starts, one.first) for one in glimpses]
    assert shots == sorted(set(shots))
    for one, shot in zip(glimpses, shots, strict=True):
        assert len(one.times) == GLIMPSE_FRAMES
        assert bisect_right(starts, one.first + GLIMPSE_FRAMES - 1) == shot
        assert (
            tuple(frames.times[one.first] + time for time in one.times)
            == (frames.times[one.first : one.first + GLIMPSE_FRAMES])
        )


def test_glimpses_of_a_long_film_are_spread_over_it() -> None:
    frames = Frames(tuple(range(0, 5_400_000, 3_600)))
    glimpses = plan_glimpses(_FILM, frames, plan_stretches(_FILM, frames, *film_times(_FILM, frames)))
    firsts = [one.first for one in glimpses]
    assert firsts[0] < 200
    assert firsts[-1] > 1_300
    assert max(after - before for before, after in pairwise(firsts)) < 400


def test_places_that_cannot_be_sought_are_not_parted() -> None:
    frames = Frames(tuple(range(0, 5_400_000, 3_600)), has_places=False)
    (whole,) = plan_stretches(_FILM, frames, *film_times(_FILM, frames))
    assert whole.encoded == 1_500
    assert len(whole.starts) == 12


_STRETCH = Stretch(1, 100, (0, 3_600, 7_200), (0,))


def _stamps(*times: int) -> str:
    return "".join(f"{BASE_TICKS + time}\n" for time in times)


def test_the_frames_of_the_list_pass_also_where_a_container_rounds() -> None:
    check_stretch(_STRETCH, _stamps(0, 3_600, 7_200), "encoding")
    check_stretch(_STRETCH, _stamps(-40, 3_640, 7_150), "encoding")
    check_stretch(replace(_STRETCH, fields=2), _stamps(0, 1_800, 3_600, 5_400, 7_200, 9_000), "encoding")


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ((0, 3_600), "2 of 3 frames"),
        ((0, 3_600, 7_200, 10_800), "4 of 3 frames"),
        ((-3_600, 0, 3_600), r"Frame 0 came -0\.0400 s"),
        ((3_600, 7_200, 10_800), r"Frame 0 came \+0\.0400 s"),
        ((0, 7_200, 10_800), "Frame 1 came"),
    ],
)
def test_other_frames_do_not(times: tuple[int, ...], words: str) -> None:
    with pytest.raises(EncodingFailed, match=words):
        check_stretch(_STRETCH, _stamps(*times), "encoding")
