"""How many bits does a film's own ladder save, against a fixed one and one CRF, and how far is it from the best.

Bjøntegaard's delta rate over VMAF 68 to 95, by piecewise cubic interpolation of log bits (PCHIP), film by film. All
ladders are read off the same measured grid (``encoding_grid``), with the same encoder, preset and key frames. The
prediction is taught for each film by those of other titles.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from benchmarks import encoding_grid
from benchmarks.ladder_fit import probes, taught_without
from benchmarks.ladder_plot import Curves, draw
from benchmarks.machine import report
from matinee.inspection.frames import TICKS
from matinee.ladder.correction import corrected, deviations, sampled
from matinee.ladder.hull import Point
from matinee.ladder.prediction import Weights, predicted
from matinee.ladder.rungs import ChosenRung, choose_again, choose_rungs
from matinee.ladder.shots import chunks
from matinee.ladder.slopes import Shot

LOW, HIGH = 68.0, 95.0
CRFS = tuple(float(crf) for crf in range(18, 43))

QUESTION = "how many bits do ladders take for the same quality (BD-rate over VMAF 68 to 95)?"
FACTS = {
    "bars": "default to fixed at most -33 %, to one CRF at most -19 %, to exhaustive at most +3 %",
    "fixed": "a rung a box at the rates of Apple's authoring specification, as an average with a peak of 200 %",
    "one CRF": "the largest size at CRF 18 to 42, the same for all shots",
    "exhaustive": "every size and whole CRF measured (between every fourth by PCHIP), then chosen as the default is",
    "default": "chosen from predictions that other titles taught, all but the best rung again when that is made of the "
    "middle chunk; its bits and VMAF are read off the same grid",
    "first choice": "the same before any rung was made",
    "VMAF off": "mean distance of a rung's mean VMAF from the expected",
}

Curve = Sequence[tuple[float, float]]  # bit/s and mean VMAF of each rung


@dataclass(frozen=True, slots=True)
class Measured:
    """A film's grid: each shot's bits and VMAF as functions of CRF, by size."""

    grid: Mapping[str, Any]
    frames: tuple[int, ...]
    bits: Mapping[tuple[int, int], tuple[Callable[[float], Any], ...]]
    vmaf: Mapping[tuple[int, int], tuple[Callable[[float], Any], ...]]

    @property
    def seconds(self) -> float:
        return float(self.grid["frames"] / self.grid["rate"])

    def shots(self, crfs: Sequence[float] = CRFS) -> tuple[Shot, ...]:
        """Every shot with all its points."""
        return tuple(
            Shot(
                frames,
                tuple(
                    Point(*size, crf, float(2 ** self.bits[size][place](crf)), float(self.vmaf[size][place](crf)))
                    for size in self.bits
                    for crf in crfs
                    if crf <= self.limit(size)
                ),
            )
            for place, frames in enumerate(self.frames)
        )

    def limit(self, size: tuple[int, int]) -> float:
        """The highest CRF that was measured at a size."""
        return max(float(point["crf"]) for point in self.grid["points"] if (point["width"], point["height"]) == size)

    def made(self, chosen: ChosenRung) -> tuple[list[float], list[float]]:
        """The bits that each shot of a rung took, and the VMAF it came to."""
        size = (chosen.rung.width, chosen.rung.height)
        bits = [float(2 ** curve(crf)) for curve, crf in zip(self.bits[size], chosen.crfs, strict=True)]
        return bits, [float(curve(crf)) for curve, crf in zip(self.vmaf[size], chosen.crfs, strict=True)]

    def reached(self, size: tuple[int, int], crfs: Sequence[float]) -> tuple[float, float]:
        """Bit/s and mean VMAF of the film with these CRFs, a shot each."""
        bits = sum(2 ** float(curve(crf)) for curve, crf in zip(self.bits[size], crfs, strict=True))
        scores = [float(curve(crf)) for curve, crf in zip(self.vmaf[size], crfs, strict=True)]
        return bits / self.seconds, float(np.average(scores, weights=self.frames))

    def whole(self, point: Mapping[str, Any]) -> tuple[float, float]:
        """Bit/s and mean VMAF of one encode."""
        bits = sum(shot["bits"] for shot in point["shots"])
        return bits / self.seconds, float(np.average([s["vmaf"] for s in point["shots"]], weights=self.frames))


def measured(grid: Mapping[str, Any]) -> Measured:
    """Curves through what was measured."""
    ends = [*grid["starts"][1:], grid["frames"]]
    frames = tuple(end - start for start, end in zip(grid["starts"], ends, strict=True))
    bits, vmaf = {}, {}
    for size in sorted({(point["width"], point["height"]) for point in grid["points"]}):
        points = sorted((p for p in grid["points"] if (p["width"], p["height"]) == size), key=lambda p: p["crf"])
        crfs = [point["crf"] for point in points]
        places = range(len(frames))
        bits[size] = tuple(
            PchipInterpolator(crfs, np.log2([point["shots"][place]["bits"] for point in points])) for place in places
        )
        vmaf[size] = tuple(
            PchipInterpolator(crfs, [point["shots"][place]["vmaf"] for point in points]) for place in places
        )
    return Measured(grid, frames, bits, vmaf)


def bd_rate(anchor: Curve, test: Curve, low: float = LOW, high: float = HIGH) -> float | None:
    """How many per cent more bits ``test`` takes on average for the same quality; None where they have none in common.

    Bjøntegaard: Calculation of average PSNR differences between RD-curves, VCEG-M33 (2001), with PCHIP for the cubic.
    """
    risings = [_rising(curve) for curve in (anchor, test)]
    if any(len(vmaf) < 2 for vmaf, _ in risings):
        return None
    curves = [PchipInterpolator(*rising) for rising in risings]
    low = max(low, *(curve.x[0] for curve in curves))
    high = min(high, *(curve.x[-1] for curve in curves))
    if high - low < 3:
        return None
    first, second = (curve.integrate(low, high) / (high - low) for curve in curves)
    return float((2 ** (second - first) - 1) * 100)


def _rising(curve: Curve) -> tuple[list[float], list[float]]:
    """Quality and log bits of the points none of which is dearer and worse than another."""
    kept: list[tuple[float, float]] = []
    for bits, vmaf in sorted(curve):
        if not kept or vmaf > kept[-1][1]:
            kept.append((bits, vmaf))
    return [vmaf for _, vmaf in kept], [float(np.log2(bits)) for bits, _ in kept]


def read_off(film: Measured, rungs: Sequence[ChosenRung]) -> Curve:
    """What rungs come to by the measured grid."""
    return [film.reached((one.rung.width, one.rung.height), one.crfs) for one in rungs]


def one_crf(film: Measured) -> Curve:
    """The largest size, at one CRF for all shots."""
    largest = max(film.bits, key=lambda size: size[0] * size[1])
    return [film.whole(point) for point in film.grid["points"] if (point["width"], point["height"]) == largest]


def per_title(film: Measured) -> Curve:
    """The best size at one CRF for all shots: all points on top of all others."""
    return [film.whole(point) for point in film.grid["points"]]


def fixed(film: Measured) -> Curve:
    """Apple's rates."""
    return [film.whole(point) for point in film.grid["fixed"]]


