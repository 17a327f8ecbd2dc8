"""What the peers' own rules reach where learned models are measured: the same data, protocol and metrics.

Leave-one-out over the full catalogue: each user's last title is asked for, all before it are known. The peers' rules as
their sources have them (2026-11): Jellyfin's suggestions and Kyoo's rows are random; MediaCMS shuffles the 25 most
viewed and the 25 most liked; PeerTube shows the newest with a tag of the last one watched; Jellyfin 12 adds up shared
metadata (director 50, actor 15, genre 10, tag 5, studio 5) with the last seven played and ten favourites. The data
knows genres and viewers' tags, of which these two then consist. Ours are the models of ``matinee evaluate``, chosen on
validation; popularity and trending stand beside.

``python -m benchmarks.recommender_rivals [DATASET …] [--models NAME …]``, by default what ``public_data`` finds.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.machine import report
from benchmarks.public_data import at_hand
from matinee.learning.datasets import Dataset, read_dataset
from matinee.learning.evaluation import evaluate
from matinee.learning.histories import Catalogue, Floats, Ints, coded
from matinee.learning.metrics import accuracies, coverage, interval, novelty, paired_difference, top_items
from matinee.learning.models import hide_seen
from matinee.learning.protocols import Split, leave_last

SEED = 20260101
MODELS = ("ease",)
_METRICS = ("hr@10", "ndcg@10")
_LIKED = 4.0  # of five stars
_MOST_VIEWED, _MOST_LIKED = 25, 25
_GENRE, _TAG = 10.0, 5.0
_LAST_PLAYED, _FAVOURITES = 7, 10
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, eq=False)
class House:
    """What a peer's rule may look at: titles by genres and by tags (0 or 1), when each came, views and likes."""

    split: Split
    genres: sp.csr_matrix
    tags: sp.csr_matrix
    came: Ints
    views: Ints
    likes: Ints


def house(dataset: Dataset, split: Split, catalogue: Catalogue) -> House:
    """A data set as a peer sees it. A title came with its first viewer; the data sets tell nothing closer to that."""
    n_items, numbers = len(catalogue.items), {item: number for number, item in enumerate(catalogue.items)}
    last = {one.user: place for place, one in enumerate(dataset.interactions)}
    likes = np.zeros(n_items, np.int64)
    for place, one in enumerate(dataset.interactions):
        # What is asked for is nobody's like yet.
        if place != last[one.user] and (one.rating is None or one.rating >= _LIKED):
            likes[numbers[one.item]] += 1
    return House(
        split,
        _marked([one.genres for one in catalogue.about]),
        _marked([one.tags for one in catalogue.about]),
        np.arange(n_items),  # items are numbered as they first appear
        split.learn.counts(),
        likes,
    )


def _marked(names: Sequence[Sequence[str]]) -> sp.csr_matrix:
    columns = {name: place for place, name in enumerate(sorted({one.casefold() for mine in names for one in mine}))}
    pairs = [(row, columns[one.casefold()]) for row, mine in enumerate(names) for one in set(mine)]
    rows, cols = np.array(pairs, np.int64).reshape(-1, 2).T
    marked = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, cols)), (len(names), max(1, len(columns))))
    marked.data[:] = 1.0
    return marked


def by_chance(_: House, rows: Ints, random: np.random.Generator, n_items: int) -> Floats:
    """Jellyfin's suggestions, Kyoo's rows."""
    return random.random((len(rows), n_items), np.float32)


def popular_shuffled(seen: House, rows: Ints, random: np.random.Generator, n_items: int) -> Floats:
    """MediaCMS: the most viewed and the most liked, shuffled."""
    scores = np.full((len(rows), n_items), -np.inf, np.float32)
    viewed = np.argsort(-seen.views, kind="stable")[:_MOST_VIEWED]
    liked = np.argsort(-seen.likes, kind="stable")[:_MOST_LIKED]
    shown = np.union1d(viewed, liked)
    scores[:, shown] = random.random((len(rows), len(shown)), np.float32)
    return scores


