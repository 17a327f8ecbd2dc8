"""Where two episodes sound alike: runs of equal words at one distance, whatever lies around them.

Words that agree in part vote for the distance at which they do (A. Wang, "An Industrial-Strength Audio Search
Algorithm", ISMIR 2003: a histogram of offsets); along the distances with most votes, runs are where few bits differ
(Haitsma and Kalker, §4.3: a false alarm needs 35 % or fewer wrong bits over seconds).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matinee.spans.words import FRAME, HOP_SECONDS, RATE_HZ, UNHEARD, Words

LEAST_SECONDS = 8.0
"""What is shorter is a jingle, a sting or chance."""

_EDGE_SECONDS = FRAME / RATE_HZ  # what the words at both ends share with what lies around

_BITS = 32
# Three overlapping parts of a word: one of them is often whole where noise turned some bits.
_PARTS = tuple(np.uint32(((1 << 20) - 1) << shift) for shift in (0, 6, 12))
_COMMON = 12  # a part that stands in so many places of an episode tells of no place
_DISTANCES = 24  # so many are looked along
_LEAST_VOTES = 4
_SMOOTH_SECONDS = 1.5
_WRONG = 0.36  # of the bits, over _SMOOTH_SECONDS: a run goes on
_MOST_WRONG = 0.32  # over a whole run
_GAP_SECONDS = 5.0  # a word spoken over the music
_LONGEST_GAP = 2.0  # as many times as long as what is alike on either side of it
_LEAST_ALIKE = 0.75  # of a run; jingles at one pace have less
_PIECE_SECONDS = 2.0  # of a run at another speed, which has another distance after a while
_SEAM_SECONDS = 1.5
_DRIFT = 0.012
_LOOP_SECONDS = (1.0, 15.0)
_LOOP_WRONG = 0.28
_LEAST_HEARD = 0.5
_CHANCE = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """Words of one episode that another has as well: ``first`` to ``end`` here, ``distance`` later there.

    ``wrong`` is the share of their bits that differ.
    """

    first: int
    end: int
    distance: int
    wrong: float


def shared_runs(here: Words, there: Words, least_seconds: float = LEAST_SECONDS) -> tuple[Run, ...]:
    """The runs that both have, in order of time here; where several distances fit, the best of them."""
    found = [run for distance in _distances(here, there) for run in _runs(here, there, distance)]
    kept: list[Run] = []
    for run in sorted(found, key=lambda run: (run.wrong - _CHANCE) * (run.end - run.first)):
        rest = _outside(run, kept)
        if rest.end - rest.first >= _words(_PIECE_SECONDS):
            kept.append(rest)
    whole = _joined(sorted(kept, key=lambda run: run.first))
    least = _words(least_seconds - _EDGE_SECONDS)
    return tuple(run for run in whole if run.end - run.first >= least and not _loops(here[run.first : run.end]))


def _joined(pieces: Sequence[Run]) -> list[Run]:
    """Pieces of which one follows the other a little nearer or farther there: the same at another speed."""
    joined: list[Run] = []
    last = Run(0, 0, 0, 0.0)  # the latest piece itself
    for piece in pieces:
        centres = (piece.first + piece.end - last.first - last.end) / 2
        near = piece.first - last.end <= _words(_SEAM_SECONDS)
        if joined and near and abs(piece.distance - last.distance) <= 2 + _DRIFT * centres:
            before = joined.pop()
            lengths = (before.end - before.first, piece.end - piece.first)
            wrong = (before.wrong * lengths[0] + piece.wrong * lengths[1]) / sum(lengths)
            joined.append(Run(before.first, piece.end, before.distance, wrong))
        else:
            joined.append(piece)
        last = piece
    return joined


def _loops(words: Words) -> bool:
    """Whether a sound is a short one over and over, as the tone of a room is: nobody can tell where it begins."""
    shortest, longest = map(_words, _LOOP_SECONDS)
    lags = range(shortest, min(longest, len(words) // 3) + 1)
    return any(float(np.mean(_wrong(words[:-lag], words[lag:]))) < _LOOP_WRONG for lag in lags)


def _outside(run: Run, kept: Sequence[Run]) -> Run:
    """What of a run no better one covers: its longest piece."""
    pieces = [(run.first, run.end)]
    for better in kept:
        pieces = [
            piece
            for first, end in pieces
            for piece in ((first, min(end, better.first)), (max(first, better.end), end))
            if piece[0] < piece[1]
        ]
    first, end = max(pieces, key=lambda piece: piece[1] - piece[0], default=(run.first, run.first))
    return Run(first, end, run.distance, run.wrong)


def _distances(here: Words, there: Words) -> list[int]:
    """The distances with most votes, most first, none beside a better one."""
    if not len(here) or not len(there):
        return []
    votes = np.zeros(len(here) + len(there) + 1, np.int32)
    for part in _PARTS:
        votes += np.bincount(_votes(here & part, there & part) + len(here), minlength=len(votes)).astype(np.int32)
    smooth = votes + np.pad(votes, 1)[:-2] + np.pad(votes, 1)[2:]
    chosen: list[int] = []
    for place in np.argsort(smooth, kind="stable")[::-1][: 4 * _DISTANCES]:
        if smooth[place] < _LEAST_VOTES or len(chosen) == _DISTANCES:
            break
        distance = int(place) - len(here)
        if all(abs(distance - other) > 1 for other in chosen):
            chosen.append(distance)
    return chosen


def _votes(here: Words, there: Words) -> NDArray[np.int64]:
    """The distance of every pair of equal parts that are not common."""
    order = np.argsort(there, kind="stable")
    ordered = there[order]
    left, right = np.searchsorted(ordered, here, "left"), np.searchsorted(ordered, here, "right")
    counts = np.where((here != UNHEARD) & (right - left <= _COMMON), right - left, 0)
    from_here = np.repeat(np.arange(len(here)), counts)
    within = np.arange(len(from_here)) - np.repeat(np.cumsum(counts) - counts, counts)
    distances: NDArray[np.int64] = order[np.repeat(left, counts) + within] - from_here
    return distances


def _runs(here: Words, there: Words, distance: int) -> list[Run]:
    """The runs at one distance, and pieces of some."""
    first, end = max(0, -distance), min(len(here), len(there) - distance)
    if end - first < _words(_PIECE_SECONDS):
        return []
    wrong = _wrong(here[first:end], there[first + distance : end + distance])
    heard = (here[first:end] != UNHEARD) & (there[first + distance : end + distance] != UNHEARD)
    alike = _smooth(wrong, _words(_SMOOTH_SECONDS)) < _WRONG
    runs = []
    for start, stop in _stretches(alike, _words(_GAP_SECONDS)):
        start, stop = _edges(wrong, start, stop)  # noqa: PLW2901 - the same run, told more exactly
        if stop - start < _words(_PIECE_SECONDS) or np.mean(heard[start:stop]) < _LEAST_HEARD:
            continue
        if np.mean(alike[start:stop]) < _LEAST_ALIKE:
            continue
        share = float(np.mean(wrong[start:stop][heard[start:stop]]))
        if share <= _MOST_WRONG:
            runs.append(Run(first + start, first + stop, distance, share))
    return runs


def _wrong(here: Words, there: Words) -> NDArray[np.float64]:
    """The share of bits that differ; half of them, as chance has it, where nothing is heard."""
    differ = np.bitwise_count(here ^ there) / _BITS
    return np.where((here == UNHEARD) | (there == UNHEARD), _CHANCE, differ)


def _smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    width = min(width, len(values)) | 1
    sums = np.cumsum(np.pad(values, (width // 2 + 1, width // 2), mode="edge"))
    smooth: NDArray[np.float64] = (sums[width:] - sums[:-width]) / width
    return smooth


def _stretches(flags: NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """First and end of each stretch of flags, over gaps that are shorter, also than what lies on either side."""
    steps = np.diff(np.pad(flags.astype(np.int8), 1))
    joined: list[tuple[int, int]] = []
    for first, end in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        beside = min(int(end - first), joined[-1][1] - joined[-1][0]) if joined else 0
        if joined and first - joined[-1][1] < min(gap, _LONGEST_GAP * beside):
            joined[-1] = (joined[-1][0], int(end))
        else:
            joined.append((int(first), int(end)))
    return joined


def _edges(wrong: NDArray[np.float64], first: int, end: int) -> tuple[int, int]:
    """Where the run begins and ends by single words: as many good ones and as few bad ones in it as can be."""
    reach = _words(_SMOOTH_SECONDS)
    gains = np.cumsum(np.pad(_WRONG - wrong, (1, 0)))
    low, high = max(first - reach, 0), min(first + reach, len(wrong))
    start = low + int(np.argmin(gains[low : high + 1]))
    low, high = max(end - reach, start), min(end + reach, len(wrong))
    return start, low + int(np.argmax(gains[low : high + 1]))


def _words(seconds: float) -> int:
    return round(seconds / HOP_SECONDS)