def exhaustive(film: Measured) -> Curve:
    """The whole grid, chosen from at one slope."""
    return read_off(film, choose_rungs(film.shots(), film.grid["rate"], least_bps=0))


def first_choice(film: Measured, weights: Weights) -> tuple[tuple[Shot, ...], tuple[ChosenRung, ...]]:
    """What is predicted, and chosen from that."""
    shots = tuple(predicted(probe, film.bits, CRFS, weights) for probe in probes(film.grid))
    return shots, choose_rungs(shots, film.grid["rate"], least_bps=0)  # curves of one range for all


def default(film: Measured, weights: Weights) -> tuple[Curve, list[float]]:
    """What is chosen in the end, and how far each rung's quality is from what it was chosen for."""
    shots, first = first_choice(film, weights)
    bits, vmaf = film.made(first[-1])
    seen = deviations(
        first[-1], *({place: values[place] for place in sampled_shots(film.grid)} for values in (bits, vmaf))
    )
    after = [corrected(*one) for one in zip(shots, probes(film.grid), seen, strict=True)]
    rungs = choose_again(first, after, film.grid["rate"])
    curve = read_off(film, rungs)
    return curve, [vmaf - one.vmaf for one, (_, vmaf) in zip(rungs, curve, strict=True)]


def chunked(grid: Mapping[str, Any]) -> list[range]:
    """The shots of each chunk, as production cuts films."""
    ends = [*grid["starts"], grid["frames"]]
    *times, end = (round(place * TICKS / grid["rate"]) for place in range(grid["frames"] + 1))
    cut = chunks(times, end, grid["starts"], grid["starts"], [True] * grid["frames"])
    firsts = [ends.index(one.first) for one in cut] + [len(grid["starts"])]
    return [range(first, following) for first, following in pairwise(firsts)]