def newest_alike(seen: House, rows: Ints, _: np.random.Generator, n_items: int) -> Floats:
    """PeerTube: the newest that shares a tag (here: a genre) with the last one watched, then the newest."""
    histories = seen.split.queries.histories.of(rows)
    last = histories.items[histories.starts[1:] - 1]
    shares = (seen.genres[last] @ seen.genres.T).toarray() > 0
    return np.asarray(seen.came[None, :] + n_items * shares, np.float32)


def overlapping(seen: House, rows: Ints, random: np.random.Generator, n_items: int) -> Floats:
    """Jellyfin 12's recommendations: shared metadata with the last played and with favourites."""
    histories = seen.split.queries.histories.of(rows)
    wanted = np.zeros((len(rows), n_items), np.float32)
    for row in range(len(rows)):
        mine = histories.items[histories.starts[row] : histories.starts[row + 1]]
        favourites = random.permutation(mine[:-_LAST_PLAYED])[:_FAVOURITES]
        wanted[row, mine[-_LAST_PLAYED:]] = wanted[row, favourites] = 1.0
    sought = sp.csr_matrix(wanted)
    shared = _GENRE * ((sought @ seen.genres) @ seen.genres.T) + _TAG * ((sought @ seen.tags) @ seen.tags.T)
    return np.asarray(shared.toarray(), np.float32)


PEERS = {
    "random (Jellyfin's suggestions, Kyoo)": by_chance,
    "popular, shuffled (MediaCMS)": popular_shuffled,
    "newest of the same tags (PeerTube)": newest_alike,
    "metadata overlap (Jellyfin 12)": overlapping,
}


def lists(seen: House, rule: Any, random: np.random.Generator) -> Ints:
    """What a rule shows each who is asked: a hundred, without what they know."""
    queries, n_items = seen.split.queries, len(seen.views)
    found = []
    for start in range(0, len(queries), _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, len(queries)))
        found.append(top_items(hide_seen(rule(seen, rows, random, n_items), queries.of(rows)), 100))
    return np.concatenate(found)


def measure(path: Path, models: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of one data set: the peers', then those of ``evaluate``."""
    dataset = read_dataset(path)
    histories, catalogue = coded(dataset)
    split = leave_last(histories)
    table = evaluate(dataset, "leave-one-out", models, SEED, lambda said: print(said, file=sys.stderr))
    seen = house(dataset, split, catalogue)
    tops = {name: lists(seen, rule, np.random.default_rng(SEED)) for name, rule in PEERS.items()}
    tops |= {row.model: row.top for row in table.rows}
    counts, reached = split.learn.counts(), {name: accuracies(top, split.targets) for name, top in tops.items()}
    best = max(table.rows, key=lambda row: float(reached[row.model]["ndcg@10"].mean())).model
    rows = []
    for name, top in tops.items():
        row = {"data": path.name, "rule or model": name, "asked": len(split.queries)}
        for metric in _METRICS:
            found = interval(reached[name][metric])
            row[metric] = f".{found.mean * 1e4:04.0f} (± .{(found.high - found.mean) * 1e4:04.0f})"
        ahead = paired_difference(reached[best]["ndcg@10"], reached[name]["ndcg@10"], SEED)
        row["best of ours ahead, ndcg@10"] = "" if name == best else f"{ahead.low:+.4f} to {ahead.high:+.4f}"
        row["coverage"] = f"{coverage(top, len(counts)):.1%}"
        row["novelty, bits"] = f"{novelty(top, counts):.1f}"
        rows.append(row)
    return rows


def main() -> None:
    asked = argparse.ArgumentParser(description="The peers' rules beside learned models.")
    asked.add_argument("datasets", nargs="*", type=Path)
    asked.add_argument("--models", nargs="*", default=list(MODELS))
    told = asked.parse_args()
    here = told.datasets or at_hand("ml-latest-small", "movietweetings-100k")
    if not here:
        return
    report(
        "recommender_rivals",
        "what do the peers' rules reach where learned models are measured?",
        [row for path in here for row in measure(path, told.models)],
        seed=SEED,
        protocol="leave-one-out, full catalogue, seen titles removed; 95 % intervals; ahead: paired bootstrap",
    )


if __name__ == "__main__":
    main()
