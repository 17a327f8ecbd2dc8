"""Matrix factors by implicit alternating least squares (Hu, Koren and Volinsky, ICDM 2008), from the library implicit.

Users' factors are not kept: a history is folded in by one ridge regression on the items' factors, which is what ALS
itself would do with it: u = A^-1 Y'C p with A = Y'Y + Y'(C - I)Y + lambda I, where a watched item's confidence is alpha
and any other's 1. What a watched item i says for another one j is then exact: alpha y(j)' A^-1 y(i). An interaction may
weigh w < 1: its confidence is 1 + w (alpha - 1), and it counts as watched by w.
"""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from matinee.learning.histories import Floats, Histories, Queries
from matinee.learning.models import Link, loudest


@dataclass(frozen=True, slots=True)
class Als:
    """Parameters as Rendle et al. (2021) advise to tune them; ``alpha`` is how much a watched item outweighs others."""

    factors: int = 128
    ridge: float = 50.0
    alpha: float = 10.0
    rounds: int = 15
    seed: int = 7
    recall: float = 1.0  # decay of what is folded in
    name: str = "als"

    def fit(self, histories: Histories) -> "FittedAls":
        """Alternate."""
        from implicit.cpu.als import AlternatingLeastSquares  # noqa: PLC0415 - loads in half a second

        # implicit has threads of its own; those of BLAS beside them would wait for each other.
        with threadpool_limits(1, "blas"):
            library = AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.ridge,
                alpha=self.alpha,
                iterations=self.rounds,
                random_state=self.seed,
                dtype=np.float32,
            )
            library.fit(histories.matrix(), show_progress=False)
        return FittedAls(np.asarray(library.item_factors, np.float32), self)


@dataclass(frozen=True, slots=True, eq=False)
class FittedAls:
    """Items' factors."""

    items: Floats
    model: Als

    def scores(self, queries: Queries) -> Floats:
        """Each history folded in, times the items' factors."""
        return self.folded(queries) @ self.items.T

    def folded(self, queries: Queries) -> Floats:
        """Queries by factors."""
        found = np.zeros((len(queries), self.items.shape[1]), np.float32)
        start = self._everything()
        starts, heard = queries.histories.starts, queries.histories.recency(self.model.recall)
        for row in range(len(queries)):
            mine = slice(int(starts[row]), int(starts[row + 1]))
            watched = self.items[queries.histories.items[mine]]
            if len(watched):
                system = start + (watched * self._surplus(heard[mine])[:, None]).T @ watched
                found[row] = np.linalg.solve(system, watched.T @ (np.float32(self.model.alpha) * heard[mine]))
        return found

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """The exact parts that each watched item has in the score."""
        histories = query.histories
        heard = histories.recency(self.model.recall)
        watched = self.items[histories.items]
        system = self._everything() + (watched * self._surplus(heard)[:, None]).T @ watched
        parts = np.float32(self.model.alpha) * heard * (watched @ np.linalg.solve(system, self.items[item]))
        return loudest(histories.items, parts)

    def _surplus(self, heard: Floats) -> Floats:
        return np.float32(self.model.alpha - 1) * heard

    def _everything(self) -> Floats:
        """Y'Y + lambda I."""
        start = self.items.T @ self.items
        start[np.diag_indices_from(start)] += np.float32(self.model.ridge)
        return np.asarray(start, np.float32)