def sampled_shots(grid: Mapping[str, Any]) -> list[int]:
    """The shots that the best rung is made of before the others are chosen again."""
    parts = chunked(grid)
    return [shot for number in sampled(len(parts)) for shot in parts[number]]


def curves(film: Measured, grids: Sequence[Mapping[str, Any]]) -> Curves:
    """One film's ladders, as they are drawn."""
    ours, _ = default(film, taught_without(grids, film.grid["title"]))
    return {"fixed": fixed(film), "one CRF": one_crf(film), "exhaustive": exhaustive(film), "default": ours}


def judge(film: Measured, grids: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One film's row."""
    weights = taught_without(grids, film.grid["title"])
    ours, off = default(film, weights)
    first = read_off(film, first_choice(film, weights)[1])
    best = exhaustive(film)
    pairs = {
        "default to fixed": (fixed(film), ours),
        "default to one CRF": (one_crf(film), ours),
        "default to exhaustive": (best, ours),
        "first choice to exhaustive": (best, first),
        "exhaustive to fixed": (fixed(film), best),
        "exhaustive to one CRF": (one_crf(film), best),
        "fixed to one CRF": (one_crf(film), fixed(film)),
    }
    return {
        "film": film.grid["name"],
        "shots": len(film.frames),
        **{name: bd_rate(anchor, test) for name, (anchor, test) in pairs.items()},
        "rungs": len(ours),
        "VMAF off": statistics.fmean(abs(miss) for miss in off),
    }


def main() -> None:
    """Judge every film that was measured, and their mean."""
    grids = encoding_grid.measured()
    rows = [judge(measured(grid), grids) for grid in grids]
    columns = list(rows[0])
    seconds = [grid["frames"] / grid["rate"] for grid in grids]
    mean, weighted = _mean(rows, [1.0] * len(rows), "mean"), _mean(rows, seconds, "mean by seconds")
    shown = [
        {column: _shown(column, row[column]) for column in columns}
        for row in [*rows, *({**one, "shots": "", "rungs": ""} for one in (mean, weighted))]
    ]
    report("encoding_ladder", QUESTION, shown, **FACTS)
    draw({grid["name"]: curves(measured(grid), grids) for grid in grids}, LOW, HIGH)


def _mean(rows: Sequence[Mapping[str, Any]], weights: Sequence[float], name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"film": name}
    for column in list(rows[0])[1:]:
        known = [(row[column], weight) for row, weight in zip(rows, weights, strict=True) if row[column] is not None]
        made[column] = statistics.fmean([value for value, _ in known], [weight for _, weight in known])
    return made


def _shown(column: str, value: Any) -> Any:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return value
    return f"{value:.1f}" if column == "VMAF off" else f"{value:+.1f} %"


if __name__ == "__main__":
    main()
