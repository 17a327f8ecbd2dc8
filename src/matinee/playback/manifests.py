"""Manifests composed for one playback: every edge a pathway, the best one first. Pure text in, text out.

HLS follows draft-pantos-hls-rfc8216bis (§4.4.6.6 and §7 on content steering), DASH ISO/IEC 23009-1 and
ETSI TS 103 998. Each pathway has its own host and its own audio group, so a player that loses an edge finds
everything it needs on the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from matinee.model.media import Presentation, Rendition
from matinee.packaging.chapters import CHAPTERS, hls_chapters
from matinee.packaging.codec_manifests import sample_entry
from matinee.packaging.multivariant import stable_id, stable_iframes_id
from matinee.packaging.rates import Rates, loudest
from matinee.packaging.sound import STEREO
from matinee.packaging.sound_manifests import hls_sound_attributes, sound_labels
from matinee.packaging.text import hls_text_attributes, labels, quoted

# EXT-X-MAP in the media playlists needs 6 (RFC 8216bis §8).
_HLS_VERSION = 6
_FIRST_VARIANT_BPS = 2_500_000
_MPD = "urn:mpeg:dash:schema:mpd:2011"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_BEFORE_BASE_URL = ("ProgramInformation",)
_BEFORE_STEERING = (*_BEFORE_BASE_URL, "BaseURL", "Location", "PatchLocation")
# Prefixes that packagers write; without them the tree would be written back with ns0, ns1, ….
_PREFIXES = {
    "": _MPD,
    "cenc": "urn:mpeg:cenc:2013",
    "xlink": "http://www.w3.org/1999/xlink",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
for _prefix, _uri in _PREFIXES.items():
    ET.register_namespace(_prefix, _uri)


@dataclass(frozen=True, slots=True)
class Pathway:
    """One edge as players see it: its ID and the title's folder there, token included, ending in a slash.

    ``playlists`` is where its media playlists stand, if not in that folder.
    """

    id: str
    url: str
    playlists: str = ""


def compose_hls(presentation: Presentation, pathways: Sequence[Pathway], steering_url: str) -> str:
    """A multivariant playlist in which every variant stands once a pathway, the first pathway's first.

    HLS has no queryBeforeStart, so the order decides where a player begins.
    """
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_HLS_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if presentation.is_growing:
        # RFC 8216bis §4.4.2.2: a playlist without an end is else begun near what came last. Not 0, which shaka-player
        # takes for nothing said.
        lines.append("#EXT-X-START:TIME-OFFSET=0.001")
    steering = [("SERVER-URI", quoted(steering_url)), ("PATHWAY-ID", quoted(pathways[0].id))]
    lines.append(_tag("EXT-X-CONTENT-STEERING", steering))
    if presentation.chapters:
        # RFC 8216bis §4.4.6.4 knows no pathways: they are where the film begins.
        lines.append(hls_chapters(urljoin(pathways[0].url, CHAPTERS)))
    for pathway in pathways:
        lines += _sounds(pathway, presentation.audio)
        names = labels(presentation.text)
        lines += [_text(rendition, pathway, name) for rendition, name in zip(presentation.text, names, strict=True)]
    for pathway in pathways:
        for rendition in _starting_variant_first(presentation.video):
            lines += _variant(rendition, pathway, presentation)
        lines += [_iframes(rendition, pathway) for rendition in presentation.video if rendition.iframe_uri]
    return "\n".join(lines) + "\n"


def compose_dash(packaged: str, pathways: Sequence[Pathway], steering_url: str) -> str:
    """The packaged MPD with a BaseURL for every pathway and the address of steering."""
    root = ET.fromstring(packaged)  # noqa: S314 - our packager wrote it, and nobody else writes there
    for stale in [child for child in root if _name(child) in {"BaseURL", "ContentSteering"}]:
        root.remove(stale)
    place = _end_of(root, _BEFORE_BASE_URL)
    for pathway in reversed(pathways):
        base = ET.Element(f"{{{_MPD}}}BaseURL", {"serviceLocation": pathway.id})
        base.text = pathway.url
        root.insert(place, base)
    # ETSI TS 103 998: one location to start from, without a question first; the manifest is made for this playback.
    attributes = {"defaultServiceLocation": pathways[0].id, "queryBeforeStart": "false"}
    steering = ET.Element(f"{{{_MPD}}}ContentSteering", attributes)
    steering.text = steering_url
    root.insert(_end_of(root, _BEFORE_STEERING), steering)
    ET.indent(root)
    return f"{_DECLARATION}{ET.tostring(root, encoding='unicode')}\n"


def top_bitrate_bps(presentation: Presentation) -> int:
    """What a player of it may ask for at most: the highest rung's bandwidth with the loudest sound's."""
    video = max((rendition.bandwidth_bps for rendition in presentation.video), default=0)
    return video + max((rendition.bandwidth_bps for rendition in presentation.audio), default=0)


def _variant(rendition: Rendition, pathway: Pathway, presentation: Presentation) -> list[str]:
    audio, groups = presentation.audio, (presentation.audio, presentation.text)
    # RFC 8216bis §4.4.6.2: BANDWIDTH is the peak of the variant with the largest rendition of every group it names.
    beside = [loudest([Rates(one.bandwidth_bps, one.average_bandwidth_bps) for one in group]) for group in groups]
    bandwidth = rendition.bandwidth_bps + sum(one.peak_bps for one in beside)
    average = rendition.average_bandwidth_bps + sum(one.average_bps for one in beside)
    codecs = dict.fromkeys([rendition.codecs, *(one.codecs for one in audio)])
    attributes = [
        ("BANDWIDTH", str(bandwidth)),
        ("AVERAGE-BANDWIDTH", str(average)),
        ("CODECS", quoted(",".join(codecs))),
    ]
    if rendition.width and rendition.height:
        attributes.append(("RESOLUTION", f"{rendition.width}x{rendition.height}"))
    if rendition.frame_rate:
        attributes.append(("FRAME-RATE", f"{rendition.frame_rate:.3f}"))
    if audio:
        attributes.append(("AUDIO", quoted(_group(pathway))))
    if presentation.text:
        attributes.append(("SUBTITLES", quoted(_text_group(pathway))))
    attributes += [("VIDEO-RANGE", rendition.video_range), ("CLOSED-CAPTIONS", "NONE")]
    attributes.append(("PATHWAY-ID", quoted(pathway.id)))
    attributes.append(("STABLE-VARIANT-ID", quoted(stable_id(rendition.uri))))
    return [_tag("EXT-X-STREAM-INF", attributes), urljoin(pathway.playlists or pathway.url, rendition.uri)]


def _iframes(rendition: Rendition, pathway: Pathway) -> str:
    """A variant's key frames alone, for who searches (RFC 8216bis §4.4.6.3)."""
    uri = rendition.iframe_uri or ""
    attributes = [
        ("BANDWIDTH", str(rendition.iframe_bandwidth_bps or rendition.bandwidth_bps)),
        ("AVERAGE-BANDWIDTH", str(rendition.iframe_average_bandwidth_bps or rendition.average_bandwidth_bps)),
        ("CODECS", quoted(rendition.codecs)),
    ]
    if rendition.width and rendition.height:
        attributes.append(("RESOLUTION", f"{rendition.width}x{rendition.height}"))
    attributes += [
        ("VIDEO-RANGE", rendition.video_range),
        ("PATHWAY-ID", quoted(pathway.id)),
        ("STABLE-VARIANT-ID", quoted(stable_iframes_id(uri))),
        ("URI", quoted(urljoin(pathway.url, uri))),
    ]
    return _tag("EXT-X-I-FRAME-STREAM-INF", attributes)


