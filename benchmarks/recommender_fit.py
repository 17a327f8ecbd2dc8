"""How long does learning from 100 million interactions take, and how much memory.

EASE over 20,000 titles, its Gram matrix summed block by block of users as they are generated, so that interactions are
never held; beside it implicit's ALS on the same interactions, which holds them all. Each in a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares

from benchmarks.machine import report
from matinee.learning.ease import add_gram, ease_weights

TITLES = 20_000
LENGTH = 100  # mean interactions of a user
BLOCK = 20_000  # users
TASTES = 50


def generated(interactions: int, seed: int, titles: int = TITLES) -> Iterator[sp.csr_matrix]:
    """Blocks of users: Zipf-like popularity, each user with two of fifty tastes, lengths geometric."""
    random = np.random.default_rng(seed)
    popularity = 1 / (np.arange(titles) + 20.0) ** 0.9
    taste_of = random.integers(0, TASTES, titles)
    left = interactions
    while left > 0:
        lengths = np.minimum(random.geometric(1 / LENGTH, BLOCK), titles // 10)
        lengths = lengths[: int(np.searchsorted(np.cumsum(lengths), left)) + 1]
        users = np.repeat(np.arange(len(lengths)), lengths)
        items = random.choice(titles, len(users), p=popularity / popularity.sum())
        # Half of the choices go to the nearest title of one's own tastes.
        own = random.integers(0, TASTES, (len(lengths), 2))[users, random.integers(0, 2, len(users))]
        moved = random.random(len(users)) < 0.5
        items[moved] = _in_taste(items[moved], own[moved], taste_of)
        block = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=(len(lengths), titles))
        block.sum_duplicates()
        block.data[:] = 1
        left -= len(users)
        yield block


def _in_taste(items: np.ndarray, tastes: np.ndarray, taste_of: np.ndarray) -> np.ndarray:
    found = items.copy()
    for taste in range(TASTES):
        members = np.flatnonzero(taste_of == taste)
        mine = tastes == taste
        found[mine] = members[np.minimum(np.searchsorted(members, items[mine]), len(members) - 1)]
    return found


def ease(interactions: int, seed: int) -> tuple[int, float]:
    total = np.zeros((TITLES, TITLES), np.float32)
    seen, generating, began = 0, 0.0, time.perf_counter()
    for block in generated(interactions, seed):
        generating += time.perf_counter() - began
        add_gram(total, block)
        seen += block.nnz
        began = time.perf_counter()
    weights = ease_weights(total, 2_000.0)
    assert np.isfinite(weights[:100]).all()
    return seen, generating


def als(interactions: int, seed: int) -> tuple[int, float]:
    began = time.perf_counter()
    whole = sp.vstack(list(generated(interactions, seed)), format="csr")
    generating = time.perf_counter() - began
    AlternatingLeastSquares(factors=128, regularization=50, alpha=10, iterations=15, random_state=seed).fit(
        whole, show_progress=False
    )
    return whole.nnz, generating


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--interactions", type=int, default=100_000_000)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--one", choices=["ease", "als"])
    said = options.parse_args()
    if said.one:
        began = time.perf_counter()
        seen, generating = {"ease": ease, "als": als}[said.one](said.interactions, said.seed)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        whole = time.perf_counter() - began
        print(json.dumps({"seen": seen, "whole": whole, "generating": generating, "peak": peak}))
        return
    rows = []
    for name, words in (("ease", "Matinee: EASE, streamed"), ("als", "implicit 0.7: ALS, 128 factors, 15 rounds")):
        command = [sys.executable, "-m", "benchmarks.recommender_fit", "--one", name, "--seed", str(said.seed)]
        command += ["--interactions", str(said.interactions)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        rows.append(
            {
                "model": words,
                "interactions": f"{found['seen']:,}",
                "fit minutes": round((found["whole"] - found["generating"]) / 60, 2),
                "generating minutes": round(found["generating"] / 60, 2),
                "peak GiB": round(found["peak"], 2),
            }
        )
    report(
        "recommender_fit",
        "how long does learning from 100 million interactions with 20,000 titles take?",
        rows,
        seed=said.seed,
        bar="at most 20 minutes and 12 GiB",
    )


if __name__ == "__main__":
    main()
