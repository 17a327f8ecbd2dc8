"""What finished encodes of some shots tell of all that is still to be made. Pure.

A prediction is exact where the first rung stands, and the more off the further away. Of a few chunks, spread over the
film, the best rung is made first: its bits are counted and its VMAF is measured anyway, and so the prediction's error
is known at a second place, far from the first. Between and beyond the two it is taken to grow evenly: with the CRF and
with the logarithm of the size, both unknown slopes, before anything is known each as likely to be as steep, in the
prediction's own units. What is expected of such an error after one of it was seen (Rasmussen and Williams: Gaussian
Processes for Machine Learning, 2006, 2.1) is a share of that::

    share = (c * c' + s * s') / (c' * c' + s' * s' + noise)

for a size of 2**s times the first rung's pixels and a CRF of 26 + 4 c, where the encode lies at s' and c'. Half of an
error's variance is taken to be the film's and half the shot's own, so that a shot none of which was made is expected to
be off by n / (n + 1) of the mean of n others.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace

from matinee.ladder.prediction import Probe, way
from matinee.ladder.rungs import ChosenRung
from matinee.ladder.slopes import Shot

# The variance of what is measured, beside that of a prediction one step of its units away: means of every twelfth frame
# are off by a few tenths of VMAF, a prediction by three.
_NOISE = 0.1**2
_LEAST_BITS = 1.0
_SAMPLED_OF = 16  # chunks; one of so many is decoded once more


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a shot's encode of this size and CRF came out from what was expected: log2 of its bits, and VMAF."""

    width: int
    height: int
    crf: float
    bits: float
    vmaf: float


def sampled(chunks: int) -> range:
    """Which of a film's chunks the best rung is made of first: the middle one, or one of sixteen."""
    return range(min(chunks, _SAMPLED_OF) // 2, chunks, _SAMPLED_OF)


def deviations(made: ChosenRung, bits: Mapping[int, float], vmaf: Mapping[int, float]) -> tuple[Deviation, ...]:
    """How far each shot of a rung is off: those that took these bits and came to this VMAF, and by them all others."""
    seen = {
        place: (math.log2(max(cost, _LEAST_BITS) / made.shot_bits[place]), vmaf[place] - made.shot_vmaf[place])
        for place, cost in bits.items()
    }
    share = len(seen) / (len(seen) + 1)
    others = [share * statistics.fmean(error) for error in zip(*seen.values(), strict=True)]
    size = (made.rung.width, made.rung.height)
    return tuple(Deviation(*size, crf, *seen.get(place, others)) for place, crf in enumerate(made.crfs))


def corrected(shot: Shot, probe: Probe, seen: Deviation) -> Shot:
    """A predicted shot as it is expected when one encode of it was seen."""
    far = way(probe, seen.width, seen.height, seen.crf)
    length = far[0] ** 2 + far[1] ** 2 + _NOISE
    points = []
    for point in shot.points:
        there = way(probe, point.width, point.height, point.crf)
        share = (there[0] * far[0] + there[1] * far[1]) / length
        vmaf = min(max(point.vmaf + share * seen.vmaf, 0.0), 100.0)
        points.append(replace(point, bits=point.bits * 2 ** (share * seen.bits), vmaf=vmaf))
    return replace(shot, points=tuple(points))
