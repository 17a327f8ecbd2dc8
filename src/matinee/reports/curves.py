"""What each size would have given the whole film for its bits, and the best of all of them. Pure.

Curves are those the ladder was chosen from: all shots at one slope, by what the first rung foretold. No cap on peaks is
in them, so that a rung that was held back lies below.
"""

from collections.abc import Sequence

from matinee.ladder.correction import Deviation, corrected
from matinee.ladder.hull import Point, distance_below, upper_hull
from matinee.ladder.prediction import CRFS, Probe, predicted, taught
from matinee.ladder.rungs import ChosenRung
from matinee.ladder.slopes import frontier
from matinee.reports.report import Curve, CurvePoint

MOST_POINTS = 40
"""So many of a curve are kept."""


def curves(
    probes: Sequence[Probe],
    sizes: Sequence[tuple[int, int]],
    frame_rate: float,
    crfs: Sequence[float] = CRFS,
    seen: Sequence[Deviation] = (),
) -> tuple[Curve, ...]:
    """A curve a size, with all of its points; ``seen`` is what was known besides, when rungs were chosen again."""
    seconds = sum(probe.frames for probe in probes) / frame_rate
    made = []
    for width, height in sizes:
        shots = [predicted(probe, [(width, height)], crfs, taught()) for probe in probes]
        if seen:
            shots = [corrected(*one) for one in zip(shots, probes, seen, strict=True)]
        found = frontier(shots)
        points = zip(found.bits, found.vmaf, strict=True)
        made.append(Curve(width, height, tuple(CurvePoint(bits / seconds, vmaf) for bits, vmaf in points)))
    return tuple(made)


def shown(points: Sequence[CurvePoint], most: int = MOST_POINTS) -> tuple[CurvePoint, ...]:
    """At most so many of a rising curve's points, rounded, evenly over its height: the first, the last, and between."""
    kept = list(points[:1])
    if len(points) > most:
        low, high = points[0].vmaf, points[-1].vmaf
        for point in points[1:-1]:
            if len(kept) < most - 1 and point.vmaf >= low + (high - low) * len(kept) / (most - 1):
                kept.append(point)
        kept.append(points[-1])
    else:
        kept = list(points)
    return tuple(CurvePoint(round(point.bps, 1), round(point.vmaf, 3)) for point in kept)


def hull_of(made: Sequence[Curve]) -> tuple[CurvePoint, ...]:
    """The hull over all sizes."""
    return tuple(CurvePoint(point.bits, point.vmaf) for point in upper_hull(_points(made)))


def hull_gap(rung: ChosenRung, made: Sequence[Curve]) -> float:
    """How much VMAF what was expected of a rung lies below the hull."""
    expected = Point(rung.rung.width, rung.rung.height, 0.0, rung.average_bps, rung.vmaf)
    return distance_below(expected, upper_hull(_points(made)))


def _points(made: Sequence[Curve]) -> list[Point]:
    return [Point(curve.width, curve.height, 0.0, point.bps, point.vmaf) for curve in made for point in curve.points]
