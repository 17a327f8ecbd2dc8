"""What other encodes of a shot will cost and how they will look, from one cheap encode that is there already. Pure.

The first rung people can play is small and quick. Its bits say how much happens in a shot, its VMAF how much of that
was lost, and VIF at the finest scale how much of it lies in detail that small sizes cannot hold. From these three, for
a size of 2**s times the pixels and a CRF of 26 + 4 c, two regressions give log2 of the bits' growth and the change of
VMAF's level::

    growth, change = sum over m in (c, c*c, s, c*s, s*s), f in (1, bits, loss, fine) of weight[m, f] * m * f

VMAF ends at 0 and 100, and its curves are flat there. Its level, a logit, has no ends, so that nothing far from the
encode is foretold beyond them. Both are 0 for the encode itself. The weights were fitted by ridge regression over a
measured grid (``prediction.json`` tells how); features beyond what they were taught on count as the nearest that was.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from matinee.ladder.hull import Point
from matinee.ladder.quality import FrameQuality, mean_quality
from matinee.ladder.rungs import JUST_NOTICEABLE
from matinee.ladder.slopes import Shot
from matinee.model.errors import Invalid

PROBE_CRF = 26.0
PROBE_LINES = 360  # the first rung is the largest with at most so many
CRFS = tuple(18 + half / 2 for half in range(49))  # 18 to 42; beyond them nothing was taught
_CRF_STEP = 4.0
# Levels end so many VMAF beyond the scale: of two encodes nearer than that to an end nobody sees which is the better.
_MARGIN = JUST_NOTICEABLE
_TERMS = 20
_LEAST_BITS = 1.0
_FAR = 50.0  # levels; far beyond both ends of VMAF


@dataclass(frozen=True, slots=True)
class Probe:
    """What the first rung, of CRF 26, told of one shot: frames, bits in all, mean VMAF, and VIF at the finest scale.

    Quality is measured at the film's reference size.
    """

    width: int
    height: int
    frames: int
    bits: float
    vmaf: float
    fine: float

    @property
    def features(self) -> tuple[float, float, float]:
        """Bits a pixel as a logarithm, levels lost of VMAF, and what is kept of the finest detail; each about 1."""
        bits_a_pixel = max(self.bits, _LEAST_BITS) / (self.frames * self.width * self.height)
        return math.log2(bits_a_pixel * 100), level(100) - level(self.vmaf), self.fine * 5


@dataclass(frozen=True, slots=True)
class Weights:
    """What the two regressions learned, and between which features: a weight a term, a lowest and highest a feature."""

    bits: tuple[float, ...]
    vmaf: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]


def probe_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The size of the first rung, among those of a film's ladder: the largest of at most 360 lines, or the smallest."""
    fitting = [size for size in sizes if min(size) <= PROBE_LINES]
    return max(fitting, key=_pixels) if fitting else min(sizes, key=_pixels)


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def probed(
    width: int, height: int, bits: Sequence[float], frames: Sequence[int], measured: Sequence[Sequence[FrameQuality]]
) -> tuple[Probe, ...]:
    """The probes of a film's shots: the first rung's size, and by shot its bits, frames and measured frames."""
    return tuple(
        Probe(
            width,
            height,
            count,
            cost,
            mean_quality([one.vmaf for one in shot]),
            mean_quality([one.fine for one in shot]),
        )
        for cost, count, shot in zip(bits, frames, measured, strict=True)
    )


def level(vmaf: float) -> float:
    """VMAF, from 0 to 100, on a scale that has no ends there."""
    return math.log((vmaf + _MARGIN) / (100 + _MARGIN - vmaf))


def vmaf_at(value: float) -> float:
    """The VMAF of a level, held within its scale."""
    share = 1 / (1 + math.exp(-min(max(value, -_FAR), _FAR)))
    return min(max(share * (100 + 2 * _MARGIN) - _MARGIN, 0.0), 100.0)


def way(probe: Probe, width: int, height: int, crf: float) -> tuple[float, float]:
    """How far an encode is from the probe: coarser, in steps of four CRF, and larger, in doublings of its pixels."""
    return (crf - PROBE_CRF) / _CRF_STEP, math.log2(width * height / (probe.width * probe.height))


def terms(features: Sequence[float], coarser: float, larger: float) -> tuple[float, ...]:
    """The terms of both regressions for an encode that is so much coarser and larger than the probe."""
    moved = (coarser, coarser * coarser, larger, coarser * larger, larger * larger)
    return tuple(move * feature for move in moved for feature in (1.0, *features))


def predicted(probe: Probe, sizes: Iterable[tuple[int, int]], crfs: Sequence[float], weights: Weights) -> Shot:
    """A shot with what is predicted of it at every size and CRF."""
    kept = [
        min(max(value, low), high)
        for value, low, high in zip(probe.features, weights.lowest, weights.highest, strict=True)
    ]
    points = []
    for width, height in sizes:
        for crf in crfs:
            values = terms(kept, *way(probe, width, height, crf))
            growth = sum(weight * value for weight, value in zip(weights.bits, values, strict=True))
            change = sum(weight * value for weight, value in zip(weights.vmaf, values, strict=True))
            vmaf = vmaf_at(level(probe.vmaf) + change) if change else probe.vmaf
            points.append(Point(width, height, crf, max(probe.bits, _LEAST_BITS) * 2**growth, vmaf))
    return Shot(probe.frames, tuple(points))


@cache
def taught() -> Weights:
    """The weights that come with Matinee."""
    return weights_from_json(json.loads(Path(__file__).with_name("prediction.json").read_text()))


def weights_from_json(values: Mapping[str, Any]) -> Weights:
    """Weights as ``prediction.json`` holds them; Invalid with a sentence if they are none."""
    try:
        made = Weights(*(tuple(map(float, values[name])) for name in ("bits", "vmaf", "lowest", "highest")))
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(f"These are not weights of a prediction: {type(error).__name__} {error}.") from error
    lengths = (len(made.bits), len(made.vmaf), len(made.lowest), len(made.highest))
    if lengths != (_TERMS, _TERMS, 3, 3):
        raise Invalid(f"A prediction has {_TERMS} weights twice and three features' ends twice, not {lengths}.")
    return made
