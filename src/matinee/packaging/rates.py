"""How many bits a second a media playlist takes at its worst and on the whole, as RFC 8216bis §4.1 counts them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import m3u8

# RFC 8216bis §4.1: sets of neighbouring segments count if they last so many target durations.
_SHORTEST, _LONGEST = 0.5, 1.5


@dataclass(frozen=True, slots=True)
class Piece:
    """One segment, or one I-frame: the bytes that are fetched for it, from ``begin`` of ``file`` on, and its time.

    ``file`` is relative to the package; ``size_bytes`` is 0 if it is not there.
    """

    file: str
    begin: int
    size_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Bit/s: ``peak_bps`` of the worst stretch, ``average_bps`` over all."""

    peak_bps: int = 0
    average_bps: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """What a media playlist lists, in order, and its target duration in seconds."""

    pieces: tuple[Piece, ...]
    target_seconds: float

    @property
    def seconds(self) -> float:
        """How long all of it lasts."""
        return sum(piece.seconds for piece in self.pieces)

    @property
    def rates(self) -> Rates:
        """Its rates. The peak is never below the average, whatever lengths there are."""
        if not self.seconds:
            return Rates()
        average = math.ceil(sum(piece.size_bytes for piece in self.pieces) * 8 / self.seconds)
        peak = 0.0
        for first in range(len(self.pieces)):
            size, seconds = 0, 0.0
            for piece in self.pieces[first:]:
                size, seconds = size + piece.size_bytes, seconds + piece.seconds
                if seconds > _LONGEST * self.target_seconds:
                    break
                if seconds >= _SHORTEST * self.target_seconds:
                    peak = max(peak, size * 8 / seconds)
        return Rates(max(math.ceil(peak), average), average)


def read_list(folder: Path, uri: str) -> Listed:
    """What a media playlist of a package lists."""
    place = uri.rpartition("/")[0]
    playlist = m3u8.loads((folder / uri).read_text())
    pieces = []
    for segment in playlist.segments:
        file = f"{place}/{segment.uri}" if place else segment.uri
        begin, size = 0, (folder / file).stat().st_size if (folder / file).exists() else 0
        if segment.byterange:  # RFC 8216bis §4.4.4.2: length@offset
            wanted, _, offset = segment.byterange.partition("@")
            begin, size = int(offset or 0), min(int(wanted), max(size - int(offset or 0), 0))
        pieces.append(Piece(file, begin, size, segment.duration))
    return Listed(tuple(pieces), float(playlist.target_duration or 0))


def loudest(rates: Sequence[Rates]) -> Rates:
    """The largest of each, as a variant counts the renditions that may be chosen with it (RFC 8216bis §4.4.6.2)."""
    return Rates(
        max((one.peak_bps for one in rates), default=0),
        max((one.average_bps for one in rates), default=0),
    )
