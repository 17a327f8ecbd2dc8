"""Odd films that tests draw: what FFmpeg decodes plays, every frame, in sync."""

from pathlib import Path

import pytest

from field_pictures import field_pictures
from likeness import lag_seconds, pictures, samples
from matinee.compose.encode import encode_folder
from sources import H264, decode, ffmpeg, picture, tone

_MILLISECOND = 0.001
_SECONDS = 1.6

_HDR = ["-x264-params", "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"]


def _fields(width: int) -> list[str]:
    return ["-vf", f"scale={width}:288,tinterlace=interleave_top", "-flags", "+ildct+ilme", "-x264-params", "tff=1"]


_FORMS = {
    "Flash's first codec": ("film.flv", "-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"),
    "DivX 3": ("film.avi", "-c:v", "msmpeg4", "-c:a", "adpcm_ms"),
    "DV": ("film.mov", "-s", "720x576", "-pix_fmt", "yuv420p", "-c:v", "dvvideo", "-c:a", "pcm_s32be"),
    "DV as cameras wrote it on tape": ("film.dv", "-target", "pal-dv"),
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


def test_a_gif_plays(tmp_path: Path) -> None:
    source = tmp_path / "film.gif"
    ffmpeg(*picture(1.6, "160x90"), source)
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    assert report["frames"] == decode(source).frames == 40
    assert "There is no sound." in report["notes"]


_CHANGES = {
    "its size": (["-s", "160x90"], ["-s", "320x180"]),
    "its shape": (["-s", "160x90"], ["-s", "90x160"]),
    "its depth": (["-pix_fmt", "yuv420p"], ["-pix_fmt", "yuv422p10le"]),
    "its size in HDR": (["-s", "160x90", *_HDR], ["-s", "320x180", *_HDR]),
    "its size between fields": (_fields(320), _fields(352)),
}


@pytest.mark.parametrize("change", _CHANGES)
@pytest.mark.parametrize("ladder", ["per-title", "fixed"])
def test_a_film_whose_picture_changes_in_the_middle_has_all_its_frames(
    change: str, ladder: str, tmp_path: Path
) -> None:
    joined, source = tmp_path / "joined.h264", tmp_path / "film.ts"
    with joined.open("wb") as both:
        for words in _CHANGES[change]:
            part = tmp_path / "part.h264"
            ffmpeg(*picture(_SECONDS, "320x180"), "-c:v", "libx264", "-preset", "ultrafast", *words, part)
            both.write(part.read_bytes())
    ffmpeg("-r", "25", "-i", joined, "-c", "copy", source)
    report = encode_folder(source, tmp_path / "out", ladder=ladder)
    frames, fields = (40, 2) if "fields" in change else (80, 1)
    assert report["frames"] == frames * fields
    assert not any("missing" in note for note in report["notes"])
    for one in report["renditions"]:
        times = decode(tmp_path / "out" / one["uri"]).times
        assert len(times) == frames * fields
        assert abs(times[-1] - (frames - 1 / fields) / 25) < _MILLISECOND


@pytest.mark.parametrize("fields", [[], ["-flags", "+ildct+ilme", "-x264-params", "tff=1"]], ids=["frames", "fields"])
@pytest.mark.parametrize("ladder", ["per-title", "fixed"])
def test_a_film_that_goes_from_4_by_3_to_16_by_9_is_not_stretched(
    fields: list[str], ladder: str, tmp_path: Path
) -> None:
    joined, source = tmp_path / "joined.h264", tmp_path / "film.ts"
    with joined.open("wb") as both:
        for lines in (240, 180):
            part, grey = tmp_path / "part.h264", f"color=gray:size=320x{lines}:rate=25:duration={_SECONDS},noise=alls=4"
            ffmpeg("-f", "lavfi", "-i", grey, *H264, *fields, part)
            both.write(part.read_bytes())
    ffmpeg("-r", "25", "-i", joined, "-c", "copy", source)
    report = encode_folder(source, tmp_path / "out", ladder=ladder)
    assert any("changes its shape" in note for note in report["notes"])
    best = max((one for one in report["renditions"] if one["kind"] == "video"), key=lambda one: one["height"])
    assert (best["width"], best["height"]) == (320, 240)
    first, last = pictures(tmp_path / "out" / best["uri"], (5, report["frames"] - 5))
    edge = len(last) // 10  # of 240 lines, 30 are black above and as many below
    assert first.min() > 100
    assert last[edge + 3 : -edge - 3].min() > 100
    assert max(last[:edge].max(), last[-edge:].max()) < 40


@pytest.mark.parametrize("form", ["ts", "mkv"])
def test_fields_that_have_a_packet_each_are_no_damage(form: str, tmp_path: Path) -> None:
    source = field_pictures(tmp_path / f"film.{form}", frames=30)
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    assert report["frames"] == 2 * decode(source).frames == 60
    assert report["notes"] == [
        "There is no sound.",
        "The picture is interlaced and was deinterlaced (bwdif): every field became a frame.",
    ]


def _recorded(place: Path, start_seconds: float) -> bytes:
    """A transport stream whose clock begins there."""
    words = (*H264, "-bf", "2", "-c:a", "mp2", "-output_ts_offset", str(start_seconds))
    ffmpeg(*picture(_SECONDS, "160x90"), *tone(_SECONDS), *words, place)
    return place.read_bytes()


@pytest.mark.parametrize(("one", "other"), [(0.0, 90_000.0), (5_000.0, 0.0)], ids=["a day on", "back"])
def test_a_recording_whose_clock_jumps_goes_on(one: float, other: float, tmp_path: Path) -> None:
    source = tmp_path / "film.ts"
    source.write_bytes(b"".join(_recorded(tmp_path / "part.ts", start) for start in (one, other)))
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    (video,) = (one for one in report["renditions"] if one["kind"] == "video")
    times = decode(tmp_path / "out" / video["uri"]).times
    assert report["frames"] == len(times) == 80
    assert times[-1] == pytest.approx(79 / 25, abs=_MILLISECOND)


def test_a_disc_whose_clock_begins_anew_goes_on(tmp_path: Path) -> None:
    part, source = tmp_path / "part.vob", tmp_path / "film.vob"
    ffmpeg(*picture(_SECONDS, "176x144"), *tone(_SECONDS), "-c:v", "mpeg2video", "-c:a", "ac3", "-f", "vob", part)
    source.write_bytes(2 * part.read_bytes())
    assert encode_folder(source, tmp_path / "out", ladder="fixed")["frames"] == decode(source).frames == 80


def test_a_recording_that_begins_between_key_frames_plays_from_the_next_one(tmp_path: Path) -> None:
    source = tmp_path / "film.ts"
    ffmpeg(*picture(3.2, "160x90"), *tone(3.2), *H264, "-g", "40", "-c:a", "mp2", source)
    data = source.read_bytes()
    source.write_bytes(data[len(data) // 4 // 188 * 188 :])
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    assert report["frames"] == 40
    assert any(note.endswith("frames cannot be decoded and are missing.") for note in report["notes"])


def test_of_a_multiplex_one_programme_plays_with_its_own_sound(tmp_path: Path) -> None:
    source = tmp_path / "film.ts"
    maps = ("-map", "1:a", "-map", "0:v", "-map", "0:v", "-map", "1:a")
    programs = ("-program", "program_num=1:st=2:st=3", "-program", "program_num=2:st=0:st=1")
    languages = ("-metadata:s:a:0", "language=fra", "-metadata:s:a:1", "language=eng")
    ffmpeg(*picture(0.4, "160x90"), *tone(0.4), *maps, *H264, "-c:a", "mp2", *programs, *languages, source)
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    assert len([one for one in report["renditions"] if one["kind"] == "audio"]) == 1
    assert report["notes"] == [
        "1 further track(s) of video were left out: a film has one picture.",
        "1 sound track(s) of other programmes were left out.",
    ]


@pytest.mark.parametrize("form", ["mkv", "mp4"])
def test_a_cover_that_calls_itself_video_is_not_the_film(form: str, tmp_path: Path) -> None:
    cover, source = tmp_path / "cover.jpg", tmp_path / f"film.{form}"
    ffmpeg(*picture(0.04, "64x64"), "-frames:v", "1", cover)
    tracks = ("-map", "0", "-map", "1", "-disposition", "default", "-c:v:0", "copy", "-c:v:1", "libx264")
    ffmpeg("-i", cover, *picture(0.4, "160x90"), *tracks, source)
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    assert (report["frames"], report["notes"]) == (10, ["There is no sound."])


# By their numbers in ITU-T H.273: primaries, transfer, matrix.
_COLOURS = {
    "YCgCo": (1, 1, 8),
    "BT.2020 in constant luminance": (9, 14, 10),
    "SMPTE 2085": (9, 16, 11),
    "chroma-derived": (9, 16, 12),
    "ICtCp": (9, 16, 14),
    "IPT-C2, as Dolby Vision has it": (9, 16, 15),
    "YCgCo-Re": (1, 13, 16),
}


@pytest.mark.parametrize("colours", _COLOURS)
def test_a_film_in_strange_colours_plays(colours: str, tmp_path: Path) -> None:
    primaries, transfer, matrix = _COLOURS[colours]
    words = f"colour_primaries={primaries}:transfer_characteristics={transfer}:matrix_coefficients={matrix}"
    source = tmp_path / "film.mkv"
    ffmpeg(*picture(0.4, "160x90"), *H264, "-bsf:v", f"h264_metadata={words}", source)
    assert encode_folder(source, tmp_path / "out")["frames"] == 10


def test_a_film_that_begins_before_its_containers_zero_plays(tmp_path: Path) -> None:
    source = tmp_path / "film.mkv"
    before = ("-output_ts_offset", "-0.5", "-avoid_negative_ts", "disabled")
    ffmpeg(*picture(_SECONDS, "160x90"), *tone(_SECONDS), *H264, "-bf", "2", "-c:a", "aac", *before, source)
    report = encode_folder(source, tmp_path / "out")
    assert report["frames"] == 40
    for one in report["renditions"]:
        if one["kind"] == "video":
            assert decode(tmp_path / "out" / one["uri"]).frames == 40