def _sounds(pathway: Pathway, renditions: Sequence[Rendition]) -> list[str]:
    names = sound_labels([(one.name, one.channels or STEREO, one) for one in renditions])
    lines = []
    for place, (rendition, name) in enumerate(zip(renditions, names, strict=True)):
        attributes = [
            *[("TYPE", "AUDIO"), ("GROUP-ID", quoted(_group(pathway)))],
            *hls_sound_attributes(name, rendition, rendition.channels or STEREO, leads=place == 0),
            ("STABLE-RENDITION-ID", quoted(stable_id(rendition.uri))),
            ("URI", quoted(urljoin(pathway.url, rendition.uri))),
        ]
        lines.append(_tag("EXT-X-MEDIA", attributes))
    return lines


def _text(rendition: Rendition, pathway: Pathway, label: str) -> str:
    attributes = [
        *[("TYPE", "SUBTITLES"), ("GROUP-ID", quoted(_text_group(pathway)))],
        *hls_text_attributes(label, rendition),
        ("STABLE-RENDITION-ID", quoted(stable_id(rendition.uri))),
        ("URI", quoted(urljoin(pathway.url, rendition.uri))),
    ]
    return _tag("EXT-X-MEDIA", attributes)


def _starting_variant_first(video: Sequence[Rendition]) -> list[Rendition]:
    """Codec by codec, from the smallest up, but first the one that a player without a measurement should begin with."""
    codecs = dict.fromkeys(sample_entry(rendition.codecs) for rendition in video)
    by_codec = [[one for one in video if sample_entry(one.codecs) == codec] for codec in codecs]
    return [rendition for renditions in by_codec for rendition in _first_affordable_first(renditions)]


def _first_affordable_first(video: Sequence[Rendition]) -> list[Rendition]:
    ascending = sorted(video, key=lambda rendition: rendition.bandwidth_bps)
    affordable = [rendition for rendition in ascending if rendition.bandwidth_bps <= _FIRST_VARIANT_BPS]
    start = affordable[-1:] or ascending[:1]
    return [*start, *(rendition for rendition in ascending if rendition not in start)]


def _group(pathway: Pathway) -> str:
    return f"a-{pathway.id}"


def _text_group(pathway: Pathway) -> str:
    return f"t-{pathway.id}"


def _tag(name: str, attributes: Sequence[tuple[str, str]]) -> str:
    return f"#{name}:" + ",".join(f"{key}={value}" for key, value in attributes)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _end_of(root: ET.Element, names: Sequence[str]) -> int:
    """The place after the last child with one of these names; the first place if there is none."""
    return max((place + 1 for place, child in enumerate(root) if _name(child) in names), default=0)
