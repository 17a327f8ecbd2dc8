"""Fits the prediction of ladders anew, and says how far it is off on titles that it was not taught by.

``python -m benchmarks.encoding_grid`` makes what it is taught by; ``--write`` puts the weights into the package.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import encoding_grid
from benchmarks.machine import report
from matinee.commands.commands import PRESET
from matinee.ladder import prediction
from matinee.ladder.prediction import (
    PROBE_CRF,
    PROBE_LINES,
    Probe,
    Weights,
    level,
    predicted,
    probe_size,
    terms,
    way,
)

RIDGE = 1e-2
BEYOND = 1.0  # how far a feature may lie outside what was seen, in widths of that, before it is held
TARGETS = (80.0, 88.0, 93.0)
_UNSEEN, _CLIPPED = 45.0, 97.5  # VMAF below and above which a ladder has no rungs: little weight
_FILE = Path(prediction.__file__).with_name("prediction.json")

Grid = Mapping[str, Any]
Floats = npt.NDArray[np.float64]


def size_of(point: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height."""
    return point["width"], point["height"]


def sizes(grid: Grid) -> list[tuple[int, int]]:
    """The sizes that were measured, smallest first."""
    return sorted({size_of(point) for point in grid["points"]}, key=lambda size: size[0] * size[1])


def lengths(grid: Grid) -> list[int]:
    """The frames of each shot."""
    return [end - start for start, end in zip(grid["starts"], [*grid["starts"][1:], grid["frames"]], strict=True)]


def probes(grid: Grid) -> list[Probe]:
    """What the first rung told of each shot."""
    size = probe_size(sizes(grid))
    rung = next(point for point in grid["points"] if size_of(point) == size and point["crf"] == PROBE_CRF)
    return [
        Probe(*size, frames, shot["bits"], shot["vmaf"], shot["fine"])
        for frames, shot in zip(lengths(grid), rung["shots"], strict=True)
    ]


def teach(grids: Sequence[Grid]) -> Weights:
    """Weights by weighted ridge regression, terms scaled to equal size: shots count by their length.

    The errors of levels count as what they are in VMAF.
    """
    rows, growths, changes, weights, slopes, features = [], [], [], [], [], []
    for grid in (grid for grid in grids if grid.get("teaches", True)):
        for place, probe in enumerate(probes(grid)):
            features.append(probe.features)
            for point in grid["points"]:
                shot = point["shots"][place]
                rows.append(terms(probe.features, *way(probe, *size_of(point), point["crf"])))
                growths.append(np.log2(shot["bits"] / probe.bits))
                changes.append(level(shot["vmaf"]) - level(probe.vmaf))
                slopes.append(1 / (level(shot["vmaf"] + 0.5) - level(shot["vmaf"] - 0.5)))
                seen = 0.05 if shot["vmaf"] < _UNSEEN else 0.3 if shot["vmaf"] > _CLIPPED else 1.0
                weights.append(seen * probe.frames)
    matrix, weight = np.array(rows), np.array(weights)
    solved = [_ridge(matrix, growths, weight), _ridge(matrix, changes, weight * np.square(slopes))]
    lowest, highest = np.min(features, axis=0), np.max(features, axis=0)
    beyond = (highest - lowest) * BEYOND
    lowest, highest = lowest - beyond, highest + beyond
    return Weights(*(tuple(round(float(value), 6) for value in values) for values in (*solved, lowest, highest)))


def _ridge(matrix: Floats, target: Sequence[float], weights: Floats) -> Floats:
    """Weighted ridge regression, terms scaled to equal size."""
    weight = weights / weights.sum()
    scale = np.sqrt((weight[:, None] * matrix**2).sum(axis=0)) + 1e-9
    scaled = matrix / scale
    left = (scaled * weight[:, None]).T @ scaled + RIDGE * np.eye(scaled.shape[1])
    return np.asarray(np.linalg.solve(left, (scaled * weight[:, None]).T @ np.array(target)) / scale)


def taught_without(grids: Sequence[Grid], title: str) -> Weights:
    """Weights learned from all other titles."""
    return teach([grid for grid in grids if grid["title"] != title])


def errors(grid: Grid, weights: Weights) -> dict[str, Any]:
    """How far predictions are off, over the measured points that a ladder may use."""
    off_bits, off_vmaf, off_target = [], [], dict[float, list[float]]({target: [] for target in TARGETS})
    largest = sizes(grid)[-1]
    for place, probe in enumerate(probes(grid)):
        for point in grid["points"]:
            shot = point["shots"][place]
            if 60 <= shot["vmaf"] <= 97:
                guess = predicted(probe, [size_of(point)], [point["crf"]], weights).points[0]
                off_bits.append(abs(guess.bits / shot["bits"] - 1))
                off_vmaf.append(abs(guess.vmaf - shot["vmaf"]))
        real = sorted((p["crf"], p["shots"][place]["vmaf"]) for p in grid["points"] if size_of(p) == largest)
        curve = predicted(probe, [largest], prediction.CRFS, weights).points
        for target in TARGETS:
            crf = min(curve, key=lambda one: abs(one.vmaf - target)).crf
            if real[0][1] > target > real[-1][1]:
                off_target[target].append(
                    abs(np.interp(crf, [one for one, _ in real], [vmaf for _, vmaf in real]) - target)
                )
    return {
        "film": grid["name"],
        "shots": len(grid["starts"]),
        "bits, %": f"{np.mean(off_bits) * 100:.0f}",
        "VMAF": f"{np.mean(off_vmaf):.1f}",
        **{f"CRF for {target:.0f}": f"{np.mean(off):.1f}" if off else "-" for target, off in off_target.items()},
    }


def main() -> None:
    """Fit, judge by titles left out, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    grids = encoding_grid.measured()
    rows = [errors(grid, taught_without(grids, grid["title"])) for grid in grids]
    report(
        "ladder_fit",
        "how far is the prediction of a film's encodes off, taught by other titles?",
        rows,
        measure="mean absolute error over points of VMAF 60 to 97",
        CRF="how far from a target VMAF is with the CRF predicted for it, at the largest size",
    )
    if parser.parse_args().write:
        weights = teach(grids)
        made = {
            "made_by": "python -m benchmarks.ladder_fit --write",
            "encoder": f"libx264, preset {PRESET}, lookahead 20, macroblock tree; VMAF v0.6.1, every third frame",
            "probe": f"at most {PROBE_LINES} lines, CRF {PROBE_CRF:g}",
            "films": [
                f"{grid['file']} ({grid['title']}), {len(grid['starts'])} shots" for grid in grids if grid["teaches"]
            ],
            "error_on_titles_left_out": rows,
            "bits": weights.bits,
            "vmaf": weights.vmaf,
            "lowest": weights.lowest,
            "highest": weights.highest,
        }
        _FILE.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
