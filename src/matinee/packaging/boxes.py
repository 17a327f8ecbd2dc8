"""Boxes of ISO media files (ISO/IEC 14496-12): enough of them to count samples and to read lengths."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_MOST_BOXES = 100_000
_HEAD_BYTES = 8

# A box: its type, where its content begins and where it ends.
Box = tuple[str, int, int]


def walk(file: BinaryIO, start: int, end: int, into: frozenset[str] = frozenset()) -> Iterator[Box]:
    """The boxes of a stretch of file, and those inside the types named in ``into``; stops where they make no sense.

    A box that claims to reach past ``end`` is given, cut off there, and is the last.
    """
    for _ in range(_MOST_BOXES):
        if start + _HEAD_BYTES > end:
            return
        file.seek(start)
        head = file.read(16)
        length, body = int.from_bytes(head[:4], "big"), _HEAD_BYTES
        if length == 1:  # 4.2.2: the length follows in 64 bits
            length, body = int.from_bytes(head[8:16], "big"), 16
        elif length == 0:  # 4.2.2: to the end of the file
            length = end - start
        kind = head[4:8]
        if length < body or not kind.isascii() or not kind.decode("ascii").isprintable():
            return
        yield kind.decode("ascii"), start + body, min(start + length, end)
        if kind.decode("ascii") in into:
            yield from walk(file, start + body, min(start + length, end), into)
        start += length


def first_level(path: Path) -> tuple[str, ...]:
    """The types of a file's outermost boxes."""
    with path.open("rb") as file:
        return tuple(kind for kind, _, _ in walk(file, 0, path.stat().st_size))


def index_is_cut(path: Path) -> bool:
    """Whether the index of a film (8.2.1) claims to reach past the end of the file."""
    with path.open("rb") as file:
        end = path.stat().st_size
        # No index has more than the 4 GiB that a length of 32 bits can say.
        return any(
            kind == "moov" and start - _HEAD_BYTES + _number(file, start - _HEAD_BYTES, 4) > end
            for kind, start, _ in walk(file, 0, end)
        )


def lies_elsewhere(path: Path) -> bool:
    """Whether a movie names other files or addresses for its samples.

    By a data reference that is not to the file itself (8.7.2), or as one of QuickTime's reference movies.
    """
    with path.open("rb") as file:
        inside = frozenset({"moov", "trak", "mdia", "minf", "dinf"})
        for kind, start, end in walk(file, 0, path.stat().st_size, inside):
            if kind == "rmra":
                return True
            if kind == "dref":  # past version, flags and count
                for _, reference, stop in walk(file, start + 8, end):
                    is_itself = _number(file, reference + 3, 1) & 1
                    # Some writers forget the flag; without a place there is no other file.
                    if not is_itself and _number(file, reference + 4, max(min(stop - reference - 4, 1024), 0)):
                        return True
    return False


def fragment_samples(path: Path) -> int:
    """How many samples the movie fragments of a segment hold (8.8.8, track fragment run)."""
    with path.open("rb") as file:
        runs = walk(file, 0, path.stat().st_size, frozenset({"moof", "traf"}))
        return sum(_number(file, start + 4, 4) for kind, start, _ in runs if kind == "trun")  # past version and flags


def track_seconds(path: Path) -> float:
    """How long the first track of a file lasts by its media header (8.4.2); 0 if it has none."""
    with path.open("rb") as file:
        for kind, start, _ in walk(file, 0, path.stat().st_size, frozenset({"moov", "trak", "mdia"})):
            if kind == "mdhd":
                wide = _number(file, start, 1) == 1
                place, size = (start + 20, 8) if wide else (start + 12, 4)
                scale, length = _number(file, place, 4), _number(file, place + 4, size)
                return length / scale if scale else 0.0
    return 0.0


def _number(file: BinaryIO, place: int, size: int) -> int:
    file.seek(place)
    return int.from_bytes(file.read(size), "big")
