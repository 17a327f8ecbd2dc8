"""The second stage: LambdaRank over what is told of candidates (Burges 2010; LightGBM, Ke et al. 2017).

Gradient-boosted trees learn, from queries whose targets the stages have not seen, in which situations which score is to
be believed. How many trees is chosen on the validation split.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matinee.boosting import Groups
from matinee.learning.features import Stage, Told, tell
from matinee.learning.histories import Floats, Histories, Queries
from matinee.learning.models import Link

_ABOVE = 1e3  # candidates stand above all other items


def lesson(told: Told, targets: Histories, random: np.random.Generator | None = None, kept: float = 1.0) -> Groups:
    """The queries with a target among their candidates; of the candidates that are none a share is ``kept``, drawn.

    All places are thinned alike: were the first ones kept and the rest thinned, targets far down would seem likelier
    than they are, and trees taught so would rank the far end too high.
    """
    labels = told.labels(targets)
    sizes = np.diff(told.starts)
    hits = np.add.reduceat(labels, told.starts[:-1]) * (sizes > 0)
    keep = np.repeat(hits > 0, sizes)
    if random is not None:
        keep &= (labels > 0) | (random.random(len(labels)) < kept)
    rows = np.repeat(np.arange(len(sizes)), sizes)[keep]
    left = np.bincount(rows, minlength=len(sizes))
    return Groups(told.features[keep], labels[keep], left[left > 0])


def mixed(told: Told, ranked: Floats, share: float) -> Floats:
    """What trees say of candidates, with ``share``, beside the blend; each brought to the same spread a query."""
    if share in {0.0, 1.0}:
        return ranked if share else told.blend
    return np.asarray(share * _spread(told, ranked) + (1 - share) * _spread(told, told.blend), np.float32)


def _spread(told: Told, scores: Floats) -> Floats:
    sizes = np.diff(told.starts)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    many = np.maximum(sizes, 1)
    centred = scores - (np.bincount(rows, scores, len(sizes)) / many)[rows]
    deviation = np.sqrt(np.bincount(rows, centred**2, len(sizes)) / many)
    return np.asarray(centred / np.maximum(deviation, 1e-9)[rows], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FittedRanker:
    """Stages, and the trees over them."""

    stages: tuple[Stage, ...]
    boosters: tuple[Any, ...]
    learn: Histories
    candidates: int
    share: float = 1.0  # of what the trees say, beside the blend
    mix: Mapping[str, float] | None = None  # weights of the blend, where they were chosen

    def scores(self, queries: Queries) -> Floats:
        """Candidates as the trees rank them, above all others, which have no order among them."""
        told = tell(self.stages, self.learn, queries, self.candidates, self.mix)
        found = np.full((len(queries), self.learn.n_items), -_ABOVE, np.float32)
        rows = np.repeat(np.arange(len(queries)), np.diff(told.starts))
        found[rows, told.items] = self.judged(told)
        return found

    def judged(self, told: Told) -> Floats:
        """The trees' scores of candidates; the blend where there are no trees."""
        if not self.boosters:
            return told.blend
        ranked = np.mean([booster.predict(told.features) for booster in self.boosters], axis=0)
        return mixed(told, np.asarray(ranked, np.float32), self.share)

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """What the first stage that has reasons says."""
        return next((said for stage in self.stages if (said := stage.fitted.why(query, item))), ())
