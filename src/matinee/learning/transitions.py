"""What comes after what: pairs of items by how many interactions lie between them.

T(i, j) = sum over pairs of a user's places p < q with items i, j of  decay ** (q - p - 1),  q - p <= window.

``Transitions`` scores T itself, each item's row over a power of how often j is watched. ``Sequence`` inverts instead:
a history at a place is x = sum decay ** age * e(item), what comes next is y = e(next item), and the ridge regression of
y on x over every place of every history is B = (X'X + lambda D)^-1 X'Y. X'Y is T, and X'X needs no more than T, too:
summed over the places at which both are seen, a pair of items at distance d weighs decay ** d / (1 - decay ** 2), so

    X'X = (decay * (T + T') + diag(counts)) / (1 - decay ** 2)      (up to the ends of histories).

So a whole sequence model is one pass over pairs and one solution of a linear system. It is the session model SLIT of
Choi et al. (WWW 2021) with decay in both the past and the future, in closed form; EASE (Steck, WWW 2019) is the case
without order.
"""

from collections.abc import Sequence as Several
from dataclasses import dataclass

import numpy as np
import scipy.linalg as sl
import scipy.sparse as sp

from matinee.learning.histories import Floats, Histories, Ints, Queries, familiar
from matinee.learning.models import Link, loudest

MOST = 4_500  # items that a square holds: the most watched
_CELLS_A_PAIR = 20  # up to so many cells an interaction, a lag is counted into a square of all pairs
_DENSE_SHARE = 0.02  # histories fuller than this are multiplied as dense blocks


def transition_counts(histories: Histories, decay: float, window: int) -> Floats:
    """T as a dense square of float32, of lags up to ``window``."""
    return pair_counts(histories, [decay ** np.arange(window)])[0]


def pair_counts(histories: Histories, kernels: Several[Floats]) -> list[Floats]:
    """Earlier by later items, each pair weighing what a kernel says of its lag, 1 first; a dense square a kernel."""
    n = histories.n_items
    totals = [np.zeros((n, n), np.float32) for _ in kernels]
    owners, items = histories.owners(), histories.items
    waiting: list[tuple[Ints, Ints, list[float]]] = []
    for lag in range(1, max(len(kernel) for kernel in kernels) + 1):
        same = owners[:-lag] == owners[lag:]
        if not same.any():
            break
        weights = [float(kernel[lag - 1]) if lag <= len(kernel) else 0.0 for kernel in kernels]
        waiting.append((items[:-lag][same], items[lag:][same], weights))
    if n * n <= _CELLS_A_PAIR * len(items):
        for earlier, later, weights in waiting:
            counted = np.bincount(earlier * n + later, minlength=n * n).reshape(n, n)
            for kernel, weight in enumerate(weights):
                if weight:
                    totals[kernel] += np.float32(weight) * counted
        return totals
    for start in range(0, len(waiting), 8):
        some = waiting[start : start + 8]
        rows, columns = (np.concatenate([one[place] for one in some]) for place in (0, 1))
        for kernel, total in enumerate(totals):
            data = np.concatenate([np.full(len(one[0]), one[2][kernel], np.float32) for one in some])
            pairs = sp.csr_matrix((data, (rows, columns)), shape=(n, n))
            pairs.sum_duplicates()
            at = np.repeat(np.arange(n), np.diff(pairs.indptr))
            total[at, pairs.indices] += pairs.data
    return totals


@dataclass(frozen=True, slots=True)
class Transitions:
    """The counts, over the root of how often the item before and a power of how often the item after is watched."""

    decay: float = 0.8
    window: int = 10
    power: float = 0.5
    recall: float = 0.7  # decay of the history that is folded in
    most: int = MOST
    name: str = "transitions"

    def fit(self, histories: Histories) -> "FittedLinear":
        """Count pairs."""
        own, known = familiar(histories, self.most)
        links = transition_counts(own, self.decay, self.window)
        return FittedLinear(discounted(links, own.counts(), self.power), known, self.recall)


def discounted(links: Floats, counts: Ints, power: float) -> Floats:
    """Counts of pairs, less for what is watched anyway; in place."""
    often = np.maximum(counts, 1).astype(np.float32)
    links /= np.sqrt(often)[:, None]
    links /= (often ** np.float32(power))[None, :]
    return links


@dataclass(frozen=True, slots=True)
class Sequence:
    """The ridge regression of the next item on the decayed history."""

    decay: float = 0.8
    window: int = 30
    ridge: float = 10.0
    power: float = 0.5  # lambda D: an item's own ridge is lambda * count ** power
    recall: float = 0.8  # decay of the history that is folded in; the model is exact where it equals ``decay``
    most: int = MOST
    name: str = "sequence"

    def fit(self, histories: Histories) -> "FittedLinear":
        """Count pairs, solve."""
        own, known = familiar(histories, self.most)
        following = transition_counts(own, self.decay, self.window)
        return FittedLinear(sequence_weights(following, own.counts(), self), known, self.recall)


def sequence_weights(following: Floats, counts: Ints, model: Sequence) -> Floats:
    """B of the module's docstring from T; a square of float32."""
    seen = counts.astype(np.float32)
    gram = np.float32(model.decay) * (following + following.T)
    gram[np.diag_indices_from(gram)] += seen
    gram[np.diag_indices_from(gram)] += np.float32(model.ridge) * np.maximum(seen, 1) ** np.float32(model.power)
    factor = sl.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(sl.cho_solve(factor, following, check_finite=False), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FittedLinear:
    """Item-to-item weights among the ``known`` items (ascending): scores are the decayed history times the weights."""

    weights: Floats
    known: Ints
    decay: float
    window: int | None = None

    def scores(self, queries: Queries) -> Floats:
        """The history, decayed, times the weights; 0 for items that the square does not hold."""
        histories = queries.histories
        folded = histories.matrix(histories.recency(self.decay, self.window))
        whole = len(self.known) == histories.n_items
        mine = folded if whole else folded[:, self.known]
        mine.eliminate_zeros()
        dense = mine.nnz > _DENSE_SHARE * mine.shape[0] * mine.shape[1]
        scored = np.asarray((mine.toarray() if dense else mine) @ self.weights, np.float32)
        if whole:
            return scored
        found = np.zeros((len(queries), histories.n_items), np.float32)
        found[:, self.known] = scored
        return found

    def links(self, before: Ints, after: Ints) -> Floats:
        """The single weights from some items to others, 0 where either is unknown."""
        places = [np.minimum(np.searchsorted(self.known, items), len(self.known) - 1) for items in (before, after)]
        held = [self.known[place] == items for place, items in zip(places, (before, after), strict=True)]
        return np.asarray(self.weights[np.ix_(*places)] * np.outer(*held), np.float32)

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """The items of the history whose weights carry the most."""
        histories = query.histories
        heard = histories.recency(self.decay, self.window)
        return loudest(histories.items, heard * self.links(histories.items, np.array([item]))[:, 0])
