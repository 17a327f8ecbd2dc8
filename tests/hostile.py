"""Files that are made to do harm: that name others, claim what cannot be, or are something else than they seem."""

import struct
import zipfile
from pathlib import Path

from sources import H264, draw, ffmpeg, picture, tone


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of an ISO file."""
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _grown(data: bytes, path: list[bytes], change: bytes) -> bytes:
    """An ISO file in which the content of the first box at a path is another; all boxes around it grow with it."""
    place = 0
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == path[0]:
            inside = data[place + 8 : place + length]
            made = change if len(path) == 1 else _grown(inside, path[1:], change)
            return data[:place] + box(kind, made) + data[place + length :]
        place += length
    raise AssertionError(f"there is no {path[0]!r}")


_DREF = [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"]


def url_reference(place: Path, target: str) -> Path:
    """A film whose samples are said to lie at an address (ISO/IEC 14496-12, 8.7.2)."""
    ffmpeg(*picture(), *H264, place)  # the index comes last: no place of a sample moves
    entry = box(b"url ", bytes(4), target.encode() + b"\0")
    place.write_bytes(_grown(place.read_bytes(), _DREF, bytes(4) + struct.pack(">I", 1) + entry))
    return place


def alias_reference(place: Path, target: str) -> Path:
    """The same by an alias of the Macintosh, which names a file of this machine (QuickTime File Format)."""
    ffmpeg(*picture(), *H264, place)
    name = Path(target).name.encode()
    record = bytes(10) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12)
    record += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16) + struct.pack(">hh", -1, -1) + bytes(16)
    path = target.encode()
    record += struct.pack(">hH", 2, len(path)) + path + bytes(len(path) % 2) + struct.pack(">hH", -1, 0)
    entry = box(b"alis", bytes(4), record.ljust(160, b"\0"))
    place.write_bytes(_grown(place.read_bytes(), _DREF, bytes(4) + struct.pack(">I", 1) + entry))
    return place


def reference_movie(place: Path, target: str) -> Path:
    """QuickTime's reference movie, which is only an address."""
    url = target.encode() + b"\0"
    reference = box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(url)), url)
    place.write_bytes(box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", box(b"rmra", box(b"rmda", reference))))
    return place


def linked_segment(place: Path, target: str) -> Path:
    """A film that says in which file it goes on (RFC 9559, 5.1.2.6)."""
    title = target.encode()
    ffmpeg(*picture(), *tone(), *H264, "-metadata", f"title={target}", place)
    data = place.read_bytes()
    was = b"\x7b\xa9" + bytes([0x80 | len(title)]) + title
    link = b"\x3e\x83\xbb" + bytes([0x80 | (len(title) - 1)]) + title[: len(title) - 1]
    assert data.count(was) == 1
    place.write_bytes(data.replace(was, link))
    return place


def attachments(place: Path, target: Path) -> Path:
    """A film with other things in it: a secret that calls itself a font, and a picture."""
    cover = place.with_name("cover.png")
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", cover)
    font = ("-attach", target, "-metadata:s:t:0", "mimetype=application/x-truetype-font")
    image = ("-attach", cover, "-metadata:s:t:1", "mimetype=image/png")
    ffmpeg(*picture(), *tone(), *H264, *font, *image, place)
    return place


def unknown_codec(place: Path) -> Path:
    """A WebM film in a codec that nobody knows."""
    ffmpeg(*picture(0.5), "-c:v", "libvpx", "-deadline", "realtime", place)
    data = place.read_bytes()
    assert b"V_VP8" in data
    place.write_bytes(data.replace(b"V_VP8", b"V_VPX"))
    return place


def zipped(place: Path) -> Path:
    """A film in a zip archive, called a film."""
    film = draw(place.with_name("inside.mkv"), seconds=1)
    with zipfile.ZipFile(place, "w") as archive:
        archive.write(film, "film.mkv")
    return place


def edit_bomb(place: Path, entries: int) -> Path:
    """A film of ten frames whose edit list shows them again and again (ISO/IEC 14496-12, 8.6.6)."""
    ffmpeg(*picture(0.4), *H264, "-bf", "0", place)
    data = place.read_bytes()
    edit = struct.pack(">IiHH", 400, 0, 1, 0)
    listed = bytes(4) + struct.pack(">I", entries) + edit * entries
    place.write_bytes(_grown(data, [b"moov", b"trak", b"edts", b"elst"], listed))
    return place


def enormous(place: Path) -> Path:
    """A picture of 65,500 lines and columns in a kilobyte of JPEG."""
    ffmpeg(*picture(0.2, size="64x64"), "-c:v", "mjpeg", place)
    data = bytearray(place.read_bytes())
    start = 0
    while (start := data.find(b"\xff\xc0", start)) >= 0:
        data[start + 5 : start + 9] = struct.pack(">HH", 65_500, 65_500)
        start += 9
    place.write_bytes(data)
    return place
