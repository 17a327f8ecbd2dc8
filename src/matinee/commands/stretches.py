"""What one task encodes of a film: a chunk of its frame list, and how to find its first frame in the source. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from matinee.inspection.frames import TICKS, Frames, places
from matinee.inspection.inspection import Film
from matinee.ladder.shots import Chunk, chunks, segment_starts
from matinee.model.errors import EncodingFailed

BASE_TICKS = TICKS  # a stretch's time stamps begin here, so that a first frame that is none shows on either side
GLIMPSE_FRAMES = 3  # what is new in a frame is told from what moves by the frames before and behind it
_GLIMPSES = 7
_MICROSECONDS = 1_000_000
# Containers round time stamps, to a millisecond at worst, and what is sought is rounded again.
_TOLERANCE_TICKS = 2 * TICKS // 1000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of the source from ``first`` on; ``times`` are theirs, in ticks from the first one's.

    Each becomes ``fields`` frames, among which segments begin at ``starts``. ``seek_microseconds`` lies midway between
    the first frame and the one before it, in the container's time; None: at the start. ``lead_ticks`` is how far the
    first frame lies behind it.
    """

    number: int
    first: int
    times: tuple[int, ...]
    starts: tuple[int, ...]
    fields: int = 1
    seek_microseconds: int | None = None
    lead_ticks: int = 0

    @property
    def encoded(self) -> int:
        """How many frames it becomes."""
        return len(self.times) * self.fields


def plan_stretches(film: Film, frames: Frames, times: Sequence[int], end: int) -> tuple[Stretch, ...]:
    """The film as stretches, in order. ``times`` and ``end`` are the film's: of source frames, in ticks."""
    starts = segment_starts(times, end, frames.cuts)
    planned = chunks(times, end, starts, frames.cuts, places(frames))
    return tuple(_stretch(film, frames, chunk, number) for number, chunk in enumerate(planned))


def plan_glimpses(film: Film, frames: Frames, stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """A few frames in a row from the middle of a few shots, spread over the film; none of shots that are too short."""
    shots = [
        (stretch.first + start // stretch.fields, (following - start) // stretch.fields)
        for stretch in stretches
        for start, following in pairwise((*stretch.starts, stretch.encoded))
    ]
    middles = [first + (held - GLIMPSE_FRAMES) // 2 for first, held in shots if held >= GLIMPSE_FRAMES]
    count = min(_GLIMPSES, len(middles))
    chosen = [middles[(2 * number + 1) * len(middles) // (2 * count)] for number in range(count)]
    return tuple(
        _stretch(film, frames, Chunk(first, GLIMPSE_FRAMES, (0,)), number) for number, first in enumerate(chosen)
    )


def start_seconds(stretches: Sequence[Stretch], times: Sequence[int]) -> tuple[float, ...]:
    """When each segment of a film begins; ``times`` are those of its frames as they are encoded, in ticks."""
    firsts = [0, *accumulate(stretch.encoded for stretch in stretches)]
    return tuple(
        times[first + start] / TICKS
        for first, stretch in zip(firsts[:-1], stretches, strict=True)
        for start in stretch.starts
    )


def check_stretch(stretch: Stretch, stamps: str, what: str) -> None:
    """EncodingFailed unless the encoder got exactly the frames of the stretch; ``stamps`` are their times."""
    got = [int(stamp) - BASE_TICKS for stamp in stamps.split()]
    if len(got) != stretch.encoded:
        raise EncodingFailed(f"FFmpeg gave {len(got)} of {stretch.encoded} frames while {what}.")
    for place, (one, wanted) in enumerate(zip(got[:: stretch.fields], stretch.times, strict=True)):
        if abs(one - wanted) > _TOLERANCE_TICKS:
            raise EncodingFailed(
                f"Frame {place} came {(one - wanted) / TICKS:+.4f} s from its time in the list while {what}."
            )


def _stretch(film: Film, frames: Frames, chunk: Chunk, number: int) -> Stretch:
    """Its times are the container's, and not the film's, which may have been made even."""
    source = frames.times[chunk.first : chunk.first + chunk.frames]
    fields = 2 if film.picture.is_interlaced else 1
    seek, lead = None, 0
    if chunk.first:
        before = frames.times[chunk.first - 1]
        # Whole milliseconds where there are any between the two: containers round to them.
        middle = (before + source[0]) * _MICROSECONDS // (2 * TICKS)
        rounded = middle // 1000 * 1000
        seek = rounded if before * _MICROSECONDS < rounded * TICKS else middle
        lead = source[0] - round(seek * TICKS / _MICROSECONDS)
    relative = _rising([time - source[0] for time in source])
    starts = tuple(start * fields for start in chunk.starts)
    return Stretch(number, chunk.first, relative, starts, fields, seek, lead)


def _rising(times: Sequence[int]) -> tuple[int, ...]:
    made: list[int] = []
    for time in times:
        made.append(max(time, made[-1] + 1) if made else time)
    return tuple(made)
