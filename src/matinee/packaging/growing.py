"""A media playlist that lengthens while its film is encoded: an EVENT playlist (RFC 8216bis §4.4.3.5). Pure text.

Whoever encodes rewrites it whole, by appending only, and ends it with EXT-X-ENDLIST when the film's end was reached, as
FFmpeg does under ``-hls_playlist_type event``.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin

import m3u8

from matinee.model.errors import Invalid

_VERSION = 3  # decimal durations (RFC 8216bis §8); no byte ranges, no maps
# RFC 6761 §6.4: names under .invalid are nobody's, so nothing else in a playlist begins so.
_FOLDER = "https://folder.invalid/"


@dataclass(frozen=True, slots=True)
class Growth:
    """What a growing playlist says at one moment: how many seconds have arrived, and whether that is the whole film.

    ``pieces`` is its text, cut wherever the address of the revision's folder belongs.
    """

    pieces: tuple[str, ...]
    arrived_seconds: float
    is_whole: bool

    def at(self, folder: str) -> str:
        """The text for who fetches segments from one place; ``folder`` ends in a slash."""
        return folder.join(self.pieces)


def read_growth(text: str, uri: str) -> Growth:
    """Read a growing playlist that stands at ``uri`` under its revision's folder.

    Invalid if it is not one: a sliding window loses its beginning, and only what may grow is asked for again.
    """
    playlist = _event(text, uri)
    for segment in playlist.segments:
        segment.uri = segment.absolute_uri
        if segment.init_section is not None:
            segment.init_section.uri = segment.init_section.absolute_uri
    return Growth(
        pieces=tuple(playlist.dumps().split(_FOLDER)),
        arrived_seconds=math.fsum(segment.duration for segment in playlist.segments),
        is_whole=playlist.is_endlist,
    )


def appended(text: str, segments: Iterable[tuple[str, float]], *, target_seconds: int, whole: bool = False) -> str:
    """A growing playlist with further segments, each a URI and its seconds; of an empty text the first.

    ``whole`` ends it. Invalid if it has ended already, or for a segment longer than it said that any would be: neither
    may change (RFC 8216bis §6.2.1).
    """
    lines = [f"#EXTINF:{seconds:.6f},\n{uri}\n" for uri, seconds in _fitting(segments, target_seconds)]
    head = text or (
        f"#EXTM3U\n#EXT-X-VERSION:{_VERSION}\n#EXT-X-TARGETDURATION:{target_seconds}\n#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    )
    before = _event(head, "main.m3u8")
    if before.is_endlist:
        raise Invalid("This playlist has ended: nothing can be appended to it.")
    if before.target_duration != target_seconds:
        raise Invalid(f"This playlist's segments last {before.target_duration} s at most, not {target_seconds} s.")
    return head + "".join(lines) + ("#EXT-X-ENDLIST\n" if whole else "")


def _fitting(segments: Iterable[tuple[str, float]], target_seconds: int) -> Iterable[tuple[str, float]]:
    for uri, seconds in segments:
        # RFC 8216bis §4.4.3.1: rounded to the nearest second.
        if not 0 < seconds < target_seconds + 0.5:
            raise Invalid(f"The segment {uri} lasts {seconds} s, where {target_seconds} s are the most.")
        yield uri, seconds


def _event(text: str, uri: str) -> m3u8.M3U8:
    if not text.startswith("#EXTM3U"):
        raise Invalid("This is not a playlist.")
    playlist = m3u8.loads(text, uri=urljoin(_FOLDER, uri))
    if playlist.is_variant or playlist.playlist_type != "event":
        raise Invalid("This playlist does not grow: it is not of the type EVENT.")
    return playlist
