"""What is watched beside what: both sides of a place count, for questions about what is missing anywhere in a history.

Under strong generalisation a target may lie at any place of a history, so what was watched a few places before or after
a watched item is likelier than what was watched by the same people at any time. Three readings of pairs by distance d:

- ``beside``: T(i, j) + T(j, i) of ``transitions``, over the roots of both counts.
- ``local``: the ridge regression of a place's item on all others by distance, c = sum gamma ** (d - 1) * e(item):
  B = (C'C + lambda D)^-1 (T + T'), D(i, i) the root of i's count. A pair at distance d stands together in C'C at the
  d - 1 places between and at those beyond either end: (d - 1) gamma ** (d - 2) + 2 gamma ** d / (1 - gamma ** 2). That
  is cut by a triangle, which keeps it positive definite (Bochner; the product of two such kernels is one).
- ``between``: the greatest sum of both links of two neighbours in a history: an item needs one place where it belongs.

Only the order of what was folded in is used: no gap in it tells where something was taken out.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sl

from matinee.learning.histories import Floats, Histories, Ints, Queries
from matinee.learning.models import Link, loudest
from matinee.learning.transitions import FittedLinear, discounted, pair_counts

_REACH = 3  # the regression's kernel is cut at so many windows


def beside_weights(histories: Histories, decay: float, window: int) -> Floats:
    """A square of ``beside``."""
    (links,) = pair_counts(histories, [decay ** np.arange(window)])
    links += links.T.copy()
    return discounted(links, histories.counts(), 0.5)


def local_weights(histories: Histories, decay: float, window: int, ridge: float) -> Floats:
    """A square of ``local``; its diagonal is 0."""
    kernel = decay ** np.arange(window)
    together = _together(decay, window * _REACH)
    links, gram = pair_counts(histories, [kernel, together[1:]])
    links += links.T.copy()
    gram += gram.T.copy()
    counts = histories.counts().astype(np.float32)
    own = np.diag_indices_from(gram)
    gram[own] += np.float32(together[0]) * counts + np.float32(ridge) * np.sqrt(np.maximum(counts, 1))
    factor = sl.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    found = np.asarray(sl.cho_solve(factor, links, overwrite_b=True, check_finite=False), np.float32)
    found[own] = 0
    return found


def _together(decay: float, reach: int) -> Floats:
    """C'C of two items by their distance, 0 first."""
    distance = np.arange(reach + 1)
    between = np.where(distance > 0, (distance - 1) * decay ** (distance - 2.0), 0.0)
    return np.asarray((between + 2 * decay**distance / (1 - decay**2)) * (1 - distance / (reach + 1)), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class FittedBetween:
    """Links among the ``known`` items; a query's score of an item is that of the best place between two neighbours."""

    weights: Floats
    known: Ints

    def scores(self, queries: Queries) -> Floats:
        """0 for items that the square does not hold, and for histories that hold none of its."""
        numbers = np.full(queries.histories.n_items, -1)
        numbers[self.known] = np.arange(len(self.known))
        found = np.zeros((len(queries), queries.histories.n_items), np.float32)
        starts, items = queries.histories.starts, numbers[queries.histories.items]
        for row in range(len(queries)):
            mine = items[starts[row] : starts[row + 1]]
            links = self.weights[mine[mine >= 0]]
            if len(links):
                found[row, self.known] = (links[:-1] + links[1:] if len(links) > 1 else links).max(axis=0)
        return found

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """The items of the history that are linked to it the most."""
        links = FittedLinear(self.weights, self.known, 1.0).links(query.histories.items, np.array([item]))[:, 0]
        return loudest(query.histories.items, links)
