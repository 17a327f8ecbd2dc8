"""Media addresses as they stand in a request line: ``/<token>/<title>/<revision>/<file…>``, and nothing else.

Nothing is decoded. Published names and tokens need only the letters below, so an address with any other byte (a per
cent sign, a backslash, NUL, UTF-8 of any length) cannot be one of ours and is refused before it means anything.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 1024
"""Bytes of the longest path that is looked at; a token takes at most 512 of them."""

# A segment begins with no dot: that leaves no room for `.` and `..` nor for a hidden file. An empty one has no match.
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_MEDIA = re.compile(rf"/([A-Za-z0-9_-]+)/({_SEGMENT}/{_SEGMENT}(?:/{_SEGMENT})+)".encode())
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})+")

# RFC 8216 §4 and §10, ISO/IEC 23009-1 Annex C and D.
CONTENT_TYPES = {
    "aac": "audio/aac",
    "jpg": "image/jpeg",
    "json": "application/json",
    "m3u8": "application/vnd.apple.mpegurl",
    "m4a": "audio/mp4",
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
    "mpd": "application/dash+xml",
    "png": "image/png",
    "ts": "video/mp2t",
    "vtt": "text/vtt; charset=utf-8",
    "webp": "image/webp",
}


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """A token, not yet checked, and the path that it is to open: ``<title>/<revision>/<file…>``."""

    token: str
    path: str


def parse(raw_path: bytes) -> MediaAddress | None:
    """The address in a request's path, as it came over the wire; None if it is not one."""
    match = _MEDIA.fullmatch(raw_path) if len(raw_path) <= LONGEST else None
    if match is None:
        return None
    return MediaAddress(token=match[1].decode("ascii"), path=match[2].decode("ascii"))


def is_media_path(path: str) -> bool:
    """Whether an address could name this path; a cache folder holds nothing else."""
    return len(path) <= LONGEST and _PATH.fullmatch(path) is not None


def content_type(path: str) -> str:
    """What the file at a path is, told by its name's ending."""
    return CONTENT_TYPES.get(path.rpartition(".")[2], "application/octet-stream")


@lru_cache(maxsize=16384)
def entity_tag(path: str) -> bytes:
    """The file's strong validator, the same on every edge. A name stands for its bytes: files never change."""
    return b'"' + hashlib.sha256(path.encode()).hexdigest()[:20].encode() + b'"'
