"""Sources that are made to do harm: nothing else is opened or called, all ends in bounds, and a sentence says why."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import matinee.compose.encode
import matinee.encoding.ffmpeg
from hostile import (
    alias_reference,
    attachments,
    edit_bomb,
    enormous,
    linked_segment,
    reference_movie,
    unknown_codec,
    url_reference,
    zipped,
)
from matinee.compose.encode import encode_folder
from matinee.encoding.ffmpeg import find_tools
from matinee.model.errors import Refused, Unavailable
from sources import H264, TOOLS, draw, ffmpeg, picture, tone
from watched import SECRET, Watched, watched


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Watched]:
    """A file and an address that nobody may touch. The network is there: only what FFmpeg is told keeps it from it."""
    with watched(tmp_path) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class _Text:
    """A file of words that names a file or an address, and what is said of it."""

    suffix: str
    words: str


_TEXTS = {
    "an HLS playlist": _Text(".m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"),
    "an HLS playlist called a transport stream": _Text(".ts", "#EXTM3U\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"),
    "an HLS playlist with a key": _Text(
        ".mp4", '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n'
    ),
    "a list for concat": _Text(".ffconcat", "ffconcat version 1.0\nfile '{target}'\n"),
    "a list for concat called Matroska": _Text(".mkv", "ffconcat version 1.0\nfile '{target}'\n"),
    "a session description": _Text(
        ".sdp", "v=0\no=- 0 0 IN IP4 {target}\ns=x\nc=IN IP4 {target}\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    ),
    "an MPD": _Text(
        ".mp4",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="0" '
        'bandwidth="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    ),
    "a reference for Windows Media": _Text(".asf", "[Reference]\nRef1={target}\nRef2={target}\n"),
    "a list of pictures": _Text("-%03d.png", "{target}"),
    "a SMIL film": _Text(".mov", "<smil><body><video src='{target}'/></body></smil>"),
    "a virtual film": _Text(".mp4", "<?xml version='1.0'?><imf><Asset><Path>{target}</Path></Asset></imf>"),
}


def _refused(source: Path, output: Path) -> str:
    with pytest.raises(Refused) as caught:
        encode_folder(source, output)
    said = str(caught.value)
    assert source.name in said
    assert said.endswith(".")
    assert not output.exists()
    return said


@pytest.fixture(params=["with the network taken away", "by FFmpeg's own limits alone"])
def walls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "alone" in request.param:
        monkeypatch.setattr(matinee.encoding.ffmpeg, "find_sandbox", tuple)


def test_the_canary_sees_who_looks_and_who_calls(canary: Watched) -> None:
    assert canary.touched() == []
    shutil.copy(canary.file, canary.file.with_name("copy"))
    assert canary.touched() == ["the file was opened"]
    listed = canary.file.with_name("list.ffconcat")
    listed.write_text(f"ffconcat version 1.0\nfile '{canary.file}'\n")
    with pytest.raises(AssertionError):  # there is no film in it
        ffmpeg("-safe", "0", "-i", listed, "-f", "null", "-")
    assert canary.touched() == ["the file was opened"]
    with pytest.raises(AssertionError):
        ffmpeg("-rw_timeout", "100000", "-i", f"http://{canary.address}/x.mp4", "-f", "null", "-")
    assert canary.touched() == ["the address was called"]


@pytest.mark.parametrize("kind", _TEXTS)
@pytest.mark.usefixtures("walls")
def test_words_that_name_others_are_no_film(kind: str, canary: Watched, tmp_path: Path) -> None:
    for target in (str(canary.file), f"file://{canary.file}", f"http://{canary.address}/x.ts"):
        source = tmp_path / f"film{_TEXTS[kind].suffix}"
        source.write_text(_TEXTS[kind].words.format(target=target))
        assert "is not a media file that Matinee can read" in _refused(source, tmp_path / "out")
        assert canary.touched() == []


@pytest.mark.parametrize("drawn", [url_reference, alias_reference, reference_movie])
@pytest.mark.usefixtures("walls")
def test_a_film_that_lies_elsewhere_is_refused(
    drawn: Callable[[Path, str], Path], canary: Watched, tmp_path: Path
) -> None:
    for target in (str(canary.file), f"file://{canary.file}", f"http://{canary.address}/x.mp4"):
        source = drawn(tmp_path / "film.mov", target)
        assert "refers to other files" in _refused(source, tmp_path / "out")
        assert canary.touched() == []


def test_a_film_that_goes_on_in_another_file_plays_what_it_holds_itself(canary: Watched, tmp_path: Path) -> None:
    report = encode_folder(linked_segment(tmp_path / "film.mkv", str(canary.file)), tmp_path / "out")
    assert report["frames"] == 63
    assert canary.touched() == []


def test_nothing_of_what_is_attached_to_a_film_comes_along(canary: Watched, tmp_path: Path) -> None:
    source = attachments(tmp_path / "film.mkv", canary.file)
    canary.touched()
    report = encode_folder(source, tmp_path / "out")
    assert report["frames"] == 63
    assert canary.touched() == []
    assert SECRET in source.read_bytes()
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and SECRET in path.read_bytes()]


def test_a_zip_and_an_unknown_codec_are_refused(tmp_path: Path) -> None:
    said = _refused(zipped(tmp_path / "film.mkv"), tmp_path / "out")
    assert "is not a media file that Matinee can read" in said
    assert "an unknown codec" in _refused(unknown_codec(tmp_path / "film.webm"), tmp_path / "out")


def test_a_file_that_is_two_things_is_the_film_or_nothing(canary: Watched, tmp_path: Path) -> None:
    film, archive = draw(tmp_path / "a.mp4", seconds=1), zipped(tmp_path / "b.zip")
    both = tmp_path / "both.mp4"
    both.write_bytes(film.read_bytes() + archive.read_bytes())
    assert encode_folder(both, tmp_path / "out")["frames"] == 25
    playlist = f"#EXTM3U\n#EXTINF:9,\n{canary.file}\n".encode()
    for name, content in (
        ("playlist-first.mp4", playlist + film.read_bytes()),
        ("page.mp4", f"<html><img src='file://{canary.file}'>".encode() + film.read_bytes()),
        ("picture.mp4", b"GIF89a" + bytes(10) + film.read_bytes()),
    ):
        source = tmp_path / name
        source.write_bytes(content)
        assert "not a media file" in _refused(source, tmp_path / "none")
        assert canary.touched() == []


@pytest.mark.parametrize(
    "name",
    [
        "concat:a|b.mp4",
        "-y.mp4",
        "subfile,,start,0,end,9,,:x.mp4",
        "100%03d.mp4",
        "two\nlines.mp4",
        "http:x",
        "no\udcffutf.mp4",
    ],
)
def test_a_name_that_means_something_to_ffmpeg_is_a_name(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    draw(tmp_path / "film.mp4", seconds=1).rename(source)
    assert encode_folder(source, tmp_path / "out")["frames"] == 25


def test_a_thousand_tracks_are_cut_down_and_it_is_said(tmp_path: Path) -> None:
    track = draw(tmp_path / "one.mkv", seconds=1)
    source = tmp_path / "film.mkv"
    ffmpeg("-i", track, "-map", "0:v", *["-map", "0:a"] * 999, "-c", "copy", source)
    report = encode_folder(source, tmp_path / "out")
    assert len([one for one in report["renditions"] if one["kind"] == "audio"]) == 32
    assert "967 further sound tracks were left out: Matinee takes 32." in report["notes"]


def test_what_claims_more_than_a_film_can_be_is_refused(tmp_path: Path) -> None:
    said = _refused(edit_bomb(tmp_path / "again.mp4", 250_000), tmp_path / "out")
    assert "lasts 28 hours" in said or "breaks off" in said
    # Its container speaks of 64 x 64: the decoder alone sees the truth.
    assert "damaged" in _refused(enormous(tmp_path / "large.avi"), tmp_path / "out")


def test_a_picture_that_grows_beyond_measure_is_not_decoded(tmp_path: Path) -> None:
    small, large = enormous(tmp_path / "large.avi"), tmp_path / "grown.mkv"
    ffmpeg("-i", small, "-c", "copy", "-f", "mjpeg", tmp_path / "large.mjpeg")
    ffmpeg(*picture(0.2, size="64x64"), "-c:v", "mjpeg", "-f", "mjpeg", tmp_path / "small.mjpeg")
    joined = tmp_path / "joined.mjpeg"
    joined.write_bytes((tmp_path / "small.mjpeg").read_bytes() + (tmp_path / "large.mjpeg").read_bytes())
    ffmpeg("-f", "mjpeg", "-i", joined, "-c", "copy", large)
    assert "damaged" in _refused(large, tmp_path / "out")


def test_very_many_very_small_frames_are_all_there(tmp_path: Path) -> None:
    source = tmp_path / "film.mkv"
    ffmpeg("-f", "lavfi", "-i", "color=s=16x16:r=240:d=40", *H264, "-g", "1", source)
    assert encode_folder(source, tmp_path / "out")["frames"] == 9_600


@pytest.mark.parametrize("size", ["2x2", "16x2", "1x1"])
def test_a_film_of_a_few_pixels_plays(size: str, tmp_path: Path) -> None:
    source = tmp_path / "film.mkv"
    ffmpeg("-f", "lavfi", "-i", f"color=red:s={size}:d=1", "-c:v", "ffv1", source)
    assert encode_folder(source, tmp_path / "out")["frames"] == 25


_STAGES = {"looking": "showinfo", "surveying": "scdet", "encoding": "v0", "the sound": "ebur128"}


@pytest.mark.parametrize("stage", _STAGES)
@pytest.mark.parametrize("how", ["sleep 1000", "kill -STOP $$", "while :; do echo progress=continue; done"])
def test_a_tool_that_hangs_is_stopped_and_named(
    stage: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    hang = f'case "$*" in *{_STAGES[stage]}*) {how};; esac'
    program.write_text(f'#!/bin/sh\n{hang}\nexec {TOOLS.ffmpeg} "$@"\n')
    program.chmod(0o755)
    tools = replace(find_tools(), ffmpeg=str(program), silent_seconds=1.0)
    monkeypatch.setattr(matinee.compose.encode, "find_tools", lambda: tools)
    source = tmp_path / "film.mkv"
    ffmpeg(*picture(1), *tone(1), *H264, source)
    with pytest.raises(Unavailable, match=r"FFmpeg stood still for 1 s while .*film\.mkv.* and was stopped\."):
        encode_folder(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
