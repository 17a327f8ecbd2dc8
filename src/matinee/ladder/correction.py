"""What a finished encode of a shot tells of those that are still to be made. Pure.

A prediction is exact where the first rung stands, and the more off the further away. When the best rung is there, its
bits are counted and its VMAF was measured anyway; so is the prediction's error at a second place, far from the first.
Between and beyond the two it is taken to grow evenly: with the CRF and with the logarithm of the size, both unknown
slopes, before anything is known each as likely to be as steep, in the prediction's own units. What is expected of such
an error after one of it was seen (Rasmussen and Williams: Gaussian Processes for Machine Learning, 2006, 2.1) is a
share of that::

    share = (c * c' + s * s') / (c' * c' + s' * s' + noise)

for a size of 2**s times the first rung's pixels and a CRF of 26 + 4 c, where the encode lies at s' and c'.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matinee.ladder.prediction import Probe, way
from matinee.ladder.rungs import ChosenRung
from matinee.ladder.slopes import Shot

# The variance of what is measured, beside that of a prediction one step of its units away: means of every twelfth frame
# are off by a few tenths of VMAF, a prediction by three.
_NOISE = 0.1**2
_LEAST_BITS = 1.0


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a shot's encode of this size and CRF came out from what was expected: log2 of its bits, and VMAF."""

    width: int
    height: int
    crf: float
    bits: float
    vmaf: float


def deviations(made: ChosenRung, bits: Sequence[float], vmaf: Sequence[float]) -> tuple[Deviation, ...]:
    """Those of a rung whose shots took these bits and came to this VMAF."""
    size = (made.rung.width, made.rung.height)
    return tuple(
        Deviation(*size, crf, math.log2(max(cost, _LEAST_BITS) / expected), score - foretold)
        for crf, cost, expected, score, foretold in zip(
            made.crfs, bits, made.shot_bits, vmaf, made.shot_vmaf, strict=True
        )
    )


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
