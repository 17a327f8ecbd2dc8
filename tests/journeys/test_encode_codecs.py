"""A film in several codecs: joined of chunks, all frames, on one grid, and high dynamic range as it came."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from av.sidedata.sidedata import Type as SideData

from matinee.compose.encode import encode_folder
from matinee.ladder.codecs import read_codecs
from sources import ffmpeg, picture, tone

# Longer than the shortest chunk twice, so that there is something to join.
_SECONDS, _RATE = 14.0, 25
_MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"


def _film(place: Path, transfer: str, more: str = "") -> Path:
    source = place / "film.mp4"
    params = f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc{more}"
    ffmpeg(
        *(*picture(_SECONDS, rate=str(_RATE)), *tone(_SECONDS), "-pix_fmt", "yuv420p10le", "-c:v", "libx265"),
        *("-preset", "ultrafast", "-x265-params", params, "-tag:v", "hvc1", source),
    )
    return source


def _decoded(folder: Path, name: str) -> list[Any]:
    """The frames of a rendition: its initialisation and its segments behind each other."""
    place = folder / name
    whole = folder / f"{name}.mp4"
    whole.write_bytes((place / "init.mp4").read_bytes() + b"".join(p.read_bytes() for p in sorted(place.glob("*.m4s"))))
    with av.open(whole) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize(
    ("transfer", "number", "video_range"), [("smpte2084", 16, "PQ"), ("arib-std-b67", 18, "HLG")], ids=["PQ", "HLG"]
)
def test_high_dynamic_range_stays_in_av1_and_hevc(tmp_path: Path, transfer: str, number: int, video_range: str) -> None:
    told = f":hdr10=1:master-display={_MASTERING}:max-cll=1000,400" if video_range == "PQ" else ""
    source = _film(tmp_path, transfer, told)
    report = encode_folder(source, tmp_path / "out", ladder="fixed", codecs=read_codecs("hevc,av1"))
    pictures = {one["name"]: one for one in report["renditions"] if one["kind"] == "video"}
    assert {name: one["video_range"] for name, one in pictures.items()} == {
        "240p": "SDR",
        "240p-hevc": video_range,
        "240p-av1": video_range,
    }
    assert {one["frames"] for one in pictures.values()} == {_SECONDS * _RATE}
    for name in ("v240-hevc", "v240-av1"):
        frames = _decoded(tmp_path / "out", name)
        assert len(frames) == _SECONDS * _RATE
        assert {(f.format.name, f.color_trc, f.color_primaries, f.colorspace) for f in frames} == {
            ("yuv420p10le", number, 9, 9)
        }
        pts = [frame.pts for frame in frames]
        assert {later - earlier for earlier, later in pairwise(pts)} == {90_000 // _RATE}
        kinds = {kind.type.name for kind in frames[-1].side_data}
        assert ({"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= kinds) == (video_range == "PQ")
    (plain, *_) = _decoded(tmp_path / "out", "v240")
    assert (plain.format.name, plain.color_trc) == ("yuv420p", 1)
    master = (tmp_path / "out" / "master.m3u8").read_text()
    variants = [line for line in master.splitlines() if line.startswith("#EXT-X-STREAM-INF")]
    assert sum(f"VIDEO-RANGE={video_range}" in line for line in variants) == len(pictures) - 1
    assert json.loads((tmp_path / "out" / "report.json").read_text())["renditions"][0]["name"] == "240p"


@pytest.mark.parametrize("ladder", ["per-title", "fixed"])
def test_an_ordinary_film_is_ordinary_in_av1(tmp_path: Path, ladder: str) -> None:
    source = tmp_path / "film.mp4"
    ffmpeg(*picture(_SECONDS, rate=str(_RATE)), "-pix_fmt", "yuv420p", "-c:v", "libx264", source)
    report = encode_folder(source, tmp_path / "out", ladder=ladder, codecs=read_codecs("av1"))
    names = [one["name"] for one in report["renditions"]]
    assert names == [*names[: len(names) // 2], *(f"{name}-av1" for name in names[: len(names) // 2])]
    assert {one["video_range"] for one in report["renditions"]} == {"SDR"}
    assert {one["frames"] for one in report["renditions"]} == {_SECONDS * _RATE}
    frames = _decoded(tmp_path / "out", report["renditions"][-1]["uri"].partition("/")[0])
    assert len(frames) == _SECONDS * _RATE
    assert {(f.format.name, f.color_trc, f.color_primaries, f.colorspace) for f in frames} == {("yuv420p10le", 1, 1, 1)}


@pytest.mark.parametrize("strength", [0, 14], ids=["clean", "grainy"])
def test_grain_is_drawn_again_where_there_was_some(tmp_path: Path, strength: int) -> None:
    source, rate, seconds = tmp_path / "film.mp4", 12, 13.0
    # Pale, for noise on full colours is cut off where they end.
    noise = ("-vf", f"hue=s=0.2,noise=alls={strength}:allf=t")
    ffmpeg(
        *(*picture(seconds, "640x360", str(rate)), *noise, "-pix_fmt", "yuv420p", "-c:v", "libx264"),
        *("-preset", "ultrafast", "-crf", "8", source),
    )
    out = tmp_path / "out"
    told = encode_folder(source, out, ladder="fixed", codecs=read_codecs("av1"))
    rungs = {one["name"]: one for one in told["report"]["rungs"]}
    assert {one["frames"] for one in told["renditions"]} == {seconds * rate}
    best = rungs["360p-av1"]
    assert best["noise"] == pytest.approx(8.8 if strength else 0.0, abs=1.2)
    assert bool(best["grain"]) == bool(strength)
    assert not any(one["grain"] for name, one in rungs.items() if name != "360p-av1")
    frames = _decoded(out, "v360-av1")
    assert len(frames) == seconds * rate
    assert _with_grain(out / "v360-av1.mp4") == (len(frames) if strength else 0)
    _decoded(out, "v240-av1")
    assert _with_grain(out / "v240-av1.mp4") == 0


def _with_grain(film: Path) -> int:
    """The frames that tell a decoder which grain to draw, as dav1d reads them."""
    with av.open(film) as container:
        container.streams.video[0].codec_context.options = {"export_side_data": "film_grain"}
        frames: list[Any] = list(container.decode(video=0))
    return sum(frame.side_data.get(SideData.FILM_GRAIN_PARAMS) is not None for frame in frames)
