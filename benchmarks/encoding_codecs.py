"""How many bits do AV1 and HEVC take where H.264 takes some, at one VMAF; what does that cost; which CRFs are alike.

The largest rung of each film, by production's encoders and presets on one thread, with key frames at shots alone and no
caps. Bits at a quality are read off the measured curve, log of bits over VMAF, straight between points.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.codecs_grid import measured
from benchmarks.machine import report
from matinee.commands.commands import PRESET
from matinee.commands.encoders import AV1_PRESET, HEVC_PRESET
from matinee.ladder.codecs import mapped_crf
from matinee.model.media import Codec

TARGET = 93.0  # VMAF that is taken for the original
BAR = 0.60
_SETS = (
    ("AV1", Codec.AV1, AV1_PRESET),
    ("AV1, preset 9", Codec.AV1, "9"),
    ("AV1, preset 10", Codec.AV1, "10"),
    ("HEVC", Codec.HEVC, HEVC_PRESET),
)
_FEWEST = 3

Point = Mapping[str, Any]


def curve(grid: Mapping[str, Any], codec: Codec, preset: str) -> list[Point]:
    """The points of an encoder, worst first; none where too few were measured."""
    points = [point for point in grid["points"] if (point["codec"], point["preset"]) == (codec, preset)]
    return sorted(points, key=lambda point: point["vmaf"]) if len(points) >= _FEWEST else []


def at(points: Sequence[Point], vmaf: float, what: str) -> float | None:
    """Bits, CRF or processor seconds at a quality; None outside what was measured."""
    scores = [point["vmaf"] for point in points]
    if not scores or not scores[0] <= vmaf <= scores[-1]:
        return None
    if what == "bits":
        return math.exp(float(np.interp(vmaf, scores, [math.log(point[what]) for point in points])))
    return float(np.interp(vmaf, scores, [point[what] for point in points]))


def ratios(grids: Sequence[Mapping[str, Any]], codec: Codec, preset: str, what: str) -> list[float]:
    """An encoder's against x264's, film by film, at the target."""
    found = []
    for grid in grids:
        theirs, ours = (
            at(curve(grid, one, name), TARGET, what) for one, name in ((codec, preset), (Codec.H264, PRESET))
        )
        if theirs and ours:
            found.append(theirs / ours)
    return found


def alike(grids: Sequence[Mapping[str, Any]], codec: Codec, preset: str) -> dict[float, float]:
    """The median over films of the CRF that looks as x264's does, by x264's."""
    pairs: dict[float, list[float]] = {}
    for grid in grids:
        for point in curve(grid, Codec.H264, PRESET):
            crf = at(curve(grid, codec, preset), point["vmaf"], "crf")
            if crf is not None:
                pairs.setdefault(point["crf"], []).append(crf)
    return {crf: statistics.median(found) for crf, found in sorted(pairs.items()) if len(found) > 1}


def told(values: Sequence[float]) -> str:
    """Mean and spread in per cent."""
    return f"{100 * statistics.mean(values):.0f} % ({100 * min(values):.0f} to {100 * max(values):.0f})"


def fitted(pairs: Mapping[float, float]) -> str:
    """The line through CRFs that are alike, where there are enough for one."""
    if len(pairs) < _FEWEST:
        return "-"
    slope, offset = np.polyfit(list(pairs), list(pairs.values()), 1)
    return f"{slope:.2f} * x264's {offset:+.1f}"


def main() -> None:
    """Print the table; fail above the bar."""
    grids = measured()
    rows = []
    for name, codec, preset in _SETS:
        bits, seconds = ratios(grids, codec, preset, "bits"), ratios(grids, codec, preset, "cpu_seconds")
        pairs = alike(grids, codec, preset)
        is_made = preset in {AV1_PRESET, HEVC_PRESET}
        rows.append(
            {
                "encoder": f"{name}{' (in production)' if is_made else ''}",
                "films": len(bits),
                f"bits at VMAF {TARGET:.0f}, of H.264's": told(bits),
                "processor time, of H.264's": f"{statistics.mean(seconds):.1f} times",
                "CRF of equal VMAF": fitted(pairs),
                "production's at x264's 18, 22, 26, 30": ", ".join(
                    f"{mapped_crf(codec, crf):g}" for crf in (18, 22, 26, 30)
                )
                if is_made
                else "-",
            }
        )
    mean = statistics.mean(ratios(grids, Codec.AV1, AV1_PRESET, "bits"))
    report(
        "encoding_codecs",
        f"how many bits and how much processor time do AV1 and HEVC take at VMAF {TARGET:.0f}, of what H.264 takes?",
        rows,
        bar=f"AV1 at most {BAR:.0%} of H.264's bits: {mean:.0%}",
    )
    if mean > BAR:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
