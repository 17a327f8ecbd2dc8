"""Every attribute of a film's manifests, packaged and composed, held against its files by a reading of our own."""

import re
import subprocess
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import m3u8
import pytest
from PIL import Image

from matinee.compose.encode import encode_folder
from matinee.model.media import presentation_from_json
from matinee.packaging.boxes import fragment_samples, walk
from matinee.packaging.images import TILE_SCHEME
from matinee.playback.manifests import Pathway, compose_dash, compose_hls
from sources import TOOLS, ffmpeg, tone

_MPD = "{urn:mpeg:dash:schema:mpd:2011}"
_PATHWAYS = [Pathway("near", "http://near.example/t/"), Pathway("far", "http://far.example/t/")]
_SECONDS = 17


@dataclass(frozen=True)
class Film:
    folder: Path
    report: dict[str, Any]

    @property
    def composed(self) -> str:
        shown = presentation_from_json({**self.report, "files": []})
        return compose_hls(shown, _PATHWAYS, "http://control.example/steering")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Still and restless by turns, so that segments differ; two languages, 5.1, subtitles."""
    place = tmp_path_factory.mktemp("manifests")
    (place / "en.srt").write_text("1\n00:00:01,000 --> 00:00:03,000\nHello\n")
    restless = "noise=alls=60:allf=t:enable='between(t,4,6)',hue=h=180:enable='gte(t,11)'"
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=duration={_SECONDS}:size=640x360:rate=30000/1001,{restless}"),
        *tone(_SECONDS, layout="5.1"),
        *tone(_SECONDS),
        *("-i", place / "en.srt", "-map", "0", "-map", "1", "-map", "2", "-map", "3"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu", "-metadata:s:s:0", "language=eng"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:s", "srt"),
        place / "film.mkv",
    )
    return Film(place / "out", encode_folder(place / "film.mkv", place / "out", ladder="fixed"))


def _lists(folder: Path, uri: str) -> list[tuple[int, float]]:
    """The bytes and seconds of what a media playlist lists."""
    listed = []
    for segment in m3u8.load(str(folder / uri)).segments:
        size = (folder / uri).parent.joinpath(segment.uri).stat().st_size
        listed.append((int(segment.byterange.partition("@")[0]) if segment.byterange else size, segment.duration))
    return listed


def _peak_and_average(folder: Path, uri: str) -> tuple[float, float]:
    """RFC 8216bis §4.1, by all stretches there are."""
    listed = _lists(folder, uri)
    target = m3u8.load(str(folder / uri)).target_duration
    rates = [0.0]
    for first in range(len(listed)):
        for last in range(first, len(listed)):
            size, seconds = map(sum, zip(*listed[first : last + 1], strict=True))
            if 0.5 * target <= seconds <= 1.5 * target:
                rates.append(size * 8 / seconds)
    size, seconds = map(sum, zip(*listed, strict=True))
    return max(rates), size * 8 / seconds


def _entry(folder: Path, uri: str) -> tuple[str, int, int]:
    """RFC 6381's codec, width and height (or channels) out of a track's sample entry."""
    into = frozenset({"moov", "trak", "mdia", "minf", "stbl"})
    data = (folder / uri).with_name("init.mp4").read_bytes()
    with (folder / uri).with_name("init.mp4").open("rb") as file:
        (start,) = (start for kind, start, _ in walk(file, 0, len(data), into) if kind == "stsd")
        kind, entry, end = next(iter(walk(file, start + 8, len(data))))
        if kind == "mp4a":
            return "mp4a.40.2", int.from_bytes(data[entry + 16 : entry + 18], "big"), 0
        (config,) = (start for name, start, _ in walk(file, entry + 78, end) if name == "avcC")
        width, height = (int.from_bytes(data[place : place + 2], "big") for place in (entry + 24, entry + 26))
        return f"{kind}.{data[config + 1 : config + 4].hex()}", width, height


def _close(told: int, measured: float) -> bool:
    return measured - 1 <= told <= measured * 1.001 + 8


@pytest.mark.parametrize("composed", [False, True])
def test_every_variants_attributes_are_those_of_its_files(film: Film, composed: bool) -> None:
    text = film.composed if composed else (film.folder / "master.m3u8").read_text()
    playlist = m3u8.loads(text.replace("http://near.example/t/", "").replace("http://far.example/t/", ""))
    assert len(playlist.playlists) == (4 if composed else 2)
    beside: dict[str, list[tuple[float, float]]] = {}
    for media in playlist.media:
        beside.setdefault(media.group_id, []).append(_peak_and_average(film.folder, media.uri))
        assert media.stable_rendition_id == media.uri.partition("/")[0]
        if media.type == "AUDIO":
            assert int(media.channels) == _entry(film.folder, media.uri)[1]
    for variant in playlist.playlists:
        told = variant.stream_info
        loudest = [[max(rates) for rates in zip(*beside[group], strict=True)] for group in (told.audio, told.subtitles)]
        peak, average = _peak_and_average(film.folder, variant.uri)
        assert _close(told.bandwidth, peak + sum(one[0] for one in loudest))
        assert _close(told.average_bandwidth, average + sum(one[1] for one in loudest))
        codec, *size = _entry(film.folder, variant.uri)
        assert (told.codecs, list(told.resolution)) == (f"{codec},mp4a.40.2", size)
        listed = m3u8.load(str(film.folder / variant.uri))
        frames = sum(fragment_samples(film.folder / variant.uri.partition("/")[0] / one.uri) for one in listed.segments)
        assert told.frame_rate == pytest.approx(frames / sum(one.duration for one in listed.segments), abs=0.002)
        assert (told.video_range, told.closed_captions) == ("SDR", "NONE")
        assert told.stable_variant_id == variant.uri.partition("/")[0]


@pytest.mark.parametrize("composed", [False, True])
def test_i_frames_are_listed_for_every_variant(film: Film, composed: bool) -> None:
    text = film.composed if composed else (film.folder / "master.m3u8").read_text()
    playlist = m3u8.loads(text)
    starts = [pathway.url for pathway in _PATHWAYS] if composed else [""]
    wanted = [f"{start}{folder}/iframes.m3u8" for start in starts for folder in ("v240", "v360")]
    assert [one.uri for one in playlist.iframe_playlists] == wanted
    for one in playlist.iframe_playlists:
        uri = "/".join(one.uri.split("/")[-2:])
        told, (peak, average) = one.iframe_stream_info, _peak_and_average(film.folder, uri)
        codec, *size = _entry(film.folder, uri)
        assert (told.codecs, list(told.resolution), told.video_range) == (codec, size, "SDR")
        assert _close(told.bandwidth, peak)
        assert _close(int(told.average_bandwidth), average)
    # m3u8 does not read these two here.
    lines = [line for line in text.splitlines() if line.startswith("#EXT-X-I-FRAME-STREAM-INF")]
    ids = [re.findall(r'STABLE-VARIANT-ID="([^"]*)"', line) for line in lines]
    assert ids == [["v240-iframes"], ["v360-iframes"]] * len(starts)
    paths = [name for line in lines for name in re.findall(r'PATHWAY-ID="([^"]*)"', line)]
    assert paths == (["near", "near", "far", "far"] if composed else [])


def test_every_i_frame_is_one_whole_key_frame_and_stands_until_the_next(film: Film) -> None:
    for folder in ("v240", "v360"):
        quick = m3u8.load(str(film.folder / folder / "iframes.m3u8"))
        whole = m3u8.load(str(film.folder / folder / "main.m3u8"))
        assert quick.is_i_frames_only
        assert [one.duration for one in quick.segments] == [one.duration for one in whole.segments]
        for one in quick.segments:
            length, _, offset = one.byterange.partition("@")
            data = (film.folder / folder / one.uri).read_bytes()[int(offset) : int(offset) + int(length)]
            shown = subprocess.run(
                [*(TOOLS.ffmpeg, "-v", "error", "-i", "-", "-f", "framecrc", "-")],
                input=(film.folder / folder / "init.mp4").read_bytes() + data,
                capture_output=True,
                check=False,
            )
            assert sum(not line.startswith(b"#") for line in shown.stdout.splitlines()) == 1, shown.stderr


@pytest.mark.parametrize("composed", [False, True])
def test_the_mpds_rates_and_lengths_are_those_of_its_files(film: Film, composed: bool) -> None:
    packaged = (film.folder / "manifest.mpd").read_text()
    root = ET.fromstring(compose_dash(packaged, _PATHWAYS, "http://c.example/") if composed else packaged)
    buffered = float(root.get("minBufferTime", "").removeprefix("PT").removesuffix("S"))
    found = set()
    for adaptation in root.iter(f"{_MPD}AdaptationSet"):
        for one in adaptation.iter(f"{_MPD}Representation"):
            template = one.find(f"{_MPD}SegmentTemplate")
            if template is None or adaptation.get("contentType") == "image":
                continue
            folder = template.get("initialization", "").partition("/")[0]
            found.add(folder)
            listed = _lists(film.folder, f"{folder}/main.m3u8")
            # ISO/IEC 23009-1 §5.3.5.4: whoever buffered so long at this rate never waits, from wherever it begins.
            for first in range(len(listed)):
                sizes, seconds = zip(*listed[first:], strict=True)
                for size, time in zip(accumulate(sizes), accumulate(seconds), strict=True):
                    assert size * 8 <= int(one.get("bandwidth", "0")) * (time + buffered)
            codec, *size_of = _entry(film.folder, f"{folder}/main.m3u8")
            assert one.get("codecs") == codec
            if adaptation.get("contentType") == "video":
                told = [one.get(name) or adaptation.get(name) for name in ("width", "height")]
                assert told == [str(number) for number in size_of]
                assert (one.get("frameRate") or adaptation.get("frameRate")) == "30000/1001"
    assert found == {"v240", "v360", "a-en", "a-en-51", "a-de"}


def test_dash_and_the_vtt_name_the_same_tile_at_every_time(film: Film) -> None:
    root = ET.parse(film.folder / "manifest.mpd")
    (adaptation,) = (one for one in root.iter(f"{_MPD}AdaptationSet") if one.get("contentType") == "image")
    template, one = adaptation.find(f"{_MPD}SegmentTemplate"), adaptation.find(f"{_MPD}Representation")
    assert template is not None
    assert one is not None
    scheme = one.find(f"{_MPD}EssentialProperty")
    assert scheme is not None
    assert scheme.get("schemeIdUri") == TILE_SCHEME
    across, down = map(int, scheme.get("value", "").split("x"))
    with Image.open(film.folder / "thumbnails-1.jpg") as sheet:
        assert (one.get("width"), one.get("height")) == tuple(map(str, sheet.size))
        wide, high = sheet.size[0] // across, sheet.size[1] // down
    length = int(template.get("duration", "0")) / int(template.get("timescale", "0"))
    cues = re.findall(r"([\d:.]+) --> [\d:.]+\n(\S+)#xywh=(.*)", (film.folder / "thumbnails.vtt").read_text())
    assert len(cues) == -(-_SECONDS // 2)
    for stamp, file, place in cues:
        hours, minutes, seconds = map(float, stamp.split(":"))
        time = hours * 3600 + minutes * 60 + seconds
        number = int(time // length)
        tile = round((time - number * length) / (length / (across * down)), 6)
        row, column = divmod(int(tile), across)
        assert file == template.get("media", "").replace("$Number$", str(number + 1))
        assert place == f"{column * wide},{row * high},{wide},{high}"
