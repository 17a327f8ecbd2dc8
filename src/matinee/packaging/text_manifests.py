"""Puts subtitles into a package: their files beside the picture's, their lines into both manifests."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import m3u8

from matinee.model.errors import EncodingFailed
from matinee.model.media import Rendition, Role, SourceTrack, TrackKind
from matinee.packaging.multivariant import stable_id
from matinee.packaging.rates import read_list
from matinee.packaging.sound import MPD
from matinee.packaging.text import (
    PLAYLIST,
    WHOLE,
    TextFile,
    hls_text_attributes,
    labels,
    playlist,
    quoted,
    segment_name,
    segments,
    text_cells,
    webvtt,
)

_ROLE_SCHEME = "urn:mpeg:dash:role:2011"
_GROUP = "text"
TEXT_CODEC = "wvtt"  # RFC 6381's name for WebVTT, in files of its own as well


def write_texts(folder: Path, picture: str, texts: Sequence[TextFile]) -> None:
    """Write every track whole and in segments, cut where some of those of ``picture`` are, a playlist in the folder."""
    cuts = [segment.duration for segment in m3u8.loads((folder / picture).read_text()).segments]
    cells = text_cells(cuts)
    for text in texts:
        place = folder / text.name
        place.mkdir()
        for number, cues in enumerate(segments(text.cues, cells), start=1):
            (place / segment_name(number)).write_text(webvtt(cues, segment=True), encoding="utf-8")
        (place / PLAYLIST).write_text(playlist(cells))
        (place / WHOLE).write_text(webvtt(text.cues), encoding="utf-8")


def list_texts_in_hls(playlist: str, texts: Sequence[TextFile]) -> str:
    """The multivariant playlist with every track, which all variants name."""
    names = labels([text.track for text in texts])
    media = [_media(text, name) for text, name in zip(texts, names, strict=True)]
    lines = []
    for line in playlist.splitlines():
        if texts and line.startswith("#EXT-X-STREAM-INF:"):
            lines += [*media, f"{line},SUBTITLES={quoted(_GROUP)}"]
            media = []
        else:
            lines.append(line)
    return "\n".join([*lines, ""])


def list_texts_in_dash(period: ET.Element, texts: Sequence[TextFile], folder: Path) -> None:
    """Give every track an adaptation set; its file lies in the folder already."""
    names = labels([text.track for text in texts])
    taken = [int(one.get("id", "0")) for one in period if one.get("id", "").isdigit()]
    for place, (text, name) in enumerate(zip(texts, names, strict=True), start=max(taken, default=0) + 1):
        period.append(_adaptation_set(text, name, place, folder))


def text_rendition(folder: Path, text: TextFile, seconds: float) -> Rendition:
    """The track as players see it; EncodingFailed if its playlist does not last as long as the picture."""
    uri = f"{text.name}/{PLAYLIST}"
    listed = read_list(folder, uri)
    if abs(listed.seconds - seconds) > 0.001 * (len(listed.pieces) + 1):
        raise EncodingFailed(f"The subtitles {text.name} are cut elsewhere than the picture.")
    return Rendition(
        name=text.name,
        kind=TrackKind.TEXT,
        codecs=TEXT_CODEC,
        uri=uri,
        bandwidth_bps=listed.rates.peak_bps,
        average_bandwidth_bps=listed.rates.average_bps,
        language=text.track.language,
        title=text.track.title,
        roles=text.track.roles,
    )


def _media(text: TextFile, label: str) -> str:
    attributes = [
        *[("TYPE", "SUBTITLES"), ("GROUP-ID", quoted(_GROUP))],
        *hls_text_attributes(label, text.track),
        ("STABLE-RENDITION-ID", quoted(stable_id(f"{text.name}/{PLAYLIST}"))),
        ("URI", quoted(f"{text.name}/{PLAYLIST}")),
    ]
    return "#EXT-X-MEDIA:" + ",".join(f"{key}={value}" for key, value in attributes)


def _adaptation_set(text: TextFile, label: str, number: int, folder: Path) -> ET.Element:
    """A set of one file for the whole film: DASH-IF IOP calls it a sidecar."""
    attributes = {"id": str(number), "contentType": "text", "mimeType": "text/vtt"}
    if text.track.language:
        attributes["lang"] = text.track.language
    adaptation = ET.Element(f"{{{MPD}}}AdaptationSet", attributes)
    ET.SubElement(adaptation, f"{{{MPD}}}Label").text = label
    ET.SubElement(adaptation, f"{{{MPD}}}Role", {"schemeIdUri": _ROLE_SCHEME, "value": dash_text_role(text.track)})
    described = {"id": text.name, "bandwidth": str(max(_bandwidth(folder, text), 1))}
    representation = ET.SubElement(adaptation, f"{{{MPD}}}Representation", described)
    ET.SubElement(representation, f"{{{MPD}}}BaseURL").text = f"{text.name}/{WHOLE}"
    return adaptation


def dash_text_role(track: SourceTrack | Rendition) -> str:
    """ISO/IEC 23009-1 §5.8.5.5."""
    if Role.FORCED in track.roles:
        return "forced-subtitle"
    if Role.COMMENTARY in track.roles:
        return "commentary"
    return "caption" if Role.CAPTIONS in track.roles else "subtitle"


def _bandwidth(folder: Path, text: TextFile) -> int:
    """Bit/s over the film, of the file for DASH."""
    seconds = max(text.cues[-1].end_seconds, 1.0)
    return round((folder / text.name / WHOLE).stat().st_size * 8 / seconds)
