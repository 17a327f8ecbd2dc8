"""Subtitles of every kind through an encode: what a player of the folder reads is what the source shows."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from given_media import given
from matinee.compose.encode import encode_folder as encode
from matinee.packaging.text import Cue, read_webvtt
from sources import TOOLS, ffmpeg, picture, tone

_SRT = """1
00:00:00,500 --> 00:00:02,000
<i>Good</i> evening &
{first}

2
00:00:01,500 --> 00:00:02,400
{{\\an8}}above

"""


def _shown(folder: Path, name: str) -> list[Cue]:
    """The cues of a playlist, as FFmpeg reads them, text tags included."""
    command = [TOOLS.ffmpeg, "-v", "error", "-i", str(folder / name / "main.m3u8"), "-f", "webvtt", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text = done.stdout
    # FFmpeg leaves hours out.
    blocks = [block.partition("\n") for block in text.strip().split("\n\n")[1:]]
    return [
        Cue(_seconds(time.split(" --> ")[0]), _seconds(time.split(" --> ")[1].split(" ")[0]), said)
        for time, _, said in blocks
    ]


def _seconds(stamp: str) -> float:
    minutes, seconds = stamp.rsplit(":", 1)
    return round(60 * int(minutes.rpartition(":")[2]) + float(seconds), 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    place = tmp_path_factory.mktemp("text")
    (place / "en.srt").write_text(_SRT.format(first="welcome"))
    (place / "fr.srt").write_text(_SRT.format(first="été"))
    source = place / "film.mkv"
    texts = [word for file in ("en.srt", "en.srt", "fr.srt") for word in ("-i", str(place / file))]
    maps = [word for track in range(5) for word in ("-map", str(track))]
    kinds = ["-c:s:0", "srt", "-c:s:1", "ass", "-c:s:2", "srt"]
    told = ["-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=eng", "-metadata:s:s:2", "language=fre"]
    sdh = ["-disposition:s:1", "hearing_impaired"]
    ffmpeg(*picture(), *tone(), *texts, *maps, *kinds, *told, *sdh, "-c:v", "libx264", "-preset", "ultrafast", source)
    # As many files in the wild: what claims to be UTF-8 is not.
    source.write_bytes(source.read_bytes().replace("été".encode(), b"\xe9t\xe9  "))
    report = encode(source, place / "out")
    return place / "out", report


def test_every_track_is_in_both_manifests(made: tuple[Path, dict[str, Any]]) -> None:
    folder, report = made
    hls, dash = (folder / "master.m3u8").read_text(), (folder / "manifest.mpd").read_text()
    for name in ("t-en", "t-en-2", "t-fr"):
        assert f'URI="{name}/main.m3u8"' in hls
        assert f"<BaseURL>{name}/text.vtt</BaseURL>" in dash
    assert hls.count('SUBTITLES="text"') == hls.count("#EXT-X-STREAM-INF")
    assert 'value="caption"' in dash
    kinds = [(one["name"], one["kind"]) for one in json.loads(json.dumps(report["renditions"]))]
    assert kinds[-3:] == [("t-en", "text"), ("t-en-2", "text"), ("t-fr", "text")]


def test_the_words_and_their_times_are_the_sources(made: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = made
    expected = (Cue(0.5, 2.0, "<i>Good</i> evening &amp;\nwelcome"), Cue(1.5, 2.4, "above", "line:0"))
    for name in ("t-en", "t-en-2"):
        assert read_webvtt((folder / name / "text.vtt").read_text()) == expected
        shown = _shown(folder, name)
        assert [(cue.start_seconds, cue.end_seconds) for cue in shown] == [(0.5, 2.0), (1.5, 2.4)]
        assert "welcome" in shown[0].text


def test_text_that_is_not_utf_8_is_read_as_its_language_was_written_and_told(
    made: tuple[Path, dict[str, Any]],
) -> None:
    folder, report = made
    assert "été" in (folder / "t-fr/text.vtt").read_text()
    (note,) = (note for note in report["notes"] if "UTF-8" in note)
    assert "read as cp1252" in note


@pytest.mark.parametrize(
    ("name", "cues", "note"),
    [
        ("sample_with_srt.mkv", 1, None),
        ("sample_with_ssa_subtitles.mkv", 1, None),
        ("sample_with_vtt_subtitles.mkv", 1, None),
        ("sample_with_overlapping_srt.mkv", 3, None),
        ("sample_with_pgs_subtitles.mkv", 0, "are pictures (PGS)"),
        ("sample_with_vobsub.mkv", 0, "are pictures (VobSub)"),
    ],
)
def test_subtitles_as_they_occur(name: str, cues: int, note: str | None, tmp_path: Path) -> None:
    report = encode(given(f"subtitles/{name}", always=True), tmp_path / "out")
    found = [read_webvtt(path.read_text()) for path in (tmp_path / "out").glob("t-*/text.vtt")]
    assert sum(map(len, found)) == cues
    assert note is None or any(note in said for said in report["notes"])
