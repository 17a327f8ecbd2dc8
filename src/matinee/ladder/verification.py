"""Which chunks missed the quality that was chosen for them, and how to encode them again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from matinee.ladder.rungs import JUST_NOTICEABLE, ChosenRung
from matinee.ladder.slopes import Shot

VERIFIED_EVERY = 12  # frames; a mean that is off by a few tenths still tells a miss
# VMAF. Tighter bounds cost bits: what is harder than was foretold gets them at a worse slope than any other shot.
TOLERANCE = JUST_NOTICEABLE
_LARGEST_STEP = 6.0  # CRF by which one miss moves an encode at most
_USUAL_SLOPE = -1.5  # VMAF for one CRF, where a curve does not say


@dataclass(frozen=True, slots=True)
class Miss:
    """A shot of a rung that came out otherwise than expected: its VMAF, what was expected, and the CRF to try next."""

    shot: int
    vmaf: float
    expected: float
    crf: float


def misses(
    chosen: ChosenRung,
    measured: Sequence[float],
    shots: Sequence[Shot],
    tolerance: float = TOLERANCE,
) -> tuple[Miss, ...]:
    """The shots of a rung whose measured VMAF lies further from the expected than the tolerance, either way.

    ``shots`` are those that the rung was chosen from: their curves say how far to move. A shot whose CRF cannot move
    further within its curve is left as it is.
    """
    found = []
    for place, (vmaf, expected, crf, shot) in enumerate(
        zip(measured, chosen.shot_vmaf, chosen.crfs, shots, strict=True)
    ):
        if abs(vmaf - expected) <= tolerance:
            continue
        again = corrected_crf(chosen, crf, vmaf - expected, shot)
        if again != crf:
            found.append(Miss(place, vmaf, expected, again))
    return tuple(found)


def corrected_crf(chosen: ChosenRung, crf: float, excess: float, shot: Shot) -> float:
    """The CRF that should undo an excess of VMAF (or a lack, below 0), among those of the shot's curve."""
    size = (chosen.rung.width, chosen.rung.height)
    curve = sorted((point.crf, point.vmaf) for point in shot.points if (point.width, point.height) == size)
    step = excess / -_slope(curve, crf)
    wanted = crf + min(max(step, -_LARGEST_STEP), _LARGEST_STEP)
    return min((there for there, _ in curve), key=lambda there: abs(there - wanted))


def _slope(curve: Sequence[tuple[float, float]], crf: float) -> float:
    """VMAF gained for one CRF more, below 0: from the neighbours of a point, at least half of what is usual."""
    place = min(range(len(curve)), key=lambda at: abs(curve[at][0] - crf))
    (first, high), (last, low) = curve[max(place - 1, 0)], curve[min(place + 1, len(curve) - 1)]
    slope = (low - high) / (last - first) if last > first else _USUAL_SLOPE
    return min(slope, _USUAL_SLOPE / 2)
