"""Draws how good ladders are for their bits, film by film: what ``encoding_ladder`` and ``encoding_codecs`` judge."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.fonttype"] = "none"  # words stay words
mpl.rcParams["svg.hashsalt"] = "matinee"  # the same picture is the same file
import matplotlib.pyplot as plt  # noqa: E402 - after the backend was chosen

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "ladders.svg"
_COLUMNS = 2
_LOOKS: Mapping[str, Mapping[str, object]] = {
    "fixed": {"color": "#8a8f98", "marker": "s", "linestyle": ":"},
    "one CRF": {"color": "#b9770e", "marker": None, "linestyle": "--"},
    "exhaustive": {"color": "#1f5fa8", "marker": None, "linestyle": "-"},
    "default": {"color": "#c0392b", "marker": "o", "linestyle": "-"},
}

Curves = Mapping[str, Sequence[tuple[float, float]]]  # bit/s and mean VMAF of each rung, by kind of ladder


def draw(films: Mapping[str, Curves], low: float, high: float, path: Path = PICTURE) -> None:
    """A small picture a film, VMAF from ``low`` to ``high`` over the logarithm of the rate."""
    rows = -(-len(films) // _COLUMNS)
    figure, grid = plt.subplots(rows, _COLUMNS, figsize=(9, 2.4 * rows), layout="constrained", squeeze=False)
    for axes in grid.flat[len(films) :]:
        axes.set_axis_off()
    for axes, (film, curves) in zip(grid.flat, films.items(), strict=False):
        for name, look in _LOOKS.items():
            points = sorted(point for point in curves[name] if low - 10 <= point[1] <= high)
            axes.plot([bps / 1000 for bps, _ in points], [vmaf for _, vmaf in points], label=name, ms=3, lw=1, **look)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda kbps, _: f"{kbps:,.0f}")
        axes.set_ylim(low - 8, 100)
        axes.set_title(film, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(visible=True, which="major", alpha=0.25)
    figure.supxlabel("kbit/s", fontsize=9)
    figure.supylabel("mean VMAF", fontsize=9)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
