"""Where a film is cut: segments that begin with shots, and chunks of whole segments that are encoded alone.

A segment is what players fetch; all rungs share their starts, and key frames stand there and nowhere else. A chunk is
what one machine encodes at one go. Frames are counted from 0; times are ticks of 1/90,000 s from the film's start.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

_TICKS = 90_000
SHORTEST_SECONDS = 2.0  # below it, requests cost more than switching there gains
LONGEST_SECONDS = 6.0  # HLS authoring specification for Apple devices, 1.30: target durations of six seconds
_SHORTEST, _LONGEST = round(SHORTEST_SECONDS * _TICKS), round(LONGEST_SECONDS * _TICKS)
_USUAL = 5 * _TICKS  # what longer shots are divided into: far enough from both bounds for any frame rate
# A chunk starts a process and decodes from the source's key frame before it; and it is what a kill costs.
_CHUNKS_WANTED = 8
_SHORTEST_CHUNK, _LONGEST_CHUNK = 6 * _TICKS, 24 * _TICKS


@dataclass(frozen=True, slots=True)
class Chunk:
    """So many frames from ``first`` on; ``starts`` are the places of its segments in it, of which the first is 0."""

    first: int
    frames: int
    starts: tuple[int, ...]


def segment_starts(times: Sequence[int], end: int, cuts: Sequence[int]) -> tuple[int, ...]:
    """The frames with which segments begin; the first is 0.

    Every cut is one that lies two seconds or more behind the one taken before it and before the end. What is longer
    than six seconds between them is divided evenly, as far as there are frames.
    """
    stamps = (*times, end)
    shots = [0]
    for cut in cuts:
        if stamps[cut] - stamps[shots[-1]] >= _SHORTEST and end - stamps[cut] >= _SHORTEST:
            shots.append(cut)
    starts: list[int] = []
    for shot, following in pairwise((*shots, len(times))):
        starts += [shot, *_divisions(stamps, shot, following)]
    return tuple(starts)


def chunks(
    times: Sequence[int], end: int, starts: Sequence[int], cuts: Collection[int], places: Sequence[bool]
) -> tuple[Chunk, ...]:
    """Segments gathered into chunks: an eighth of a short film each, 24 to 36 s of a longer one.

    They are parted at cuts, where two encodes beside each other cannot be told from one; else where half as much again
    would come together; and only before frames that ``places`` allows.
    """
    stamps, cut_at = (*times, end), frozenset(cuts)
    wanted = min(max(end // _CHUNKS_WANTED, _SHORTEST_CHUNK), _LONGEST_CHUNK)
    firsts = [0]
    for start in starts[1:]:
        held = stamps[start] - stamps[firsts[-1]]
        enough = held >= wanted if start in cut_at else held * 2 >= wanted * 3
        if enough and places[start] and (end - stamps[start]) * 2 >= wanted:
            firsts.append(start)
    return tuple(
        Chunk(first, following - first, tuple(start - first for start in starts if first <= start < following))
        for first, following in pairwise((*firsts, len(times)))
    )


def _divisions(stamps: Sequence[int], shot: int, following: int) -> list[int]:
    """Where a shot that is too long for one segment is divided."""
    begin, length = stamps[shot], stamps[following] - stamps[shot]
    if length <= _LONGEST:
        return []
    parts = -(-length // _USUAL)
    found = [shot]
    for number in range(1, parts):
        ideal = begin + length * number // parts
        place = bisect_left(stamps, ideal, shot, following)
        if place > shot and ideal - stamps[place - 1] < stamps[place] - ideal:
            place -= 1
        if stamps[place] - stamps[found[-1]] >= _SHORTEST and stamps[following] - stamps[place] >= _SHORTEST:
            found.append(place)
    return found[1:]
