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
from dataclasses import replace

from matinee.ladder.hull import Point
from matinee.ladder.prediction import Probe, way
from matinee.ladder.slopes import Shot

# The variance of what is measured, beside that of a prediction one step of its units away: means of every twelfth frame
# are off by a few tenths of VMAF, a prediction by three.
_NOISE = 0.1**2
_LEAST_BITS = 1.0


def corrected(shot: Shot, probe: Probe, made: Point) -> Shot:
    """The shot as it is expected after one of its points was made and came out as ``made``.

    That is at a size and CRF that the shot has a point of.
    """
    expected = next(point for point in shot.points if _recipe(point) == _recipe(made))
    seen = way(probe, *_recipe(made))
    length = math.hypot(*seen) ** 2 + _NOISE
    dearer, better = math.log2(max(made.bits, _LEAST_BITS) / expected.bits), made.vmaf - expected.vmaf
    points = []
    for point in shot.points:
        there = way(probe, *_recipe(point))
        share = (there[0] * seen[0] + there[1] * seen[1]) / length
        vmaf = min(max(point.vmaf + share * better, 0.0), 100.0)
        points.append(replace(point, bits=point.bits * 2 ** (share * dearer), vmaf=vmaf))
    return replace(shot, points=tuple(points))


def _recipe(point: Point) -> tuple[int, int, float]:
    return point.width, point.height, point.crf
