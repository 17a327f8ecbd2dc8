"""Choosing parameters on validation, within a budget of time; no test item is looked at.

Each model has a short list of parameters, the likeliest first: what time is left after the first is spent on the next
ones. Time is measured, not asked: what is chosen for a table is the best that was tried, and the table says which.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from time import monotonic
from typing import Any

import numpy as np

from matinee.learning.ease import Ease
from matinee.learning.factors import Als
from matinee.learning.histories import Histories
from matinee.learning.metrics import accuracies
from matinee.learning.models import Model, lists
from matinee.learning.neighbours import Neighbours
from matinee.learning.popularity import HALF_LIVES_TIMED, HALF_LIVES_UNTIMED, Popularity, Trending
from matinee.learning.protocols import Split
from matinee.learning.transitions import Sequence as SequenceModel
from matinee.learning.transitions import Transitions

LARGEST_SQUARE = 20_000  # items up to which models keep a square of the catalogue
_QUERIES = 3_000  # validation queries that choose, drawn by the seed


@dataclass(frozen=True, slots=True)
class Chosen:
    """The best model tried, what it reached on validation, and how many were tried, of how many there are."""

    model: Model
    validation: float
    tried: int
    offered: int = 0

    def sentence(self) -> str:
        """The parameters in words."""
        parameters: Any = self.model
        said = [f"{one.name} {getattr(parameters, one.name)}" for one in fields(parameters) if one.name != "name"]
        cut = f"; time allowed {self.tried} of {self.offered} tries" if self.tried < self.offered else ""
        return (", ".join(said) or "nothing to choose") + cut


def choose(models: Sequence[Model], splits: Sequence[Split], measure: str, until: float, seed: int) -> Chosen:
    """The model of the highest measure over all validation splits' queries; tries in order, one at least.

    None is begun that would end after the monotonic time ``until`` if it takes as long as the slowest before it.
    """
    if len(models) == 1:
        return Chosen(models[0], float("nan"), 0)
    most = _QUERIES // len(splits)
    drawn = [np.random.default_rng(seed).permutation(len(one.queries))[:most] for one in splits]
    asked = [one.of(np.sort(rows)) for one, rows in zip(splits, drawn, strict=True)]
    best: Chosen | None = None
    slowest = 0.0
    for tried, model in enumerate(models, start=1):
        began = monotonic()
        reached = validated(model, asked, measure)
        slowest = max(slowest, monotonic() - began)
        if best is None or reached > best.validation:
            best = Chosen(model, reached, tried)
        best = Chosen(best.model, best.validation, tried, len(models))
        if monotonic() + slowest > until:
            break
    assert best is not None
    return best


def validated(model: Model, splits: Sequence[Split], measure: str) -> float:
    """What a model reaches on the queries of some splits, learned for each of them."""
    tops = [lists(model.fit(split.learn), split.queries) for split in splits]
    found = [accuracies(top, split.targets)[measure] for top, split in zip(tops, splits, strict=True)]
    return float(np.concatenate(found).mean())


def _trending(histories: Histories) -> list[Model]:
    half_lives = HALF_LIVES_TIMED if histories.timed else HALF_LIVES_UNTIMED
    return [Trending(half_life) for half_life in half_lives]


def _transitions(histories: Histories) -> list[Model]:
    del histories
    shapes = ((0.8, 10, 0.5, 0.7), (0.8, 10, 0.3, 0.7), (0.8, 10, 0.7, 0.7), (0.9, 20, 0.5, 0.9))
    return [Transitions(*shape) for shape in shapes]


def _sequence(histories: Histories) -> list[Model]:
    del histories
    shapes = ((0.8, 20, 10.0), (0.9, 40, 10.0), (0.8, 20, 30.0), (0.9, 40, 30.0), (0.6, 10, 10.0))
    return [SequenceModel(decay, window, ridge, 0.5, decay) for decay, window, ridge in shapes]


def _neighbours(histories: Histories) -> list[Model]:
    del histories
    return [Neighbours(), Neighbours(sharpness=4.0), Neighbours(window=12, decay=0.9), Neighbours(nearest=1_000)]


def _ease(histories: Histories) -> list[Model]:
    few = histories.n_users < 2_000  # noqa: PLR2004 - the ridge grows with what is summed
    ridges = (100.0, 300.0, 30.0) if few else (300.0, 700.0, 150.0)
    return [Ease(ridge, recall=recall) for recall in (1.0, 0.95) for ridge in ridges]


def _als(histories: Histories) -> list[Model]:
    del histories
    shapes = (
        (128, 50.0, 10.0),
        (64, 10.0, 5.0),
        (256, 100.0, 20.0),
        (64, 50.0, 20.0),
        (32, 1.0, 2.0),
        (128, 10.0, 2.0),
    )
    return [Als(factors, ridge, alpha) for factors, ridge, alpha in shapes]


GRIDS: dict[str, Callable[[Histories], list[Model]]] = {
    "popularity": lambda _: [Popularity()],
    "trending": _trending,
    "transitions": _transitions,
    "sequence": _sequence,
    "neighbours": _neighbours,
    "ease": _ease,
    "als": _als,
}
