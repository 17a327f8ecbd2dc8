"""What came next at the places most like this one: nearest neighbours among all places of all histories.

A place is described by the items just before it, decay ** distance each, over the root of how often an item is watched.
A query's own end is compared with every place; the nearest ones vote for the items that followed there, by
(likeness / greatest likeness) ** sharpness. It is the session-kNN of Ludewig and Jannach (UMUAI 2018) at every place
rather than every session, or the nearest-neighbour language model (Khandelwal et al., ICLR 2020) with counts for
embeddings; unlike the linear models it can tell two items together from one after the other.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from matinee.learning.histories import Floats, Histories, Ints, Queries
from matinee.learning.models import Link, loudest


@dataclass(frozen=True, slots=True)
class Neighbours:
    """``nearest`` places vote for the ``horizon`` items that followed, the k-th by ``fading`` ** (k - 1)."""

    window: int = 8
    decay: float = 0.8
    nearest: int = 300
    sharpness: float = 2.0
    horizon: int = 3
    fading: float = 0.7
    name: str = "neighbours"

    def fit(self, histories: Histories) -> "FittedNeighbours":
        """Describe every place that something follows."""
        rarity = (1 / np.sqrt(np.maximum(histories.counts(), 1))).astype(np.float32)
        owners, items = histories.owners(), histories.items
        ages = histories.ages()
        places = np.flatnonzero(ages > 0)
        rows, columns, weights = [], [], []
        for back in range(self.window):
            held = places[places >= back]
            held = held[owners[held - back] == owners[held]]
            rows.append(np.searchsorted(places, held))
            columns.append(items[held - back])
            weights.append(rarity[columns[-1]] * np.float32(self.decay**back))
        described = sp.csr_matrix(
            (np.concatenate(weights), (np.concatenate(columns), np.concatenate(rows))),
            shape=(histories.n_items, len(places)),
        )
        following = np.full((len(places), self.horizon), -1, np.int64)
        for ahead in range(self.horizon):
            far = ages[places] > ahead
            following[far, ahead] = items[places[far] + ahead + 1]
        return FittedNeighbours(described, following, rarity, histories.n_items, self)


@dataclass(frozen=True, slots=True, eq=False)
class FittedNeighbours:
    """Items by places, and what followed each place."""

    described: sp.csr_matrix
    following: Ints
    rarity: Floats
    n_items: int
    model: Neighbours

    def scores(self, queries: Queries) -> Floats:
        """The nearest places' votes."""
        found = np.zeros((len(queries), self.n_items), np.float32)
        likeness = (self._asked(queries) @ self.described).tocsr()
        fading = np.float32(self.model.fading) ** np.arange(self.model.horizon, dtype=np.float32)
        for row in range(len(queries)):
            mine = slice(likeness.indptr[row], likeness.indptr[row + 1])
            near, places = self._nearest(likeness.data[mine], likeness.indices[mine])
            followed = self.following[places]
            votes = near[:, None] * fading[None, :]
            there = followed >= 0
            found[row] = np.bincount(followed[there], votes[there], minlength=self.n_items)
        return found

    def _nearest(self, near: Floats, places: Ints) -> tuple[Floats, Ints]:
        if len(near) > self.model.nearest:
            best = np.argpartition(-near, self.model.nearest - 1)[: self.model.nearest]
            near, places = near[best], places[best]
        greatest = near.max() if len(near) else np.float32(1)
        return (near / greatest) ** np.float32(self.model.sharpness), places

    def _asked(self, queries: Queries) -> sp.csr_matrix:
        histories = queries.histories
        heard = histories.recency(self.model.decay, self.model.window) * self.rarity[histories.items]
        asked = histories.matrix(heard)
        asked.eliminate_zeros()
        return asked

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """The items of the history that the nearest places have which the item followed."""
        asked = self._asked(query)
        likeness = (asked @ self.described).tocsr()
        near, places = self._nearest(likeness.data, likeness.indices)
        voting = (self.following[places] == item).any(axis=1)
        shared = np.asarray(self.described[asked.indices][:, places[voting]] @ near[voting])
        return loudest(asked.indices.astype(np.int64), asked.data * shared)
