"""The frame list: read as it is told, kept as it came, counted to the last one."""

from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.inspection.frames import (
    TICKS,
    Bars,
    Frames,
    field_times,
    film_times,
    frames_from_json,
    frames_to_json,
    look_size,
    places,
    read_frames,
    surveyed,
)
from matinee.inspection.inspection import Film, Picture
from matinee.model.errors import Refused
from matinee.model.media import Source, SourceTrack, TrackKind

_FILM = Film(
    name="film.mp4",
    source=Source(
        container="mov",
        duration_seconds=4.0,
        size_bytes=1_000_000,
        video=SourceTrack(0, TrackKind.VIDEO, "h264", width=1280, height=720, frame_rate=25.0, frames=100),
        audio=None,
    ),
    picture=Picture(1280, 720, Fraction(1), "yuv420p", is_interlaced=False, first_seconds=0.0),
    frame_rate=Fraction(25),
    shift_seconds=0.0,
    length_seconds=4.0,
    is_steady=True,
    notes=(),
)
_STEP = 3_600
_EVEN = tuple(range(0, 100 * _STEP, _STEP))
_WORDS = """\
[Parsed_scdet_4 @ 0x7f] lavfi.scd.score: 15.211, lavfi.scd.time: 1.000000
[Parsed_cropdetect_6 @ 0x7f] x1:0 x2:319 y1:22 y2:150 w:320 h:136 x:0 y:22 pts:0 t:0.000000 limit:0.094118 crop=1
[Parsed_scdet_4 @ 0x7f] lavfi.scd.score: 25.2, lavfi.scd.time: 2.520000
[Parsed_cropdetect_6 @ 0x7f] x1:0 x2:319 y1:18 y2:161 w:320 h:144 x:0 y:18 pts:9 t:3.000000 limit:0.094118 crop=1
[Parsed_idet_0 @ 0x7f] Repeated Fields: Neither:   101 Top:     0 Bottom:     0
[Parsed_idet_0 @ 0x7f] Single frame detection: TFF:    90 BFF:     0 Progressive:     1 Undetermined:    10
[Parsed_idet_0 @ 0x7f] Multi frame detection: TFF:     3 BFF:     1 Progressive:    90 Undetermined:     6
"""

_lists = st.lists(st.integers(1, 90_000), max_size=60).map(lambda steps: tuple(accumulate(steps, initial=0)))


def _stamps(times: tuple[int, ...]) -> str:
    return "\n".join(map(str, times))


def test_what_ffmpeg_says_becomes_frames() -> None:
    frames = read_frames(_stamps(_EVEN), _WORDS, _FILM)
    assert (frames.times, frames.cuts) == (_EVEN, (25, 63))
    assert (frames.top_first, frames.bottom_first, frames.progressive) == (3, 1, 90)
    assert look_size(_FILM) == (320, 180)
    assert frames.bars == Bars(0.0, 0.0, 0.1, 0.1)


def test_cuts_are_found_by_the_containers_time() -> None:
    late = tuple(time + 10 * TICKS for time in _EVEN)
    assert read_frames(_stamps(late), _WORDS.replace("time: 1.0", "time: 11.0"), _FILM).cuts == (25,)


def test_a_frame_without_a_time_follows_the_one_before_it() -> None:
    assert read_frames("0\n3600\nNOPTS\n7200\n", "", _FILM).times == (0, 3_600, 3_601, 7_200)


def test_a_film_of_which_nothing_comes_out_is_refused() -> None:
    with pytest.raises(Refused, match="no frame came out"):
        read_frames("", _WORDS, _FILM)


def test_a_black_film_has_no_bars() -> None:
    black = "x1:319 x2:0 y1:179 y2:0 w:-320 h:-176 x:320 y:178 pts:0 t:0.0 limit:0.094118 crop=-320"
    assert read_frames("0", black, _FILM).bars is None


@given(_lists, st.lists(st.integers(1, 59)), st.none() | st.just(Bars(0.1, 0.0, 0.0, 0.25)), st.booleans())
def test_frames_survive_being_kept(times: tuple[int, ...], cuts: list[int], bars: Bars | None, found: bool) -> None:
    frames = Frames(times, tuple(cuts), 1, 2, 3, bars, found)
    assert frames_from_json(frames_to_json(frames)) == frames


