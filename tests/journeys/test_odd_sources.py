"""Odd films that tests draw: what FFmpeg decodes plays, every frame, in sync."""

from pathlib import Path

import pytest

from likeness import lag_seconds, samples
from matinee.compose.encode import encode_folder
from sources import H264, decode, ffmpeg, picture, tone

_MILLISECOND = 0.001
_SECONDS = 1.6

_FORMS = {
    "Flash's first codec": ("film.flv", "-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"),
    "DivX 3": ("film.avi", "-c:v", "msmpeg4", "-c:a", "adpcm_ms"),
    "DV": ("film.mov", "-s", "720x576", "-pix_fmt", "yuv420p", "-c:v", "dvvideo", "-c:a", "pcm_s32be"),
    "HuffYUV": ("film.avi", "-pix_fmt", "yuv422p", "-c:v", "huffyuv", "-c:a", "pcm_s16le"),
    "CineForm": ("film.mov", "-c:v", "cfhd", "-c:a", "pcm_s24le"),
    "QuickTime's animation": ("film.mov", "-c:v", "qtrle", "-c:a", "adpcm_ima_qt"),
    "sound that AVI numbers and does not name": ("film.avi", *H264, "-c:a", "aac"),
}


@pytest.mark.parametrize("form", _FORMS)
def test_what_ffmpeg_decodes_plays(form: str, tmp_path: Path) -> None:
    name, *words = _FORMS[form]
    source = tmp_path / name
    ffmpeg(*picture(_SECONDS, "160x90"), *tone(_SECONDS), *words, source)
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    assert report["frames"] == decode(source).frames == 40
    sound = next(one for one in report["renditions"] if one["kind"] == "audio")
    zero = decode(source).times[0]
    assert abs(lag_seconds(samples(tmp_path / "out" / sound["uri"]), samples(source, zero_seconds=zero))) < _MILLISECOND
