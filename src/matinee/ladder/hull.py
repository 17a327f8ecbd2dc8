"""The upper convex hull of what a shot may cost and how good it looks for that. Pure.

Each size has a curve of quality over bits; for each number of bits another size may be the best. What lies below the
hull of all of them is never worth its bits (De Cock, Li, Manohara and Aaron: Complexity-Based Consistent-Quality
Encoding in the Cloud, ICIP 2016).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Point:
    """One way to encode a shot: its size and CRF, the bits it takes in all, its mean VMAF at the reference size."""

    width: int
    height: int
    crf: float
    bits: float
    vmaf: float


def upper_hull(points: Iterable[Point]) -> tuple[Point, ...]:
    """The points on the hull, from the fewest bits to the highest quality: each step up costs more than the one before.

    Andrew's monotone chain (1979). Of equals the first is kept.
    """
    hull: list[Point] = []
    for point in sorted(points, key=lambda one: (one.bits, -one.vmaf)):
        if hull and point.vmaf <= hull[-1].vmaf:
            continue
        while len(hull) > 1 and not _bends_down(hull[-2], hull[-1], point):
            hull.pop()
        if hull and point.bits <= hull[-1].bits:
            continue
        hull.append(point)
    return tuple(hull)


def distance_below(point: Point, hull: tuple[Point, ...]) -> float:
    """How many VMAF a point lies below a hull at its bits; 0 on it, negative above. Beyond its ends the hull is flat.

    A hull is not empty.
    """
    if point.bits <= hull[0].bits:
        return hull[0].vmaf - point.vmaf
    for below, above in pairwise(hull):
        if point.bits <= above.bits:
            share = (point.bits - below.bits) / (above.bits - below.bits)
            return below.vmaf + share * (above.vmaf - below.vmaf) - point.vmaf
    return hull[-1].vmaf - point.vmaf


def _bends_down(first: Point, middle: Point, last: Point) -> bool:
    """Whether the way from first to last over middle turns to the right, towards the bits."""
    rise, further = middle.vmaf - first.vmaf, last.vmaf - first.vmaf
    return rise * (last.bits - first.bits) > further * (middle.bits - first.bits)
