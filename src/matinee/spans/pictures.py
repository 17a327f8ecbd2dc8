"""Pictures as hashes, and the shots of one episode that another has as well: what a recap is made of.

C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010): 64 bits, each whether one of the
lowest frequencies of the picture is above their median. Scale, codec and a little light change few of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

SIDE = 32
"""Pictures are hashed as squares of so many grey pixels."""

RATE = 4
"""So many a second are looked at."""

PLAIN = np.uint64(0)
"""The hash of a picture in which there is nothing to know it by: black, white, a fade."""

_LOW = 8
_PLAIN_DEVIATION = 6.0  # of 255
_BATCH = 1024
_ALIKE_BITS = 10  # of 64; chance has 32 with a deviation of 4
_SHORTEST_SHOT = RATE * 3 // 4  # pictures in a row at one distance
_LEAST_CHANGE = 3  # bits between neighbours, somewhere in the shot: a standing set is no repetition
_MOST_CANDIDATES = 400
_APART = 5 * RATE  # a shot that is seen again so far from its place is no place
_LEAST_KNOWN = 2 * RATE  # pictures that are not plain, to say whether two rows are alike
_SHIFT = 2  # pictures that sound may be early or late
_LEAST_ALIKE = 0.4


@dataclass(frozen=True, slots=True)
class Shot:
    """Pictures ``first`` to ``end`` here that stand ``distance`` later in the other episode."""

    first: int
    end: int
    distance: int


def hashes_of(pictures: NDArray[np.uint8]) -> Hashes:
    """The hashes of grey pictures, an array of (pictures, SIDE, SIDE)."""
    found = [_hashes(pictures[first : first + _BATCH]) for first in range(0, len(pictures), _BATCH)]
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def _hashes(pictures: NDArray[np.uint8]) -> Hashes:
    values = pictures.astype(np.float32)
    from scipy import fft  # noqa: PLC0415 - a worker starts without it, and may never need it

    low = fft.dctn(values, axes=(1, 2))[:, :_LOW, :_LOW].reshape(len(values), -1)
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    bits[:, 0] = True  # the mean says nothing; so no hash is PLAIN by itself
    hashes: Hashes = np.packbits(bits, axis=1).view(np.uint64).ravel()
    return np.where(values.std(axis=(1, 2)) < _PLAIN_DEVIATION, PLAIN, hashes)


def repeated_shots(here: Hashes, there: Hashes) -> tuple[Shot, ...]:
    """Shots of ``here`` that ``there`` has, in order; a picture that moves in both is asked for."""
    if not len(here) or not len(there):
        return ()
    # Row by row: 64 bits a pair would be half a gigabyte for long episodes.
    alike = np.array([np.bitwise_count(one ^ there) <= _ALIKE_BITS for one in here])
    alike &= (here != PLAIN)[:, None] & (there != PLAIN)[None, :]
    shots: list[Shot] = []
    for distance in _likely(alike):
        shots += _along(here, alike, distance)
    kept: list[Shot] = []
    for shot in sorted(shots, key=lambda one: one.first - one.end):
        if all(shot.end <= other.first or shot.first >= other.end for other in kept) and not _returns(alike, shot):
            kept.append(shot)
    return tuple(sorted(kept, key=lambda one: one.first))


def _returns(alike: NDArray[np.bool_], shot: Shot) -> bool:
    """Whether the other episode has the shot's pictures elsewhere too: a stage, a view of the town, a card."""
    elsewhere = 0
    for row in range(shot.first, shot.end):
        place = row + shot.distance
        elsewhere += bool(alike[row, : max(place - _APART, 0)].any() or alike[row, place + _APART :].any())
    return elsewhere > (shot.end - shot.first) / 2


def are_alike(here: Hashes, there: Hashes, distance: int) -> bool | None:
    """Whether pictures are the same as those that stand so much later there; None where too few are not plain."""
    known, best = 0, 0.0
    for shifted in range(distance - _SHIFT, distance + _SHIFT + 1):
        first, end = max(0, -shifted), min(len(here), len(there) - shifted)
        if end <= first:
            continue
        mine, theirs = here[first:end], there[first + shifted : end + shifted]
        both = (mine != PLAIN) & (theirs != PLAIN)
        if (seen := int(both.sum())) >= _LEAST_KNOWN:
            known += seen
            best = max(best, float((np.bitwise_count(mine ^ theirs) <= _ALIKE_BITS)[both].mean()))
    return best >= _LEAST_ALIKE if known else None


def _likely(alike: NDArray[np.bool_]) -> list[int]:
    """Distances at which as many pictures are alike as a shot has, most first."""
    rows, columns = np.nonzero(alike)
    votes = np.bincount(columns - rows + len(alike), minlength=alike.shape[0] + alike.shape[1])
    order = np.argsort(votes, kind="stable")[::-1][:_MOST_CANDIDATES]
    return [int(place) - len(alike) for place in order if votes[place] >= _SHORTEST_SHOT]


def _along(here: Hashes, alike: NDArray[np.bool_], distance: int) -> list[Shot]:
    diagonal = np.diagonal(alike, distance)
    begin = max(0, -distance)
    steps = np.diff(np.pad(diagonal.astype(np.int8), 1))
    shots = []
    for first, end in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        seen = here[begin + first : begin + end]
        moves = len(seen) > 1 and int(np.bitwise_count(seen[1:] ^ seen[:-1]).max()) >= _LEAST_CHANGE
        if end - first >= _SHORTEST_SHOT and moves:
            shots.append(Shot(int(begin + first), int(begin + end), distance))
    return shots
