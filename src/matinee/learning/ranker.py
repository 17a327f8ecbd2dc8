"""The second stage: LambdaRank over what is told of candidates (Burges 2010; LightGBM, Ke et al. 2017).

Gradient-boosted trees learn, from queries whose targets the stages have not seen, in which situations which score is to
be believed. How many trees is chosen on the validation split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matinee.learning.features import Stage, Told, tell
from matinee.learning.histories import Floats, Histories, Ints, Queries
from matinee.learning.models import Link
from matinee.model.errors import Unavailable

_ABOVE = 1e3  # candidates stand above all other items
_HARD = 60  # of a training query's candidates the first are kept …
_DRAWN = 60  # … and so many of the rest are drawn
_FEW = 100_000  # rows below which threads wait for each other longer than they work
PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank",
    "num_leaves": 31,
    "learning_rate": 0.06,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "lambdarank_truncation_level": 20,
    "metric": "ndcg",
    "eval_at": [10],
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
}


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Training rows: candidates in groups, one a query."""

    features: Floats
    labels: Ints
    sizes: Ints

    @staticmethod
    def of(told: Told, targets: Histories, random: np.random.Generator | None, hard: int = _HARD) -> "Lesson":
        """The queries with a target among their candidates; ``random`` thins out those after the first ``hard``."""
        labels = told.labels(targets)
        sizes = np.diff(told.starts)
        hits = np.add.reduceat(labels, told.starts[:-1]) * (sizes > 0)
        place = np.arange(len(labels)) - np.repeat(told.starts[:-1], sizes)
        keep = np.repeat(hits > 0, sizes)
        if random is not None:
            share = np.repeat(_DRAWN / np.maximum(sizes - hard, 1), sizes)
            keep &= (place < hard) | (labels > 0) | (random.random(len(labels)) < share)
        rows = np.repeat(np.arange(len(sizes)), sizes)[keep]
        kept = np.bincount(rows, minlength=len(sizes))
        return Lesson(told.features[keep], labels[keep], kept[kept > 0])


def together(lessons: Sequence[Lesson]) -> Lesson:
    """Several lessons as one."""
    return Lesson(
        np.concatenate([one.features for one in lessons]),
        np.concatenate([one.labels for one in lessons]),
        np.concatenate([one.sizes for one in lessons]),
    )


def learned(
    lesson: Lesson, rounds: int, seed: int, held: Lesson | None = None, patience: int = 30, **changed: Any
) -> Any:
    """A LightGBM booster of ``rounds`` trees, or fewer where the held lesson says that more no longer help."""
    try:
        import lightgbm  # noqa: PLC0415 - loads in a second
    except OSError as error:  # a library of the system's that a bare Debian lacks
        raise Unavailable(f"LightGBM cannot be loaded ({error}): apt-get install libgomp1.") from error

    few = {"num_threads": 1} if len(lesson.labels) < _FEW else {}
    parameters = {**PARAMETERS, **few, "seed": seed, **changed}
    data = lightgbm.Dataset(lesson.features, lesson.labels, group=lesson.sizes, free_raw_data=True)
    if held is None:
        return lightgbm.train(parameters, data, rounds)
    check = lightgbm.Dataset(held.features, held.labels, group=held.sizes, reference=data)
    stop = lightgbm.early_stopping(patience, verbose=False)
    return lightgbm.train(parameters, data, rounds, valid_sets=[check], callbacks=[stop])


@dataclass(frozen=True, slots=True, eq=False)
class FittedRanker:
    """Stages, and the trees over them."""

    stages: tuple[Stage, ...]
    boosters: tuple[Any, ...]
    learn: Histories
    candidates: int

    def scores(self, queries: Queries) -> Floats:
        """Candidates as the trees rank them, above all others, which have no order among them."""
        told = tell(self.stages, self.learn, queries, self.candidates)
        found = np.full((len(queries), self.learn.n_items), -_ABOVE, np.float32)
        rows = np.repeat(np.arange(len(queries)), np.diff(told.starts))
        found[rows, told.items] = self.judged(told)
        return found

    def judged(self, told: Told) -> Floats:
        """The trees' scores of candidates; the blend where there are no trees."""
        if not self.boosters:
            return told.blend
        return np.asarray(np.mean([booster.predict(told.features) for booster in self.boosters], axis=0), np.float32)

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """What the first stage that has reasons says."""
        return next((said for stage in self.stages if (said := stage.fitted.why(query, item))), ())
