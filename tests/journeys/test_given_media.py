"""Odd, broken and subtitled files as they occur: all frames, in their time, upright, in sync; or what is missing."""

import re
from itertools import pairwise
from typing import Any

import m3u8
import pytest

from given_media import PLAYABLE, Encoded, encoded, given
from likeness import RATE, correlation, is_plain, lag_seconds, pictures, samples, way
from sources import Decoded, decode, ffmpeg, from_zero, served

# The longest of them is six minutes of 1080p, which two busy cores encode in more than ten.
pytestmark = pytest.mark.timeout(3600)

_MILLISECOND = 0.001
_BLACK = {"odd/long_6min_1080p30_h264_aac.mp4"}  # no way up can be told
_LIKE = 0.9
_WINDOW = 2 * RATE
_SILENT = 1e-3
# AAC pads to whole frames of its own, and the sound of a film goes on for half a second at most.
_SHORTER_SECONDS, _LONGER_SECONDS = 0.15, 0.65

# What makes a file odd, as far as the film says what became of it.
_NOTED = {
    "odd/bbb_720i30_tff_h264_10s.mp4": "deinterlaced",
    "odd/hdr10_av1_mdcv_clli_1s.mp4": "HDR",
    "odd/hdr10_hevc_1080p_sdr_container.mp4": "HDR",
    "odd/hlg_hevc_editlist_no_sync.mp4": "HDR",
    "odd/tos_1080p24_hdr10_hevc_16s.mp4": "HDR",
    "odd/firstpts_10s_bbb.mp4": "There is no sound",
    "subtitles/sample_with_pgs_subtitles.mkv": "are pictures (PGS)",
    "subtitles/sample_with_vobsub.mkv": "are pictures (VobSub)",
}
# What is said of a broken file; None: FFmpeg finds nothing broken in it any more, and all of it plays.
_BROKEN = {
    "corrupt/chunk_out_of_range.mp4": "is damaged",
    "corrupt/empty_13bytes.flv": "is damaged or broke off before its content began",
    "corrupt/empty_track.mp4": None,
    "corrupt/failing_audio.mp4": None,
    "corrupt/malformed_free_box.mp4": "is damaged",
    "corrupt/missing_dts_1080p60.ts": "There is no sound",
    "corrupt/missing_stsd.mp4": "its track has no description of its codec",
    "corrupt/no_moov.mp4": "has no index (moov)",
    "corrupt/tos_truncated_half_faststart.mp4": "it claims 16.0 s of video and holds 11.9 s",
    "corrupt/truncated_100kB_1080p.mp4": "it claims 35.2 s of video and holds 0.5 s",
    "odd/audio_only_aac51_two_tracks.mp4": "has no video track, only sound",
}


def _expected(made: Encoded) -> Decoded:
    """The frames of the source as FFmpeg decodes them; of interlaced ones both fields."""
    source = decode(made.source, f"0:{made.film['source']['video']['index']}")
    if not any("deinterlaced" in note for note in made.film["notes"]):
        return source
    times = source.times
    steps = [later - earlier for earlier, later in pairwise((*times, 2 * times[-1] - times[-2]))]
    both = (moment for time, step in zip(times, steps, strict=True) for moment in (time, time + step / 2))
    return Decoded(tuple(both))


def _dash(made: Encoded, rendition: dict[str, Any], address: str, place: int) -> tuple[str, str]:
    """Where FFmpeg reads a rendition as DASH has it, and which track it is there."""
    if made.film["duration_seconds"] >= 1:
        return f"{address}/manifest.mpd", f"0:v:{place}"
    # FFmpeg takes a duration of less than a second for none, and plays such a film twice: here are its segments.
    folder = (made.folder / rendition["uri"]).parent
    joined = made.folder / f"{folder.name}.joined"
    joined.write_bytes(b"".join(path.read_bytes() for path in [folder / "init.mp4", *sorted(folder.glob("*.m4s"))]))
    return f"{address}/{joined.name}", "0:v:0"


