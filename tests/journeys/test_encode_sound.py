"""Sound through an encode: every track, each layout, one loudness, and in time with the picture."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from given_media import given
from likeness import RATE, Samples, lag_seconds, samples
from matinee.compose.encode import encode_folder
from matinee.encoding.sound import TARGET_LUFS
from sources import H264, ffmpeg, picture, tone

_SECONDS = 6.0
_WITHIN_LU = 0.5  # EBU R 128 allows as much; AAC leaves out what few hear, which the measure counts


def _noise(volume: str, seed: int) -> list[str]:
    return ["-f", "lavfi", "-i", f"anoisesrc=d={_SECONDS}:c=brown:seed={seed}:r=44100,volume={volume}"]


def _loudness(playlist: Path) -> tuple[float, float]:
    """The integrated loudness in LUFS and the true peak in dBTP."""
    said = ffmpeg("-i", playlist, "-map", "0:a", "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-")
    summary = said.rpartition("Summary:")[2]
    numbers = re.findall(r"(?:I|Peak): +(\S+)", summary)
    return float(numbers[0]), float(numbers[1])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    place = tmp_path_factory.mktemp("sound")
    source = place / "film.mkv"
    surround = "[1:a]pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0[five]"
    ffmpeg(
        *picture(_SECONDS),
        *_noise("-6dB", 1),
        *_noise("-30dB", 2),
        *_noise("0dB", 3),
        *("-filter_complex", surround, "-map", "0:v", "-map", "[five]", "-map", "2:a", "-map", "3:a"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger", "-metadata:s:a:2", "language=eng"),
        *("-disposition:a:2", "comment"),
        source,
    )
    return place / "out", encode_folder(source, place / "out")


def test_every_track_is_there_in_stereo_and_the_one_that_has_it_in_surround(made: tuple[Path, dict[str, Any]]) -> None:
    _, report = made
    sounds = [one for one in report["renditions"] if one["kind"] == "audio"]
    assert [(one["name"], one["language"], one["channels"]) for one in sounds] == [
        ("a-en", "en", 2),
        ("a-en-51", "en", 6),
        ("a-de", "de", 2),
        ("a-en-2", "en", 2),
    ]
    assert sounds[3]["roles"] == ["commentary"]


@pytest.mark.parametrize("name", ["a-en", "a-en-51", "a-de", "a-en-2"])
def test_all_are_as_loud_and_none_clips(made: tuple[Path, dict[str, Any]], name: str) -> None:
    lufs, peak = _loudness(made[0] / name / "main.m3u8")
    assert lufs == pytest.approx(TARGET_LUFS, abs=_WITHIN_LU)
    assert peak <= -1.0


def test_loud_peaks_keep_a_film_below_the_target_and_it_is_said(tmp_path: Path) -> None:
    # A click a second over a murmur: its peaks leave no room.
    clicks = f"aevalsrc='if(lt(mod(t,1),0.001),0.9,0.004*sin(2800*t))':d={_SECONDS}:s=48000"
    source = tmp_path / "film.mkv"
    ffmpeg(*picture(_SECONDS), "-f", "lavfi", "-i", clicks, "-c:v", "libx264", "-preset", "ultrafast", source)
    report = encode_folder(source, tmp_path / "out")
    lufs, peak = _loudness(tmp_path / "out/a-und/main.m3u8")
    assert peak <= -1.0
    assert lufs < TARGET_LUFS - 1
    assert any("more would clip its peaks" in note for note in report["notes"])


@pytest.mark.parametrize(
    "name",
    ["films/wave_tos_1080p2997_h264_aac_8s.mp4", "films/tos_battle_800x332_vp8_vorbis_70s.webm"],
)
def test_sound_is_where_it_was_against_the_picture(name: str, tmp_path: Path) -> None:
    given_source = given(name)
    source = tmp_path / given_source.name
    # The packets of the sound as they are, at their times; of the picture only the times matter here.
    codec = ("libvpx", "-deadline", "realtime", "-cpu-used", "16") if source.suffix == ".webm" else H264[1:]
    small = ("-vf", "scale=160:-2", "-c:v", *codec)
    ffmpeg("-copyts", "-i", given_source, "-map", "0:v:0", "-map", "0:a:0", *small, "-c:a", "copy", source)
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    (sound,) = (one for one in report["renditions"] if one["kind"] == "audio")
    heard, was = samples(tmp_path / "out" / sound["uri"]), samples(source)
    length = min(len(heard), len(was))
    assert length / RATE == pytest.approx(report["duration_seconds"], abs=0.15)
    # Where the two agree best, near the beginning and near the end: a shift or a gap would move one of them.
    for start in (0, length // 2, length - 2 * RATE):
        here, there = (one[start : start + 2 * RATE] for one in (heard, was))
        lag = lag_seconds(here, there)
        assert abs(lag) <= 0.001, f"{lag * 1000:.2f} ms off at {start / RATE:.1f} s"


@pytest.mark.parametrize("none", [np.nan, np.inf, 1e30])
def test_samples_that_are_no_numbers_are_silent_and_told(none: float, tmp_path: Path) -> None:
    time = np.arange(int(_SECONDS / 2 * RATE)) / RATE
    told: Samples = (np.sin(880 * np.pi * time * (1 + time)) / 4).astype(np.float32)
    told[[9000, 40_000, 40_001]] = none
    (tmp_path / "sound.f32").write_bytes(told.tobytes())
    source = tmp_path / "film.mkv"
    raw = ("-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", tmp_path / "sound.f32")
    ffmpeg(*picture(_SECONDS / 2), *raw, *H264, "-c:a", "pcm_f32le", source)
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    assert any("3 samples" in note for note in report["notes"]) == (none != 1e30)
    sound = next(one for one in report["renditions"] if one["kind"] == "audio")
    heard = samples(tmp_path / "out" / sound["uri"])
    assert np.isfinite(heard).all()
    told[~(np.abs(told) < 1)] = 0
    assert abs(lag_seconds(heard, told)) < 0.001
    assert np.abs(heard).max() < 1


def test_sound_that_goes_on_in_stereo_loses_neither_side(tmp_path: Path) -> None:
    source = tmp_path / "film.ts"
    with source.open("wb") as both:
        for place, mix in enumerate(("pan=mono|c0=c0", "pan=stereo|FL=0*c0|FR=c0")):
            words = ("-af", mix, *H264, "-c:a", "mp2", "-output_ts_offset", str(2 * place))
            part = tmp_path / "part.ts"
            ffmpeg(*picture(2, "160x90"), *tone(2), *words, part)
            both.write(part.read_bytes())
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    (sound,) = (one for one in report["renditions"] if one["kind"] == "audio")
    heard = samples(tmp_path / "out" / sound["uri"])
    assert np.abs(heard[int(2.5 * RATE) : int(3.5 * RATE)]).max() > 0.3 * np.abs(heard[: 2 * RATE]).max()


def test_a_few_packets_that_are_missing_put_nothing_out_of_time(tmp_path: Path) -> None:
    source, whole = tmp_path / "film.mkv", tmp_path / "whole.mkv"
    ffmpeg(*picture(4, "160x90"), *_noise("-20dB", 1), "-t", "4", *H264, "-c:a", "aac", whole)
    ffmpeg("-i", whole, "-c", "copy", "-bsf:a", "noise=drop=between(n\\,60\\,62)", source)
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    (sound,) = (one for one in report["renditions"] if one["kind"] == "audio")
    late = slice(int(2.5 * RATE), int(3.5 * RATE))
    assert abs(lag_seconds(samples(tmp_path / "out" / sound["uri"])[late], samples(whole)[late])) <= 0.001


@pytest.mark.parametrize("turn", [1, -1], ids=["to surround", "to stereo"])
def test_sound_that_changes_its_channels_stays_in_time_and_whole(turn: int, tmp_path: Path) -> None:
    source, whole = tmp_path / "film.ts", tmp_path / "whole.wav"
    ffmpeg(*_noise("-20dB", 1), "-ac", "1", whole)
    five = "pan=5.1|FL=c0|FR=c0|FC=0*c0|LFE=0*c0|BL=0*c0|BR=0*c0"
    with source.open("wb") as both:
        for place, mix in enumerate(("pan=stereo|FL=c0|FR=c0", five)[::turn]):
            part = tmp_path / "part.ts"
            begins = str(3.12 * place)  # the last frame of the first part reaches beyond 3 s
            heard = ("-ss", begins, "-t", "3", "-i", whole)
            words = ("-af", mix, *H264, "-c:a", "ac3", "-output_ts_offset", str(3.12 * place + 0.1))
            ffmpeg(*picture(3, "160x90"), *heard, *words, part)
            both.write(part.read_bytes())
    report = encode_folder(source, tmp_path / "out", ladder="fixed")
    told = samples(whole)
    for one in report["renditions"]:
        if one["kind"] != "audio":
            continue
        playlist = tmp_path / "out" / one["uri"]
        made = samples(playlist)
        early, late = slice(int(0.5 * RATE), int(2.5 * RATE)), slice(int(3.5 * RATE), int(5 * RATE))
        lags = [lag_seconds(made[part], told[part]) for part in (early, late)]
        assert abs(lags[0] - lags[1]) <= 0.001, f"{one['name']}: {lags}"
        ffmpeg("-i", playlist, "-map", "0:a", "-c", "copy", "-f", "framecrc", tmp_path / "packets")
        times = [int(line.split(",")[2]) for line in (tmp_path / "packets").read_text().splitlines() if line[0] != "#"]
        assert {later - earlier for earlier, later in pairwise(times)} == {1024}
