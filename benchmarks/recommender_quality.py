"""Leave-one-out and strong generalisation on the public data at hand, beside implicit's models tuned in the same run.

Rivals are tuned on validation as ours are: ALS is the table's own row ``als``, which is implicit's; BM25 item-kNN is
implicit's, over its usual parameters. The last column is ours less theirs, query by query, with a 95 % interval.
"""

from dataclasses import dataclass
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
from matinee.learning.protocols import leave_last, strong_generalisation
from matinee.learning.tuning import choose

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


def bm25(table: Table, histories: Histories) -> Row:
    """The rival's row on the table's own split."""
    if table.protocol == "leave-one-out":
        validation, test = leave_last(histories, 1), leave_last(histories)
    else:
        strong = strong_generalisation(histories, SEED)
        validation, test = strong.validation, strong.test
    models = [Bm25(n, k1, b) for n in (20, 50, 100, 200) for k1 in (1.2, 100.0) for b in (0.2, 0.75)]
    chosen = choose(models, validation, MEASURES[table.protocol][-1], float("inf"), SEED)
    top = lists(chosen.model.fit(test.learn), test.queries)
    return Row("implicit BM25 item-kNN", chosen.sentence(), top, accuracies(top, test.targets), 0.0, 0.0)


def rows_of(table: Table, histories: Histories) -> list[dict[str, Any]]:
    rows = [*table.rows, bm25(table, histories)]
    ours = next(row for row in rows if row.model == OURS)
    first, second = MEASURES[table.protocol]
    told = []
    for row in rows:
        found = {name: interval(row.measured[name]) for name in (first, second)}
        less = paired_difference(ours.measured[first], row.measured[first], SEED)
        told.append(
            {
                "data": table.dataset,
                "protocol": table.protocol,
                "model": row.model if row.model != "als" else "implicit ALS",
                "measures": f"{first}, {second}",
                "reached": ", ".join(f"{one.mean:.4f} ± {one.high - one.mean:.4f}" for one in found.values()),
                "ours less theirs": "-" if row is ours else f"{less.mean:+.4f} ({less.low:+.4f} to {less.high:+.4f})",
                "seconds": f"{row.search_seconds:.0f} + {row.fit_seconds:.0f}",
                "chosen on validation": row.chosen,
            }
        )
    return told


def main() -> None:
    rows = []
    for path in at_hand("ml-1m.txt", "ml-latest-small", "movietweetings-100k"):
        for protocol in MEASURES:
            if protocol == "strong" and path.name != "ml-latest-small":
                continue
            dataset = read_dataset(path, LIKED if protocol == "strong" else None)
            table = evaluate(dataset, protocol, say=print)
            rows += rows_of(table, coded(dataset)[0])
    if rows:
        question = "how good are the lists on public data, beside implicit's models tuned in the same run?"
        report("recommender_quality", question, rows, seed=SEED)


if __name__ == "__main__":
    main()