def _check_frames(made: Encoded, expected: Decoded) -> None:
    videos = [one for one in made.film["renditions"] if one["kind"] == "video"]
    with served(made.folder) as address:
        for place, one in enumerate(videos):
            for kind, track in ((f"{address}/{one['uri']}", "0:v:0"), _dash(made, one, address, place)):
                words = f"{one['name']} of {kind}"
                said = ffmpeg("-xerror", "-i", kind, "-map", track, "-f", "null", "-")
                assert set(re.findall(r"(\d+) decode errors", said)) == {"0"}, words
                found = decode(kind, track)
                assert found.frames == expected.frames, words
                assert abs(found.times[0]) < _MILLISECOND, words
                pairs = zip(from_zero(found), from_zero(expected), strict=True)
                assert max(abs(one - other) for one, other in pairs) < _MILLISECOND, words


@pytest.mark.parametrize("name", PLAYABLE)
def test_all_frames_of_an_odd_file_are_there_in_their_time(name: str) -> None:
    given(name)
    made = encoded(name)
    expected = _expected(made)
    assert made.film["frames"] == expected.frames
    _check_frames(made, expected)
    word = _NOTED.get(name)
    assert word is None or any(word in note for note in made.film["notes"]), made.film["notes"]


@pytest.mark.parametrize("name", PLAYABLE)
def test_an_odd_file_is_the_right_way_up(name: str) -> None:
    given(name)
    made = encoded(name)
    fields = 2 if any("deinterlaced" in note for note in made.film["notes"]) else 1
    frames = made.film["frames"] // fields
    places = tuple(sorted({0, frames // 3, frames * 2 // 3, frames - 1}))
    shown = pictures(made.source, places, f"0:{made.film['source']['video']['index']}")
    top = [one for one in made.film["renditions"] if one["kind"] == "video"][-1]
    shape = made.film["source"]["video"]["width"] / made.film["source"]["video"]["height"]
    ours = pictures(made.folder / top["uri"], tuple(place * fields for place in places), shape=shape)
    assert len(ours) == len(shown) == len(places)
    telling = [(one, other) for one, other in zip(ours, shown, strict=True) if not is_plain(other)]
    assert telling or (name in _BLACK and all(map(is_plain, ours)))
    for one, other in telling:
        assert correlation(one, other) > _LIKE
        assert way(one, other) == "upright"


@pytest.mark.parametrize("name", PLAYABLE)
def test_the_sound_of_an_odd_file_is_in_sync(name: str) -> None:
    given(name)
    made = encoded(name)
    sounds = [one for one in made.film["renditions"] if one["kind"] == "audio"]
    source = made.film["source"]
    assert bool(sounds) == bool(source["audio"])
    for one in sounds:
        playlist = m3u8.load(str(made.folder / one["uri"]))
        length = sum(segment.duration for segment in playlist.segments)
        assert -_SHORTER_SECONDS < length - made.film["duration_seconds"] < _LONGER_SECONDS
    if not sounds:
        return
    zero = decode(made.source, f"0:{source['video']['index']}").times[0]
    was, heard = samples(made.source, f"0:{source['audio']['index']}", zero), samples(made.folder / sounds[0]["uri"])
    length = min(len(heard), len(was))
    for start in {0, max(length // 2 - _WINDOW // 2, 0), max(length - _WINDOW, 0)}:
        here, there = heard[start : start + _WINDOW], was[start : start + _WINDOW]
        if there.std() > _SILENT:
            assert abs(lag_seconds(here, there)) < _MILLISECOND, f"at {start / RATE:.1f} s"


@pytest.mark.parametrize("name", _BROKEN)
def test_a_broken_file_plays_what_it_has_or_is_refused_in_a_sentence(name: str) -> None:
    source = given(name)
    made, words = encoded(name), _BROKEN[name]
    if made.report is None:
        assert re.fullmatch(rf"{re.escape(source.name)} .*\.", made.refusal)
        assert words is not None
        assert words in made.refusal
        assert not made.folder.exists()
        return
    expected = _expected(made)
    assert made.film["frames"] == expected.frames
    _check_frames(made, expected)
    assert words is None or any(words in note for note in made.film["notes"]), made.film["notes"]
