"""The packager's multivariant playlist, made whole: rates out of the files, and what the packager never says.

It leaves short segments out of the peak, which may so come to lie below the average, takes the first frame's length
for every one's, and knows neither stable names nor, where nothing tags it, the range of the picture.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from matinee.packaging.rates import Rates, loudest, read_list
from matinee.packaging.text import quoted

IFRAMES = "iframes.m3u8"
SDR = "SDR"
_STREAM, _IFRAME_STREAM, _MEDIA = "#EXT-X-STREAM-INF:", "#EXT-X-I-FRAME-STREAM-INF:", "#EXT-X-MEDIA:"
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


def complete_variants(playlist: str, folder: Path, rate: Fraction) -> str:
    """The playlist with every variant's attributes, out of the media playlists and files in the folder.

    ``rate`` is the picture's, in frames a second.
    """
    lines = playlist.splitlines()
    groups: dict[str, list[Rates]] = {}
    for line in lines:
        if line.startswith(_MEDIA):
            told = attributes_of(line)
            groups.setdefault(told.get("GROUP-ID", ""), []).append(_measured(folder, told.get("URI", '""').strip('"')))
    beside = {group: loudest(rates) for group, rates in groups.items()}
    ranges = {
        stable_id(uri): attributes_of(line).get("VIDEO-RANGE", SDR)
        for line, uri in pairwise(lines)
        if line.startswith(_STREAM)
    }
    done = []
    for place, line in enumerate(lines):
        if line.startswith(_STREAM):
            done.append(_variant(line, lines[place + 1], folder, rate, beside))
        elif line.startswith(_IFRAME_STREAM):
            done.append(_iframes(line, folder, ranges))
        else:
            done.append(line)
    return "\n".join([*done, ""])


def attributes_of(line: str) -> dict[str, str]:
    """A tag's attribute list as it stands there, quotes included (RFC 8216bis §4.2)."""
    return dict(_ATTRIBUTE.findall(line.partition(":")[2]))


def tag(name: str, attributes: Mapping[str, str]) -> str:
    """A tag with its attributes in their order."""
    return f"{name}:" + ",".join(f"{key}={value}" for key, value in attributes.items())


def stable_id(uri: str) -> str:
    """A variant's or rendition's name that stays when its address changes: its folder."""
    # RFC 8216bis §4.4.6.2: letters, digits, '+', '/', '=', '.', '-' and '_'.
    return re.sub(r"[^A-Za-z0-9+/=._-]", "-", uri.rpartition("/")[0])


def stable_iframes_id(uri: str) -> str:
    """The same of a variant's I-frames: an address for each, so a name for each (RFC 8216bis §7, PER-VARIANT-URIS)."""
    return f"{stable_id(uri)}-iframes"


def _measured(folder: Path, uri: str) -> Rates:
    return read_list(folder, uri).rates if uri else Rates()


def _variant(line: str, uri: str, folder: Path, rate: Fraction, beside: Mapping[str, Rates]) -> str:
    told = attributes_of(line)
    measured = [_measured(folder, uri), *(beside.get(told.get(group, ""), Rates()) for group in ("AUDIO", "SUBTITLES"))]
    rates = {
        # RFC 8216bis §4.4.6.2: the largest sum of any combination that can be played.
        "BANDWIDTH": str(sum(one.peak_bps for one in measured)),
        "AVERAGE-BANDWIDTH": str(sum(one.average_bps for one in measured)),
    }
    told = rates | {key: value for key, value in told.items() if key not in rates}
    told["FRAME-RATE"] = f"{float(rate):.3f}"
    told.setdefault("VIDEO-RANGE", SDR)
    told.setdefault("CLOSED-CAPTIONS", "NONE")
    told["STABLE-VARIANT-ID"] = quoted(stable_id(uri))
    return tag(_STREAM[:-1], told)


def _iframes(line: str, folder: Path, ranges: Mapping[str, str]) -> str:
    told = attributes_of(line)
    uri = told.pop("URI").strip('"')
    measured = _measured(folder, uri)
    told |= {"BANDWIDTH": str(measured.peak_bps), "AVERAGE-BANDWIDTH": str(measured.average_bps)}
    told["VIDEO-RANGE"] = ranges.get(stable_id(uri), SDR)
    told["STABLE-VARIANT-ID"] = quoted(stable_iframes_id(uri))
    told["URI"] = quoted(uri)
    return tag(_IFRAME_STREAM[:-1], told)
