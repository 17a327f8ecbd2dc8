"""Subtitles on the film's time, whole and cut."""

from hypothesis import given
from hypothesis import strategies as st

from matinee.model.media import Role, SourceTrack, TrackKind
from matinee.packaging.text import (
    TEXT_SECONDS,
    Cue,
    hls_text_attributes,
    labels,
    playlist,
    read_webvtt,
    segments,
    text_cells,
    text_names,
    tidy,
    webvtt,
)

_SECONDS = st.floats(-50, 500, allow_nan=False)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_CUES = st.lists(st.builds(Cue, _SECONDS, _SECONDS, _TEXT, st.sampled_from(["", "line:0", "line:0 align:left"])))
_CUTS = st.lists(st.floats(0.5, 9.0), min_size=1, max_size=60)


def _track(language: str | None, title: str | None = None, *roles: Role) -> SourceTrack:
    return SourceTrack(2, TrackKind.TEXT, "subrip", language, title=title, roles=roles)


@given(_CUES, st.floats(-5, 5))
def test_what_is_written_is_read_as_it_was(cues: list[Cue], shift: float) -> None:
    tidied = tidy(cues, shift, 300.0)
    assert read_webvtt(webvtt(tidied)) == tidied


@given(_CUES, st.floats(-5, 5), st.floats(1, 400))
def test_cues_stay_within_the_film_and_in_its_order(cues: list[Cue], shift: float, length: float) -> None:
    tidied = tidy(cues, shift, length)
    assert list(tidied) == sorted(tidied)
    assert all(0 <= cue.start_seconds < cue.end_seconds <= length + 0.001 for cue in tidied)
    assert all("-->" not in cue.text and "\n\n" not in cue.text and cue.text.strip() for cue in tidied)


def test_cues_are_shifted_as_the_picture_is() -> None:
    assert tidy([Cue(10.5, 12.0, "later")], 10.0, 60.0) == (Cue(0.5, 2.0, "later"),)
    assert tidy([Cue(9.0, 10.5, "over the edge")], 10.0, 60.0) == (Cue(0.0, 0.5, "over the edge"),)


def test_no_setting_can_carry_anything_else() -> None:
    (cue,) = tidy([Cue(0, 1, "x", "line:0 position:10%,line-left onload:x <b> align:left")], 0.0, 9.0)
    assert cue.settings == "line:0 position:10%,line-left align:left"


@given(_CUES, _CUTS)
def test_every_cue_stands_in_each_segment_it_is_seen_in(cues: list[Cue], cuts: list[float]) -> None:
    tidied, cells = tidy(cues, 0.0, sum(cuts)), text_cells(cuts)
    cut = segments(tidied, cells)
    assert {cue for part in cut for cue in part} == set(tidied)
    start = 0.0
    for cell, part in zip(cells, cut, strict=True):
        seen = {cue for cue in tidied if cue.start_seconds < start + cell - 0.01 and cue.end_seconds > start + 0.01}
        assert seen <= set(part)
        start += cell


@given(_CUTS)
def test_segments_of_text_begin_where_some_of_the_picture_do(cuts: list[float]) -> None:
    cells = text_cells(cuts)
    edges = [sum(cuts[:place]) for place in range(len(cuts) + 1)]
    assert abs(sum(cells) - sum(cuts)) < 0.001
    for place in range(len(cells)):
        assert min(abs(edge - sum(cells[:place])) for edge in edges) < 0.001
    assert all(cell <= TEXT_SECONDS or cell in cuts for cell in cells)
    assert playlist(cells).count("#EXTINF") == len(cells)


def test_a_segment_says_where_it_stands_in_the_film() -> None:
    assert webvtt([], segment=True).splitlines()[:2] == ["WEBVTT", "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0"]
    assert "00:01:02.500 --> 01:00:00.000 line:0\nhello\n" in webvtt([Cue(62.5, 3600.0, "hello", "line:0")])


def test_no_two_tracks_have_one_name() -> None:
    tracks = [_track("en"), _track("de"), _track("en", None, Role.CAPTIONS), _track(None), _track("en", None)]
    assert text_names(tracks) == ("t-en", "t-de", "t-en-2", "t-und", "t-en-3")
    assert labels(tracks) == ("en", "de", "en (captions)", "unknown", "en 2")
    assert labels([_track("en", "Director"), _track("de", "Director")]) == ("Director", "Director 2")


def test_forced_text_is_told_from_text_that_one_asks_for() -> None:
    plain = dict(hls_text_attributes("en", _track("en")))
    forced = dict(hls_text_attributes('e"n', _track("en", None, Role.FORCED, Role.CAPTIONS)))
    assert (plain["FORCED"], plain["DEFAULT"], plain["LANGUAGE"]) == ("NO", "NO", '"en"')
    assert (forced["FORCED"], forced["AUTOSELECT"], forced["NAME"]) == ("YES", "YES", '"e n"')
    assert "describes-music-and-sound" in forced["CHARACTERISTICS"]
    assert "CHARACTERISTICS" not in plain
