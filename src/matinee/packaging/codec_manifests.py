"""Codecs of pictures in DASH: an adaptation set each, which players choose from once, by what they can decode.

Shaka Packager parts them so. What it cannot know is which one we like best, and that high dynamic range is no trifle.
"""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from m3u8.model import StreamInfo

from matinee.model.errors import EncodingFailed
from matinee.model.media import Codec, Rung, VideoRange
from matinee.packaging.sound import MPD

# RFC 6381: what the codec string of each begins with.
SAMPLE_ENTRIES = {Codec.H264: "avc1", Codec.HEVC: "hvc1", Codec.AV1: "av01"}
# ISO/IEC 23009-1 §5.3.3: where several can be decoded, the fewest bits are best. dash.js would take the most.
_PRIORITIES = {"avc1": 1, "hvc1": 2, "av01": 3}
_CICP = "urn:mpeg:mpegB:cicp:"
_TRANSFER = f"{_CICP}TransferCharacteristics"
_PQ, _HLG, _WIDE_SDR = "16", "18", "14"  # ITU-T H.273, table 3
_SUPPLEMENTAL, _ESSENTIAL = f"{{{MPD}}}SupplementalProperty", f"{{{MPD}}}EssentialProperty"


def sample_entry(codecs: str) -> str:
    """The kind of a codec string: ``av01`` for ``av01.0.08M.10``."""
    return codecs.partition(".")[0]


def check_codec(info: StreamInfo, rung: Rung, what: str) -> str:
    """The codec string of a variant's picture; EncodingFailed if codec or range are not the rung's."""
    codec: str = info.codecs.split(",")[0]
    if sample_entry(codec) != SAMPLE_ENTRIES[rung.codec]:
        raise EncodingFailed(f"{what} is said to be {codec}, and was encoded to {rung.codec.value}.")
    shown = info.video_range or VideoRange.SDR.value
    if shown != rung.video_range:
        raise EncodingFailed(f"{what} is said to be {shown}, and was encoded to {rung.video_range}.")
    return codec


def check_sets(dash: Path, codecs: Mapping[str, str], name: str) -> None:
    """EncodingFailed unless every adaptation set of pictures is of one codec, the playlist's; by playlists' names."""
    by_folder = {uri.rpartition("/")[0]: told for uri, told in codecs.items()}
    for pictured in ET.parse(dash).iter(f"{{{MPD}}}AdaptationSet"):  # noqa: S314 - written by the packager a moment ago
        kinds = set()
        for representation in pictured.iter(f"{{{MPD}}}Representation"):
            template = representation.find(f"{{{MPD}}}SegmentTemplate")
            folder = "" if template is None else template.get("initialization", "").rpartition("/")[0]
            if folder not in by_folder:
                continue  # sound, text, thumbnails
            told = representation.get("codecs") or pictured.get("codecs") or ""
            if told != by_folder[folder]:
                raise EncodingFailed(f"{name}: manifests disagree about {folder}: {told}, {by_folder[folder]}.")
            kinds.add(sample_entry(told))
        if len(kinds) > 1:
            raise EncodingFailed(
                f"{name}: an adaptation set has pictures of several codecs: {', '.join(sorted(kinds))}."
            )


def rank_codecs(period: ET.Element) -> None:
    """Say which set of pictures is preferred, and which only players may show that know its light."""
    pictures = [one for one in period if one.get("contentType") == "video"]
    for pictured in pictures:
        described = [pictured, *pictured.iter(f"{{{MPD}}}Representation")]
        kinds = {sample_entry(codecs) for one in described if (codecs := one.get("codecs"))}
        if len(pictures) > 1:
            pictured.set("selectionPriority", str(max((_PRIORITIES.get(kind, 1) for kind in kinds), default=1)))
        _insist(pictured)


def _insist(pictured: ET.Element) -> None:
    """Make the colours of high dynamic range essential: whoever does not know them passes the set over.

    As ETSI TS 103 285 §5.2.5 has it. HLG (§5.2.6) is also a picture for wide ordinary screens, which is what is
    essential of it.
    """
    told = [one for one in pictured.findall(_SUPPLEMENTAL) if one.get("schemeIdUri", "").startswith(_CICP)]
    transfer = next((one.get("value") for one in told if one.get("schemeIdUri") == _TRANSFER), None)
    if transfer not in {_PQ, _HLG}:
        return
    for one in told:
        one.tag = _ESSENTIAL
        if one.get("schemeIdUri") == _TRANSFER and transfer == _HLG:
            one.set("value", _WIDE_SDR)
            finer = ET.Element(_SUPPLEMENTAL, {"schemeIdUri": _TRANSFER, "value": _HLG})
            pictured.insert(list(pictured).index(one) + 1, finer)
