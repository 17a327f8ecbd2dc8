"""EASE with recency: which items stand together in a history, in closed form.

EASE (Steck, WWW 2019) is the item-to-item matrix B with a zero diagonal that minimises |X - XB|^2 + lambda |B|^2:
with P = (X'X + lambda I)^-1, B(i, j) = -P(i, j) / P(j, j). Here X may weigh an interaction by decay ** age, so that
what a user watched last shapes the matrix most, and the history folded in is weighed in its own way.

X'X is summed over blocks of users: memory is the square of the catalogue (1.6 GB of float32 for 20,000 items), however
many users there are.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sl
import scipy.sparse as sp

from matinee.learning.histories import Floats, Histories, familiar
from matinee.learning.transitions import MOST, FittedLinear

_USERS_AT_ONCE = 20_000
_STRIP = 1_024


@dataclass(frozen=True, slots=True)
class Ease:
    """``ridge`` is lambda; ``decay`` and ``window`` weigh the histories learned from, ``recall`` the one folded in."""

    ridge: float = 300.0
    decay: float = 1.0
    window: int | None = None
    recall: float = 1.0
    recall_window: int | None = None
    most: int = MOST
    name: str = "ease"

    def fit(self, histories: Histories) -> FittedLinear:
        """Sum the Gram matrix, invert."""
        own, known = familiar(histories, self.most)
        total = gram(own.matrix(own.recency(self.decay, self.window)))
        return FittedLinear(ease_weights(total, self.ridge), known, self.recall, self.recall_window)


def gram(matrix: sp.csr_matrix, users_at_once: int = _USERS_AT_ONCE) -> Floats:
    """X'X as a dense square of float32, summed over blocks of rows."""
    total = np.zeros((matrix.shape[1], matrix.shape[1]), np.float32)
    for start in range(0, matrix.shape[0], users_at_once):
        add_gram(total, matrix[start : start + users_at_once])
    return total


def add_gram(total: Floats, block: sp.csr_matrix) -> None:
    """Add one block of users' X'X to the sum, in place."""
    found = (block.T @ block).tocsr()
    rows = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
    total[rows, found.indices] += found.data


def ease_weights(total: Floats, ridge: float) -> Floats:
    """B from X'X, which is overwritten: the inverse is taken in place, by Cholesky."""
    diagonal = np.diag_indices_from(total)
    total[diagonal] += np.float32(ridge)
    factor, info = sl.lapack.spotrf(total.T, lower=1, overwrite_a=1)
    if info == 0:
        factor, info = sl.lapack.spotri(factor, lower=1, overwrite_c=1)
    if info != 0:
        raise np.linalg.LinAlgError(f"X'X + {ridge} I is not positive definite: LAPACK says {info}.")
    inverse = factor.T  # its upper triangle is filled
    for start in range(0, len(inverse), _STRIP):  # mirrored in strips, without a second square
        stop = min(start + _STRIP, len(inverse))
        corner = np.triu(inverse[start:stop, start:stop])
        inverse[start:stop, start:stop] = corner + np.triu(corner, 1).T
        inverse[stop:, start:stop] = inverse[start:stop, stop:].T
    inverse /= -np.diag(inverse)[None, :].copy()
    inverse[diagonal] = 0
    return np.asarray(inverse, np.float32)
