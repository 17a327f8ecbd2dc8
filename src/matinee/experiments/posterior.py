r"""Bayesian linear models of a reward, one a name: sums that are added, taken away and faded. Pure but for its sums.

With unit prior precision and noise of variance s^2 the posterior of the weights, after rows x with rewards r, is
N(A^-1 b, s^2 A^-1) with A = I + sum(x x^T) and b = sum(x r) (Agrawal, Goyal, "Thompson sampling for contextual bandits
with linear payoffs", ICML 2013). Only the two sums are kept: two states that saw different rows are merged by adding
them, a row is taken back by subtracting it, and the past fades by a factor.

All names stand in the same arrays, so that a page's hundreds of models are solved and asked at once.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from matinee.experiments.sequences import Floats
from matinee.model.errors import Invalid

_ROWS = 16
_PRIOR = 0


class Posteriors:
    """The sums of some names, of ``size`` features each. Who has none is as the prior says."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._places: dict[str, int] = {}
        # The first place is the prior's, which nothing is added to.
        self._squares: Floats = np.zeros((_ROWS, size, size))
        self._products: Floats = np.zeros((_ROWS, size))
        self._means: Floats = np.zeros((_ROWS, size))
        self._inverses: Floats = np.zeros((_ROWS, size, size))
        self._solved = np.zeros(_ROWS, bool)

    def names(self) -> list[str]:
        """Whose sums there are, in order."""
        return sorted(self._places)

    def sums(self, names: Sequence[str]) -> tuple[Floats, Floats]:
        """The squares and the products of some names, one after the other."""
        places = self._placed(names)
        return self._squares[places], self._products[places]

    def add(self, name: str, features: Floats, reward: float, weight: float = 1.0) -> None:
        """Take a row in; a negative weight takes it back."""
        self.merge(name, weight * np.outer(features, features), weight * reward * features)

    def merge(self, name: str, squares: Floats, products: Floats) -> None:
        """Take in what another state saw."""
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = len(self._places) + 1
            self._reach(place)
        self._squares[place] += squares
        self._products[place] += products
        self._solved[place] = False

    def fade(self, factor: float) -> None:
        """Let what was seen count that much of what it did."""
        if not 0 <= factor <= 1:
            raise Invalid(f"The past fades by a factor from 0 to 1, not by {factor:g}.")
        self._squares *= factor
        self._products *= factor
        self._solved[:] = False

    def weights(self, names: Sequence[str]) -> tuple[Floats, Floats]:
        """The means of some names' weights, a row each, and A^-1: their covariances by unit of noise variance."""
        places = self._solve(names)
        return self._means[places], self._inverses[places]

    def scores(self, rows: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
        """Of some names, each with a row of features: the mean of its reward, and its variance by unit of noise's."""
        places = self._solve(names)
        # Most features of most contexts are nought: what they would be multiplied with need not be fetched.
        told = np.flatnonzero(rows.any(axis=0))
        rows = rows[:, told]
        means = np.einsum("ni,ni->n", rows, self._means[places[:, None], told])
        covariances = self._inverses[places[:, None, None], told[:, None], told]
        return means, np.maximum(0.0, np.einsum("ni,nij,nj->n", rows, covariances, rows))

    def _placed(self, names: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        find: Mapping[str, int] = self._places
        return np.array([find.get(name, _PRIOR) for name in names], np.int64)

    def _solve(self, names: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Where some names stand, the weights of all of them worked out."""
        places = self._placed(names)
        left = np.unique(places[~self._solved[places]])
        if len(left):
            squares = self._squares[left]
            # Rounding after many rows were taken back may leave it a little askew.
            precisions = np.eye(self._size) + (squares + squares.swapaxes(1, 2)) / 2
            self._inverses[left] = inverses = np.linalg.inv(precisions)
            self._means[left] = (inverses @ self._products[left][:, :, None])[:, :, 0]
            self._solved[left] = True
        return places

    def _reach(self, place: int) -> None:
        """Have a row for a place."""
        before = len(self._solved)
        if place < before:
            return
        for name in ("_squares", "_products", "_means", "_inverses", "_solved"):
            old = getattr(self, name)
            new = np.zeros((2 * before, *old.shape[1:]), old.dtype)
            new[:before] = old
            setattr(self, name, new)
