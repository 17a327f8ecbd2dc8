"""What every model offers: fit, fold in one history and score it, say why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from matinee.learning.histories import Floats, Histories, Ints, Queries
from matinee.learning.metrics import KEPT, top_items

BLOCK = 512  # queries whose scores of the whole catalogue are held at once


@dataclass(frozen=True, slots=True)
class Link:
    """A watched item that speaks for another one, and how loudly (in the model's own scores)."""

    item: int
    weight: float


class Fitted(Protocol):
    """A model that has learned. It knows no user: a history that it never saw is folded in as one that it learned."""

    def scores(self, queries: Queries) -> Floats:
        """Queries by items, higher is better; seen items are scored like others."""

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """What of the one query's history speaks for an item, the loudest first; empty if it is not the history."""


class Model(Protocol):
    """How a model learns; its fields are its parameters."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def fit(self, histories: Histories) -> Fitted:
        """Learn from these histories and nothing else."""


def blocks(queries: Queries, size: int = BLOCK) -> Iterator[tuple[Ints, Queries]]:
    """The queries in blocks: their row numbers and themselves."""
    for start in range(0, len(queries), size):
        rows = np.arange(start, min(start + size, len(queries)))
        yield rows, queries.of(rows)


def hide_seen(scores: Floats, queries: Queries) -> Floats:
    """The scores, with -inf where the query's history holds the item; in place."""
    scores[queries.histories.owners(), queries.histories.items] = -np.inf
    return scores


def lists(fitted: Fitted, queries: Queries, count: int = KEPT) -> Ints:
    """The best unseen items of each query, best first; -1 where there are no more."""
    found = [top_items(hide_seen(fitted.scores(block), block), count) for _, block in blocks(queries)]
    return np.concatenate(found) if found else np.empty((0, count), np.int64)


def loudest(items: Ints, weights: Floats, count: int = 3) -> tuple[Link, ...]:
    """The links that speak for an item, the loudest first."""
    order = np.argsort(-weights, kind="stable")[:count]
    return tuple(Link(int(items[place]), float(weights[place])) for place in order if weights[place] > 0)
