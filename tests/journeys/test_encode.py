"""From a source to a folder that plays: every frame, in time, in every rendition, or one sentence why not."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import m3u8
import pytest
from PIL import Image

from matinee.compose.encode import encode_folder
from matinee.ladder.fixed import fixed_ladder
from matinee.model.errors import EncodingFailed, Invalid, Refused
from matinee.model.media import SourceTrack, TrackKind
from matinee.packaging.packaging import VideoFile, verify
from matinee.packaging.sound import AudioFile, Sound
from sources import H264, Decoded, decode, draw, ffmpeg, from_zero, key_times, onsets, picture, served, tone

_MILLISECOND = 0.001


def _plain(place: Path) -> Path:
    return draw(place)


def _ntsc(place: Path) -> Path:
    return draw(place, rate="30000/1001")


def _silent(place: Path) -> Path:
    return draw(place, sound=False)


def _variable(place: Path) -> Path:
    """Frames of 40 to 280 ms, of which some come in a burst."""
    times = "setpts='(N*0.04+0.12*floor(N/4)+if(gt(N,20),0.9,0)+0.003*mod(N,3))/TB'"
    ffmpeg(*picture(1.6), *tone(4), "-vf", times, "-fps_mode", "passthrough", *H264, "-bf", "2", place)
    return place


def _surround(place: Path) -> Path:
    ffmpeg(*picture(), *tone(layout="5.1"), *H264, "-c:a", "aac", "-ac", "6", place)
    return place


def _slow_mono(place: Path) -> Path:
    ffmpeg(*picture(), *tone(rate=22_050, layout="mono"), *H264, "-c:a", "aac", place)
    return place


def _short_sound(place: Path) -> Path:
    ffmpeg(*picture(), *tone(1.0), *H264, place)
    return place


def _rotated(place: Path) -> Path:
    upright = place.with_name("unrotated.mp4")
    draw(upright)
    ffmpeg("-display_rotation", "90", "-i", upright, "-c", "copy", place)
    return place


def _anamorphic(place: Path) -> Path:
    ffmpeg(*picture(), *tone(), "-vf", "setsar=4/3", *H264, place)
    return place


def _interlaced(place: Path) -> Path:
    ffmpeg(
        *picture(rate="50"),
        *tone(),
        "-vf",
        "tinterlace=interleave_top,fieldorder=tff",
        *H264,
        "-flags",
        "+ilme+ildct",
        place,
    )
    return place


def _high_dynamic_range(place: Path) -> Path:
    colours = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=error"
    hevc = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params", colours]
    ffmpeg(*picture(1.0), *tone(1.0), *hevc, place)
    return place


def _webm(place: Path) -> Path:
    ffmpeg(
        *picture(1.5),
        *tone(1.5),
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
        place,
    )
    return place


def _late(place: Path) -> Path:
    ffmpeg("-i", draw(place.with_name("early.mp4")), "-c", "copy", "-output_ts_offset", "10", place)
    return place


_SOURCES: dict[str, tuple[Callable[[Path], Path], str, str | None]] = {
    # how it is drawn, its suffix, and a word that its notes must hold
    "at 25 frames a second": (_plain, ".mp4", None),
    "at 29.97 frames a second": (_ntsc, ".mp4", None),
    "without sound": (_silent, ".mp4", "no sound"),
    "with frames of unequal length": (_variable, ".mp4", None),
    "with 5.1 sound": (_surround, ".mp4", ""),
    "with mono sound at 22050 Hz": (_slow_mono, ".mov", None),
    "with sound that ends early": (_short_sound, ".mkv", None),
    "turned on its side": (_rotated, ".mp4", None),
    "with oblong pixels": (_anamorphic, ".mp4", None),
    "interlaced": (_interlaced, ".mp4", "deinterlaced"),
    "of high dynamic range": (_high_dynamic_range, ".mp4", "HDR"),
    "in WebM": (_webm, ".webm", None),
    "in a transport stream": (_plain, ".ts", None),
    "that starts at ten seconds": (_late, ".mp4", None),
}


def _renditions(folder: Path, report: dict[str, Any]) -> dict[str, Decoded]:
    """Every video rendition as HLS and as DASH give it."""
    found = {}
    videos = [rendition for rendition in report["renditions"] if rendition["kind"] == "video"]
    with served(folder) as address:
        for place, rendition in enumerate(videos):
            found[f"HLS {rendition['name']}"] = decode(f"{address}/{rendition['uri']}")
            found[f"DASH {rendition['name']}"] = decode(f"{address}/manifest.mpd", f"0:v:{place}")
    return found


# Those whose frames are counted through a ladder of their own, which is measured; the others differ before it.
_MEASURED = ("at 29.97 frames a second", "with frames of unequal length", "interlaced", "of high dynamic range")


@pytest.mark.parametrize("kind", _SOURCES)
def test_every_frame_of_a_film_is_there_in_its_time(kind: str, tmp_path: Path) -> None:
    drawn, suffix, word = _SOURCES[kind]
    source = drawn(tmp_path / f"film{suffix}")
    expected = decode(source)
    if kind == "interlaced":  # every field becomes a frame; the second comes midway to the next
        times = expected.times
        steps = [later - earlier for earlier, later in pairwise((*times, 2 * times[-1] - times[-2]))]
        fields = (moment for time, step in zip(times, steps, strict=True) for moment in (time, time + step / 2))
        expected = Decoded(tuple(fields))
    report = encode_folder(source, tmp_path / "out", ladder="per-title" if kind in _MEASURED else "fixed")
    for name, decoded in _renditions(tmp_path / "out", report).items():
        assert decoded.frames == expected.frames, name
        assert abs(decoded.times[0]) < _MILLISECOND, name
        off = max(abs(one - other) for one, other in zip(from_zero(decoded), from_zero(expected), strict=True))
        assert off < _MILLISECOND, name
    assert report["frames"] == expected.frames
    assert any(word in note for note in report["notes"]) if word else not report["notes"]
    sounds = [rendition for rendition in report["renditions"] if rendition["kind"] == "audio"]
    assert len(sounds) == {"without sound": 0, "with 5.1 sound": 2}.get(kind, 1)
    if sounds:
        length = sum(segment.duration for segment in m3u8.load(str(tmp_path / "out" / sounds[0]["uri"])).segments)
        assert -0.15 < length - report["duration_seconds"] < 0.65


def test_a_turned_film_is_upright_and_an_oblong_one_is_widened(tmp_path: Path) -> None:
    for drawn, size in ((_rotated, (180, 320)), (_anamorphic, (320, 134))):
        report = encode_folder(drawn(tmp_path / f"{drawn.__name__}.mp4"), tmp_path / drawn.__name__)
        rendition = report["renditions"][0]
        shape = rendition["width"] / rendition["height"]
        wanted = size[0] / size[1] if drawn is _rotated else 320 * 4 / 3 / 180
        assert shape == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("ladder", ["fixed", "per-title"])
def test_rungs_share_key_frames_and_cuts_and_the_folder_is_whole(ladder: str, tmp_path: Path) -> None:
    source = draw(tmp_path / "film.mp4", seconds=9, size="640x360", rate="30000/1001")
    output = tmp_path / "out"
    report = encode_folder(source, output, name="A Film", ladder=ladder)
    master = m3u8.load(str(output / "master.m3u8"))
    sizes = [variant.stream_info.resolution for variant in master.playlists]
    assert set(sizes) <= {(426, 240), (640, 360)}
    assert sizes == sorted(sizes)
    assert len(sizes) == 2 if ladder == "fixed" else len(sizes) >= 4
    playlists = [m3u8.load(str(output / variant.uri)) for variant in master.playlists]
    for playlist in playlists:
        assert [segment.duration for segment in playlist.segments] == pytest.approx([4.505, 4.505], abs=0.001)
    grids = [key_times(output / variant.uri) for variant in master.playlists]
    assert all(grid == pytest.approx([0, 4.505], abs=0.001) for grid in grids)
    rates = [variant.stream_info.average_bandwidth for variant in master.playlists]
    assert rates == sorted(rates)
    for variant in master.playlists:
        assert variant.stream_info.bandwidth >= variant.stream_info.average_bandwidth
        assert variant.stream_info.frame_rate == pytest.approx(29.970)
    names = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert {"master.m3u8", "manifest.mpd", "poster.jpg", "still.jpg", "thumbnails.vtt", "report.json"} <= names
    assert json.loads((output / "report.json").read_text()) == report
    for name, size in (("poster.jpg", (600, 900)), ("still.jpg", (1280, 720))):
        with Image.open(output / name) as image:
            assert image.size == size
    assert 'type="static"' in (output / "manifest.mpd").read_text()


def _flash(place: Path, *, picture_late: float = 0.0, sound_late: float = 0.0) -> Path:
    """Two seconds into each, a white picture and a beep; one of the two tracks may start late."""
    light = ["-f", "lavfi", "-i", "color=black:s=320x180:r=25:d=4,drawbox=c=white:t=fill:enable='between(t,2,2.2)'"]
    beep = ["-f", "lavfi", "-i", "aevalsrc='if(between(t,2,2.2),sin(2*PI*1000*t),0)':s=48000:d=4"]
    both = place.with_name("both.mkv")
    ffmpeg(*light, *beep, *H264, "-bf", "2", "-c:a", "aac", both)
    late = ("-itsoffset", f"{picture_late}", "-i", both, "-itsoffset", f"{sound_late}", "-i", both)
    ffmpeg(*late, "-map", "0:v", "-map", "1:a", "-c", "copy", place)
    return place


@pytest.mark.parametrize(
    ("suffix", "picture_late", "sound_late"),
    [(".ts", 0.4, 0.0), (".mp4", 0.0, 0.5), (".mkv", 2.0, 0.0), (".mp4", 0.0, 0.0)],
)
def test_picture_and_sound_stay_together(suffix: str, picture_late: float, sound_late: float, tmp_path: Path) -> None:
    source = _flash(tmp_path / f"flash{suffix}", picture_late=picture_late, sound_late=sound_late)
    encode_folder(source, tmp_path / "out")
    seen, heard = onsets(source)
    seen_after, heard_after = onsets(tmp_path / "out" / "master.m3u8")
    assert seen_after - heard_after == pytest.approx(seen - heard, abs=0.005)
    assert seen - heard == pytest.approx(picture_late - sound_late, abs=0.005)


_SOUND = Sound("a-und", SourceTrack(1, TrackKind.AUDIO, "aac", channels=2))


def test_a_package_that_does_not_agree_with_itself_is_not_published(tmp_path: Path) -> None:
    output = tmp_path / "out"
    report = encode_folder(draw(tmp_path / "film.mp4", seconds=9), output, ladder="fixed")
    (rung,) = fixed_ladder(320, 180, 25).rungs
    video, audio = VideoFile(rung, Path("240p.mp4"), report["frames"]), AudioFile(Path("a.mp4"), _SOUND)

    def verified(videos: list[VideoFile], folder: Path = output) -> None:
        verify(folder, videos, [audio], Fraction(25), "#000000", "film.mp4")

    verified([video])
    with pytest.raises(EncodingFailed, match="holds 225 of 226 frames"):
        verified([VideoFile(rung, video.path, 226)])
    for name, words in (("v240/00002.m4s", "is missing"), ("manifest.mpd", "disagree"), ("v240/main.m3u8", "disagree")):
        broken = tmp_path / "broken"
        shutil.copytree(output, broken)
        if name.endswith(".m4s"):
            (broken / name).unlink()
        else:
            text = (broken / name).read_text()
            (broken / name).write_text(
                text.replace('d="403200"', 'd="90000"').replace("#EXTINF:4.520", "#EXTINF:1.000")
            )
        with pytest.raises(EncodingFailed, match=words):
            verified([video], broken)
        shutil.rmtree(broken)


def _refusal(source: Path, tmp_path: Path) -> str:
    with pytest.raises(Refused) as caught:
        encode_folder(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert source.name in str(caught.value)
    return str(caught.value)


def test_what_is_no_film_is_refused_with_a_sentence(tmp_path: Path) -> None:
    text, empty = tmp_path / "text.mp4", tmp_path / "empty.mp4"
    text.write_text("This is not a film.\n" * 50)
    empty.write_bytes(b"")
    assert "not a media file" in _refusal(text, tmp_path)
    assert "empty" in _refusal(empty, tmp_path)


def test_a_playlist_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    playlist = tmp_path / "playlist.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    assert "not a media file" in _refusal(playlist, tmp_path)


def test_a_film_that_broke_off_is_refused_with_what_it_claims_and_holds(tmp_path: Path) -> None:
    whole = draw(tmp_path / "whole.mp4", seconds=8)
    start = tmp_path / "faststart.mp4"
    ffmpeg("-i", whole, "-c", "copy", "-movflags", "+faststart", start)
    half = tmp_path / "half.mp4"
    half.write_bytes(start.read_bytes()[: start.stat().st_size * 6 // 10])
    assert "breaks off: it claims 8.0 s of video and holds" in _refusal(half, tmp_path)
    headless = tmp_path / "headless.mp4"
    headless.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert "no index (moov)" in _refusal(headless, tmp_path)


def test_a_codec_with_a_known_hole_and_sound_alone_are_refused(tmp_path: Path) -> None:
    magic, song = tmp_path / "magic.mkv", tmp_path / "song.mp4"
    ffmpeg(*picture(0.5), "-c:v", "magicyuv", magic)
    ffmpeg(*tone(1), "-c:a", "aac", song)
    assert "magicyuv" in _refusal(magic, tmp_path)
    assert "only sound" in _refusal(song, tmp_path)


def test_an_encrypted_film_is_refused(tmp_path: Path) -> None:
    key = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb"]
    locked = tmp_path / "locked.mp4"
    ffmpeg(
        "-i",
        draw(tmp_path / "film.mp4"),
        "-c",
        "copy",
        *key,
        "-encryption_kid",
        "a7e61c373e219033c21091fa607bf3b8",
        locked,
    )
    assert "encrypted" in _refusal(locked, tmp_path)


def test_an_output_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    source, output = draw(tmp_path / "film.mp4", seconds=1), tmp_path / "out"
    output.mkdir()
    (output / "letters.txt").write_text("keep me")
    with pytest.raises(Invalid, match="something else"):
        encode_folder(source, output)
    assert [path.name for path in output.iterdir()] == ["letters.txt"]
    shutil.rmtree(output)
    encode_folder(source, output)
    encode_folder(source, output)  # over its own earlier work
    assert (output / "master.m3u8").exists()


def test_the_command_takes_paths_from_where_it_is_called(tmp_path: Path) -> None:
    draw(tmp_path / "film.mp4", seconds=1)
    words = ["encode", "film.mp4", "--output", "made/film", "--ladder", "fixed"]
    ran = subprocess.run(
        [sys.executable, "-m", "matinee.cli", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "film.mp4 is playable: made/film/master.m3u8" in ran.stdout
    assert decode(tmp_path / "made/film/master.m3u8").frames == 25