@given(_lists, st.integers(-90_000, 900_000), st.booleans(), st.floats(0, 3))
def test_the_films_times_rise_from_zero_and_keep_every_distance(
    raw: tuple[int, ...], offset: int, steady: bool, length: float
) -> None:
    film = replace(_FILM, is_steady=steady, length_seconds=length)
    times, end = film_times(film, Frames(tuple(time + offset for time in raw)))
    assert (len(times), times[0]) == (len(raw), 0)
    assert all(one < other for one, other in pairwise((*times, end)))
    assert all(abs(one - other) <= TICKS // 1000 for one, other in zip(times, raw, strict=True))
    assert steady or times == raw


def test_steps_that_a_container_rounded_become_even_again() -> None:
    film = replace(_FILM, frame_rate=Fraction(30_000, 1001))
    exact = [round(place * 3003) for place in range(100)]
    rounded = tuple(round(time / 90) * 90 for time in exact)
    assert film_times(film, Frames(rounded)) == (tuple(exact), 100 * 3003)
    assert film_times(replace(film, is_steady=False), Frames(rounded))[0] == rounded


def test_frames_that_do_not_rise_are_shown_one_after_another() -> None:
    film = replace(_FILM, is_steady=False)
    assert film_times(film, Frames((0, 3_600, 3_600, 3_000, 7_200)))[0] == (0, 3_600, 3_601, 3_602, 7_200)


def test_the_first_frame_stands_while_sound_comes_before_it() -> None:
    film = replace(_FILM, picture=replace(_FILM.picture, first_seconds=2.0), is_steady=False, length_seconds=2.12)
    assert film_times(film, Frames((0, 3_600, 7_200))) == ((0, 183_600, 187_200), 190_800)


def test_the_last_frame_of_a_screen_recording_stands_as_long_as_the_container_says() -> None:
    film = replace(_FILM, is_steady=False, length_seconds=5.0)
    assert film_times(film, Frames((0, 100, 90_000)))[1] == 5 * TICKS
    assert film_times(replace(film, length_seconds=500.0), Frames((0, 100, 90_000)))[1] == 90_000 + 89_900


@given(_lists, st.integers(1, 90_000))
def test_fields_come_twice_as_often(times: tuple[int, ...], stands: int) -> None:
    shown = field_times([2 * time for time in times], 2 * (times[-1] + stands))
    assert shown[::2] == tuple(2 * time for time in times)
    assert all(one < other for one, other in pairwise(shown))
    assert len(shown) == 2 * len(times)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_a_film_is_cut_only_where_time_parts_it(raw: list[int]) -> None:
    times = tuple(raw)
    for place, allowed in enumerate(places(Frames(times))):
        assert allowed == (place == 0 or max(times[:place]) < min(times[place:]))
    assert places(Frames(times, has_places=False)) == (True, *(False for _ in times[1:]))


def test_frames_that_are_missing_are_named() -> None:
    whole = surveyed(_FILM, Frames(_EVEN))
    assert (whole.notes, whole.is_steady, whole.length_seconds) == ((), True, 4.0)
    damaged = surveyed(_FILM, Frames((*_EVEN[:40], *_EVEN[43:])))
    assert damaged.notes == ("3 of 100 frames cannot be decoded and are missing.",)
    assert not damaged.is_steady
    with pytest.raises(Refused, match="of its 100 frames only 80"):
        surveyed(_FILM, Frames(_EVEN[:80]))
    (note,) = surveyed(_FILM, Frames(_EVEN, damaged=3)).notes
    assert note.startswith("3 frame(s) are damaged in the source")


def test_fields_are_believed_where_they_are_all_of_one_order() -> None:
    flagged = replace(_FILM, picture=replace(_FILM.picture, is_interlaced=True))
    film = surveyed(flagged, Frames(_EVEN, top_first=40, bottom_first=1, progressive=50))
    assert (film.picture.is_interlaced, film.picture.is_bottom_first) == (True, False)
    assert film.shown_rate == 50
    assert any("every field" in note for note in film.notes)
    assert surveyed(flagged, Frames(_EVEN, bottom_first=80, progressive=10)).picture.is_bottom_first
    for doubtful in (Frames(_EVEN, top_first=30, bottom_first=30, progressive=30), Frames(_EVEN, progressive=90)):
        assert not surveyed(flagged, doubtful).picture.is_interlaced
    for told, believed in (((950, 10, 40), True), ((800, 0, 200), False), ((90, 0, 0), False)):
        assert surveyed(_FILM, Frames(_EVEN, (), *told)).picture.is_interlaced == believed
    assert surveyed(flagged, Frames(_EVEN, progressive=2)).picture.is_interlaced  # nothing moves in it


def test_bars_are_told_and_kept() -> None:
    film = surveyed(_FILM, Frames(_EVEN, bars=Bars(0.0, 0.0, 0.124, 0.124)))
    assert film.notes == ("The picture has black bars (12% top, 12% bottom), which were kept.",)
    assert surveyed(_FILM, Frames(_EVEN, bars=Bars(0.0, 0.003, 0.0, 0.0))).notes == ()
