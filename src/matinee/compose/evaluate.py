"""``matinee evaluate``: a data set read, a table said."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matinee.learning.datasets import read_dataset
from matinee.learning.evaluation import LIKED, evaluate

_SHOWN = ("hr@10", "ndcg@10", "ndcg@100", "recall@20", "mrr", "coverage", "novelty_bits", "miscalibration")


def evaluate_dataset(
    path: Path,
    protocol: str,
    models: Sequence[str],
    min_rating: float | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """The table as the contract names it; ``say`` hears of progress."""
    if protocol == "strong" and min_rating is None:
        min_rating = LIKED
        say(f"what is rated below {LIKED:g} is left out, as the protocol says; --min-rating sets another bound")
    return evaluate(read_dataset(path, min_rating), protocol, models, say=say).as_json()


def table(found: dict[str, Any]) -> str:
    """The table for a terminal: accuracy with half the width of its 95 % interval, then what the lists are like."""
    columns = [name for name in _SHOWN if any(name in row for row in found["rows"])]
    lines = [["model", *columns, "chosen on validation"]]
    for row in found["rows"]:
        cells = [_cell(row, name) for name in columns]
        lines.append([row["model"], *cells, row["chosen"]])
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    told = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    asked = f"{found['queries']:,} queries, {found['items']:,} items, seed {found['seed']}"
    head = f"{found['dataset']}, {found['protocol']}: {asked}"
    return "\n".join((head, *told))


def _cell(row: dict[str, Any], name: str) -> str:
    if name not in row:
        return "-"
    if name not in row["ci95"]:
        return f"{row[name]:g}"
    low, high = row["ci95"][name]
    return f"{row[name]:.4f} ±{(high - low) / 2:.4f}"
