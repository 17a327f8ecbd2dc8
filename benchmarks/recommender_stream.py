"""How often the last fifth of a stream is among the first ten, each play predicted and then learned."""

import time

from benchmarks.machine import report
from benchmarks.public_data import at_hand
from matinee.learning.datasets import read_dataset
from matinee.learning.evaluation import SEED, evaluate


def main() -> None:
    rows = []
    for path in at_hand("movietweetings-100k", "ml-latest-small"):
        began = time.perf_counter()
        found = evaluate(read_dataset(path), "prequential").as_json()
        for row in found["rows"]:
            low, high = row["ci95"]["hr@10"]
            rows.append(
                {
                    "data": found["dataset"],
                    "model": row["model"],
                    "hr@10": f"{row['hr@10']:.4f} ± {(high - low) / 2:.4f}",
                    "ndcg@10": f"{row['ndcg@10']:.4f}",
                    "coverage": row["coverage"],
                    "seconds": row["fit_seconds"],
                    "chosen before the questions": row["chosen"],
                }
            )
        print(f"{path.name}: {time.perf_counter() - began:.0f} s")
    if rows:
        question = "predict each play, then learn it: how often is it among the first ten, in the last fifth?"
        report("recommender_stream", question, rows, seed=SEED)


if __name__ == "__main__":
    main()
