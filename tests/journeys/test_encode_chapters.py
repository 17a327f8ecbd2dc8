"""Chapters of Matroska, of MP4 as Nero and as QuickTime write them, through to the manifests."""

import json
from pathlib import Path

import m3u8
import pytest

from matinee.compose.encode import encode_folder
from matinee.model.media import presentation_from_json
from matinee.playback.manifests import Pathway, compose_hls
from sources import draw, ffmpeg

_NAMES = ("Opening", "Señor; = #2")
_METADATA = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=3000
title=Opening
[CHAPTER]
TIMEBASE=1/1000
START=3000
END=5500
title=Señor\\; \\= \\#2
[CHAPTER]
TIMEBASE=1/1000
START=5500
END=8000
[CHAPTER]
TIMEBASE=1/1000
START=20000
END=21000
title=Nowhere
"""


def _with_chapters(place: Path, *more: str) -> Path:
    plain, told = place.with_name("plain.mp4"), place.with_name("chapters.txt")
    draw(plain, seconds=8)
    told.write_text(_METADATA)
    ffmpeg(*more, "-i", plain, "-i", told, "-map", "0", "-map_chapters", "1", "-c", "copy", place)
    return place


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_chapters_come_along_from_every_container(suffix: str, tmp_path: Path) -> None:
    report = encode_folder(_with_chapters(tmp_path / f"film{suffix}"), tmp_path / "out")
    told = [(one["start_seconds"], one["name"]) for one in report["chapters"]]
    # FFmpeg writes no chapter without a name into ISO files.
    wanted = [(0.0, _NAMES[0]), (3.0, _NAMES[1]), *([(5.5, "Chapter 3")] if suffix == ".mkv" else [])]
    assert told == wanted
    notes = [note for note in report["notes"] if "chapter" in note]
    # In ISO files FFmpeg writes its last chapter twice, once for each kind of player.
    assert notes == [f"{4 - len(wanted)} of 4 chapters were left out: they begin together or past the end."]
    listed = json.loads((tmp_path / "out" / "chapters.json").read_text())
    assert [one["start-time"] for one in listed] == [start for start, _ in wanted]
    assert sum(one["duration"] for one in listed) == pytest.approx(8.0)
    (data,) = m3u8.load(str(tmp_path / "out" / "master.m3u8")).session_data
    assert (data.data_id, data.uri) == ("com.apple.hls.chapters", "chapters.json")
    shown = presentation_from_json({**report, "files": []})
    pathways = [Pathway("near", "http://near.example/t/"), Pathway("far", "http://far.example/t/")]
    (composed,) = m3u8.loads(compose_hls(shown, pathways, "http://c.example/")).session_data
    assert composed.uri == "http://near.example/t/chapters.json"


def test_chapters_move_with_a_film_that_begins_late(tmp_path: Path) -> None:
    """A recording whose clock stands at ten seconds when it begins."""
    plain, told, source = (tmp_path / name for name in ("plain.mp4", "chapters.txt", "late.mkv"))
    draw(plain, seconds=4)
    chapters = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND=14000\ntitle={start}\n" for start in (9000, 10500, 13000)
    )
    told.write_text(f";FFMETADATA1\n{chapters}")
    offset = ("-output_ts_offset", "10")
    ffmpeg("-i", plain, "-i", told, "-map", "0", "-map_chapters", "1", "-c", "copy", *offset, source)
    report = encode_folder(source, tmp_path / "out")
    found = [(one["start_seconds"], one["name"]) for one in report["chapters"]]
    assert found == [(pytest.approx(0.5, abs=0.05), "10500"), (pytest.approx(3.0, abs=0.05), "13000")] or found == [
        (0.0, "9000"),
        (pytest.approx(3.0, abs=0.05), "13000"),
    ]
