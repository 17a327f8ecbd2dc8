"""Ours: many models as stages, and LambdaRank over them.

The trees must learn from stages that have not seen the target. So the stages are fitted several times, each time on
what a split may learn from: under leave-one-out the lessons are everybody's interaction before the last known one, the
one before that, and so on; under strong generalisation, groups of users who are held out in turn. The first split
checks how many trees help; the others teach. For the answer the stages are fitted once more on all there is, and the
trees are taught with the first split's lesson, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matinee.learning.features import Stage, Told, tell
from matinee.learning.histories import Histories, Ints
from matinee.learning.metrics import KEPT, accuracies
from matinee.learning.protocols import Split
from matinee.learning.ranker import FittedRanker, Lesson, learned, together

_ROUNDS = 600
_GROWN = 1.1  # more lessons in the answer than in the check: a tenth more trees

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How ours is made: its stages, how many candidates, which of a lesson's are kept, what the trees are told."""

    staging: Callable[[Histories], tuple[Stage, ...]]
    measure: str
    candidates: int = 300
    hard: int = 60
    boosters: int = 2  # that are averaged in the answer
    trees: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What the search found: the lessons, how many trees, and what they reach on validation beside the blend alone."""

    recipe: Recipe
    lessons: tuple[Lesson, ...]
    rounds: int
    validation: float
    blend: float
    seed: int

    def fit(self, histories: Histories, say: Say) -> FittedRanker:
        """The stages on all of ``histories``, the trees on all lessons; the blend alone where trees did not help."""
        stages = self.recipe.staging(histories)
        say(f"matinee: {len(stages)} stages learned")
        boosters: tuple[Any, ...] = ()
        if self.validation > self.blend:
            lesson = together(self.lessons)
            boosters = tuple(
                learned(lesson, int(self.rounds * _GROWN), self.seed + more, **self.recipe.trees)
                for more in range(self.recipe.boosters)
            )
            say(f"matinee: {len(boosters)} times {self.rounds} trees learned from {len(lesson.sizes):,} queries")
        return FittedRanker(stages, boosters, histories, self.recipe.candidates)

    def sentence(self) -> str:
        """What was chosen, in words."""
        if self.validation > self.blend:
            return (
                f"{self.recipe.boosters} x {self.rounds} trees, validation {self.recipe.measure} {self.validation:.4f}"
            )
        return f"the blend alone, validation {self.recipe.measure} {self.blend:.4f}"


def teach(recipe: Recipe, splits: Sequence[Split], seed: int, say: Say) -> Taught:
    """Fit the stages for each split, tell its candidates, choose the number of trees on the first split."""
    random = np.random.default_rng(seed)
    lessons: list[Lesson] = []
    checked: Told | None = None
    for number, split in enumerate(splits):
        told = tell(recipe.staging(split.learn), split.learn, split.queries, recipe.candidates)
        checked = checked or told
        lessons.append(Lesson.of(told, split.targets, random, recipe.hard))
        able = len(lessons[-1].sizes)
        say(f"matinee: lesson {number + 1} of {len(splits)}: {able:,} of {len(split.queries):,} queries")
    assert checked is not None
    held = Lesson.of(checked, splits[0].targets, None)
    booster = learned(together(lessons[1:]), _ROUNDS, seed, held, **recipe.trees)
    rounds = max(int(booster.best_iteration), 10)
    ranked = booster.predict(checked.features, num_iteration=rounds)
    reached, plain = (_reached(checked, scores, splits[0], recipe.measure) for scores in (ranked, checked.blend))
    say(f"matinee: {rounds} trees reach {recipe.measure} {reached:.4f} on validation, the blend alone {plain:.4f}")
    return Taught(recipe, tuple(lessons), rounds, reached, plain, seed)


def _reached(told: Told, scores: Any, split: Split, measure: str) -> float:
    return float(accuracies(_top(told, scores), split.targets)[measure].mean())


def _top(told: Told, scores: Any) -> Ints:
    """The best candidates of each query by some scores of theirs."""
    rows = np.repeat(np.arange(len(told.starts) - 1), np.diff(told.starts))
    order = np.lexsort((-np.asarray(scores), rows))
    place = np.arange(len(order)) - told.starts[:-1][rows]
    kept = place < KEPT
    top = np.full((len(told.starts) - 1, KEPT), -1, np.int64)
    top[rows[kept], place[kept]] = told.items[order][kept]
    return top
