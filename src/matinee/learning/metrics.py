"""How good lists are: accuracy against what was watched, and what a list of ten is like.

Every accuracy is a number a query, so that means have intervals and two models are compared query by query.
hr@k: the share of queries with a target among the first k. recall@k: targets found among min(k, targets), as Liang et
al. (WWW 2018) count. ndcg@k: gain 1/log2(1 + place), over the best that is possible. mrr: 1/place of the first target,
0 beyond the places that were kept. All ranks are among the full catalogue: sampled ranks reorder models (Krichene and
Rendle, KDD 2020).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matinee.learning.histories import Floats, Histories, Ints

KEPT = 100  # places that a list is judged by
SHOWN = 10  # places that a member sees of it
_NORMAL_95 = 1.959964
_SMOOTHING = 0.01  # Steck 2018, section 3.1: alpha, so that a genre missing from the list has a finite distance


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the bounds that hold it with a probability of 95 %."""

    mean: float
    low: float
    high: float


def top_items(scores: Floats, count: int) -> Ints:
    """The ``count`` best items of each row, best first; of equal scores the lower number. -1 where a score is -inf."""
    rows, n_items = scores.shape
    count = min(count, n_items)
    if count < n_items:
        least = np.partition(scores, n_items - count, axis=1)[:, n_items - count]
        found = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        # Where more items than places share the last place's score, the lower numbers win.
        crowded = np.flatnonzero((scores >= least[:, None]).sum(axis=1) > count)
        for row in crowded:
            above = np.flatnonzero(scores[row] > least[row])
            level = np.flatnonzero(scores[row] == least[row])
            found[row] = np.concatenate((above, level[: count - len(above)]))
    else:
        found = np.broadcast_to(np.arange(n_items), (rows, n_items)).copy()
    found.sort(axis=1)
    values = np.take_along_axis(scores, found, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    best = np.take_along_axis(found, order, axis=1)
    best[np.isneginf(np.take_along_axis(values, order, axis=1))] = -1
    return best.astype(np.int64)


def accuracies(top: Ints, targets: Histories) -> dict[str, Floats]:
    """Each measure by query; ``top`` holds a query's items best first, ``targets`` what it is judged by."""
    wanted = targets.matrix()
    found = np.zeros(top.shape, bool)
    for row in range(len(top)):
        mine = wanted.indices[wanted.indptr[row] : wanted.indptr[row + 1]]
        found[row] = np.isin(top[row], mine)
    many = np.maximum(targets.lengths, 1)
    gains = 1 / np.log2(np.arange(2, top.shape[1] + 2))
    ideal = np.concatenate(([0.0], np.cumsum(gains)))
    measured: dict[str, Floats] = {}
    for places in (10, 20, 50, 100):
        first = found[:, :places]
        best = np.minimum(many, places)
        if places in {10, 20}:
            measured[f"hr@{places}"] = np.asarray(first.any(axis=1), np.float32)
        if places in {20, 50}:
            measured[f"recall@{places}"] = (first.sum(axis=1) / best).astype(np.float32)
        if places in {10, 100}:
            reachable = ideal[np.minimum(best, top.shape[1])]
            measured[f"ndcg@{places}"] = ((first * gains[: first.shape[1]]).sum(axis=1) / reachable).astype(np.float32)
    places_of_first = np.where(found.any(axis=1), found.argmax(axis=1) + 1, np.inf)
    measured["mrr"] = (1 / places_of_first).astype(np.float32)
    return measured


def interval(values: Floats) -> Interval:
    """The mean of a measure with its 95 % interval (normal: queries are many)."""
    mean = float(np.mean(values))
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return Interval(mean, mean, mean)
    half = _NORMAL_95 * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return Interval(mean, mean - half, mean + half)


def paired_difference(ours: Floats, theirs: Floats, seed: int = 0, rounds: int = 2_000) -> Interval:
    """By how much ours is better on the same queries; 95 % percentile bootstrap over queries (Efron 1979), seeded."""
    differences = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    random = np.random.default_rng(seed)
    count = len(differences)
    # How often each query is drawn decides the mean: multinomial counts of distinct differences are enough.
    values, times = np.unique(differences, return_counts=True)
    drawn = random.multinomial(count, times / count, size=rounds)
    low, high = np.quantile(drawn @ values / count, (0.025, 0.975))
    return Interval(float(differences.mean()), float(low), float(high))


def coverage(top: Ints, n_items: int) -> float:
    """The share of the catalogue that stands in somebody's first ten."""
    shown = np.unique(top[:, :SHOWN])
    return float((shown >= 0).sum() / n_items)


def novelty(top: Ints, counts: Ints) -> float:
    """How little known the first ten are: the mean of -log2 of each one's share of all that was watched, in bits."""
    shown = top[:, :SHOWN].ravel()
    shown = shown[shown >= 0]
    shares = (counts + 1) / (counts.sum() + len(counts))
    return float(-np.log2(shares[shown]).mean()) if len(shown) else 0.0


def miscalibration(top: Ints, histories: Histories, genres: Sequence[Sequence[str]]) -> float | None:
    """KL(p || q) between the genres of a history and those of its first ten (Steck, RecSys 2018); None without genres.

    0 is a list with the mix of the history; the mean over queries whose history and list have any genre.
    """
    mix = genre_mix(genres)
    if mix is None:
        return None
    history = histories.matrix() @ mix
    shown = np.where(top[:, :SHOWN] >= 0, top[:, :SHOWN], 0)
    listed = (mix[shown] * (top[:, :SHOWN] >= 0)[:, :, None]).sum(axis=1)
    known = (history.sum(axis=1) > 0) & (listed.sum(axis=1) > 0)
    if not known.any():
        return None
    wanted = history[known] / history[known].sum(axis=1, keepdims=True)
    given = listed[known] / listed[known].sum(axis=1, keepdims=True)
    smoothed = (1 - _SMOOTHING) * given + _SMOOTHING * wanted
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(wanted > 0, wanted * np.log(wanted / smoothed), 0.0)
    return float(parts.sum(axis=1).mean())


def genre_mix(genres: Sequence[Sequence[str]]) -> Floats | None:
    """Items by genres, each item's row summing to 1 (0 where nothing is known); None if nothing is known of any."""
    names: Mapping[str, int] = {
        name: place for place, name in enumerate(sorted({one for item in genres for one in item}))
    }
    if not names:
        return None
    mix = np.zeros((len(genres), len(names)), np.float32)
    for item, mine in enumerate(genres):
        for name in mine:
            mix[item, names[name]] = 1 / len(mine)
    return mix
