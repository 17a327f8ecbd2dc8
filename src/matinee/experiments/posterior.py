r"""One Bayesian linear model of a reward: sums, that can be added, taken away and faded. Pure but for its own sums.

With unit prior precision and noise of variance s^2 the posterior of the weights, after rows x with rewards r, is
N(A^-1 b, s^2 A^-1) with A = I + sum(x x^T) and b = sum(x r) (Agrawal, Goyal, "Thompson sampling for contextual bandits
with linear payoffs", ICML 2013). Only the two sums are kept: two states that saw different rows are merged by adding
them, a row is taken back by subtracting it, and the past fades by a factor.
"""

import numpy as np

from matinee.experiments.sequences import Floats
from matinee.model.errors import Invalid


class Posterior:
    """The sums of one arm, or of all arms that share their weights."""

    def __init__(self, size: int, squares: Floats | None = None, products: Floats | None = None) -> None:
        self.squares: Floats = np.zeros((size, size)) if squares is None else squares
        self.products: Floats = np.zeros(size) if products is None else products
        self._known: tuple[Floats, Floats] | None = None

    def add(self, features: Floats, reward: float, weight: float = 1.0) -> None:
        """Take a row in; a negative weight takes it back."""
        self.squares += weight * np.outer(features, features)
        self.products += weight * reward * features
        self._known = None

    def merge(self, other: "Posterior") -> None:
        """Take in what another state saw."""
        self.squares += other.squares
        self.products += other.products
        self._known = None

    def fade(self, factor: float) -> None:
        """Let what was seen count that much of what it did."""
        if not 0 <= factor <= 1:
            raise Invalid(f"The past fades by a factor from 0 to 1, not by {factor:g}.")
        self.squares *= factor
        self.products *= factor
        self._known = None

    def weights(self) -> tuple[Floats, Floats]:
        """The mean of the weights, and A^-1: their covariance by unit of noise variance."""
        if self._known is None:
            # Rounding after many rows were taken back may leave it a little askew.
            precision = np.eye(len(self.products)) + (self.squares + self.squares.T) / 2
            inverse: Floats = np.linalg.inv(precision).astype(np.float64, copy=False)
            self._known = inverse @ self.products, inverse
        return self._known
