"""Leave-one-out and strong generalisation on the public data at hand, beside rivals tuned in the same run.

Rivals are tuned on validation as ours are: ALS is the table's own row ``als``, which is implicit's; BM25 item-kNN is
implicit's, over its usual parameters; SASRec is RecTools', in an environment of its own. One column is ours less
theirs, query by query, with a 95 % interval.

``python -m benchmarks.recommender_quality [DATASET …] [--protocol NAME …]``. With SASRec:
``uv venv DIR; uv pip install --python DIR/bin/python -r benchmarks/rivals/sasrec.in; SASREC_PYTHON=DIR/bin/python``.
"""

import argparse
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from implicit.nearest_neighbours import BM25Recommender

from benchmarks.machine import report
from benchmarks.public_data import at_hand
from matinee.learning.datasets import read_dataset
from matinee.learning.evaluation import LIKED, OURS, SEED, Row, Table, evaluate
from matinee.learning.histories import Floats, Histories, Queries, coded
from matinee.learning.metrics import accuracies, interval, paired_difference
from matinee.learning.models import Link, lists
from matinee.learning.protocols import Split, leave_last, strong_generalisation
from matinee.learning.tuning import choose

LONGEST = 50  # interactions that SASRec looks back
MOST_EPOCHS = 60
SASREC_SECONDS = float(os.environ.get("SASREC_SECONDS", "1200"))
MODELS = {"leave-one-out": ("als", OURS), "strong": ("ease", "als", OURS)}
MEASURES = {"leave-one-out": ("hr@10", "ndcg@10"), "strong": ("ndcg@100", "recall@20")}


@dataclass(frozen=True, slots=True)
class Bm25:
    """implicit's BM25 item-kNN as a model of ours."""

    neighbours: int
    k1: float
    b: float
    name: str = "bm25"

    def fit(self, histories: Histories) -> "FittedBm25":
        library = BM25Recommender(K=self.neighbours, K1=self.k1, B=self.b)
        library.fit(histories.matrix().astype(np.float64), show_progress=False)
        return FittedBm25(library.similarity)


@dataclass(frozen=True, slots=True, eq=False)
class FittedBm25:
    similarity: Any

    def scores(self, queries: Queries) -> Floats:
        return np.asarray((queries.histories.matrix() @ self.similarity).toarray(), np.float32)

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        del query, item
        return ()


def splits(protocol: str, histories: Histories) -> tuple[tuple[Split, ...], Split]:
    """Validation and test, as the table has them."""
    if protocol == "leave-one-out":
        return (leave_last(histories, 1),), leave_last(histories)
    strong = strong_generalisation(histories, SEED)
    return strong.validation, strong.test


def bm25(table: Table, validation: tuple[Split, ...], test: Split) -> Row:
    """The rival's row on the table's own split."""
    models = [Bm25(n, k1, b) for n in (20, 50, 100, 200) for k1 in (1.2, 100.0) for b in (0.2, 0.75)]
    chosen = choose(models, validation, MEASURES[table.protocol][-1], float("inf"), SEED)
    top = lists(chosen.model.fit(test.learn), test.queries)
    return Row("implicit BM25 item-kNN", chosen.sentence(), top, accuracies(top, test.targets), 0.0, 0.0)


def sasrec(table: Table, histories: Histories, validation: Split, test: Split) -> Row | None:
    """The rival's row; None, and why, where it has no environment. It is told no answer of the test's."""
    python = os.environ.get("SASREC_PYTHON")
    if table.protocol != "leave-one-out" or not python:
        print("SASRec is left out: " + ("it needs an order" if python else "SASREC_PYTHON=… says which Python has it"))
        return None
    given: dict[str, Any] = {"longest": LONGEST, "most_epochs": MOST_EPOCHS, "seconds": SASREC_SECONDS}
    for name, split, asked in zip(("validation", "test"), (validation, test), (1, 0), strict=True):
        given[f"{name}_users"], given[f"{name}_items"] = split.learn.owners(), split.learn.items
        given[f"{name}_asked"] = np.flatnonzero(histories.without_last(asked).lengths >= 2)
    given["validation_wanted"] = validation.targets.items
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        told, answered = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(told, **given)
        script = Path(__file__).parent / "rivals" / "sasrec.py"
        subprocess.run([python, str(script), str(told), str(answered)], check=True, cwd=folder)
        found = np.load(answered)
        top, chosen = found["top"], str(found["chosen"])
    return Row("RecTools SASRec", chosen, top, accuracies(top, test.targets), time.monotonic() - began, 0.0)


def paired(ours: Row, theirs: Row, measure: str) -> str:
    less = paired_difference(ours.measured[measure], theirs.measured[measure], SEED)
    return f"{less.mean:+.4f} ({less.low:+.4f} to {less.high:+.4f})"


def rows_of(table: Table, histories: Histories) -> list[dict[str, Any]]:
    validation, test = splits(table.protocol, histories)
    rows = [*table.rows, bm25(table, validation, test)]
    rival = sasrec(table, histories, validation[0], test)
    rows += [rival] if rival else []
    ours = next(row for row in rows if row.model == OURS)
    first, second = MEASURES[table.protocol]
    told = []
    for row in rows:
        found = {name: interval(row.measured[name]) for name in (first, second)}
        told.append(
            {
                "data": table.dataset,
                "protocol": table.protocol,
                "model": row.model if row.model != "als" else "implicit ALS",
                "measures": f"{first}, {second}",
                "reached": ", ".join(f"{one.mean:.4f} ± {one.high - one.mean:.4f}" for one in found.values()),
                "ours less theirs": "-"
                if row is ours
                else ", ".join(paired(ours, row, name) for name in (first, second)),
                "seconds": f"{row.search_seconds:.0f} + {row.fit_seconds:.0f}",
                "chosen on validation": row.chosen,
            }
        )
    return told


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("datasets", nargs="*", default=["ml-latest-small", "movietweetings-100k"])
    options.add_argument("--protocol", nargs="*", choices=list(MEASURES), default=list(MEASURES))
    said = options.parse_args()
    rows = []
    for path in at_hand(*said.datasets):
        for protocol in said.protocol:
            if protocol == "strong" and path.name == "movietweetings-100k":  # few rate five films four of five or more
                continue
            dataset = read_dataset(path, LIKED if protocol == "strong" else None)
            table = evaluate(dataset, protocol, MODELS[protocol], say=lambda line: print(line, flush=True))
            rows += rows_of(table, coded(dataset)[0])
    if rows:
        question = "how good are the lists on public data, beside rivals tuned in the same run?"
        report("recommender_quality", question, rows, seed=SEED)


if __name__ == "__main__":
    main()
