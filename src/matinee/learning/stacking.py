"""Ours: many models as stages, and LambdaRank over them.

The trees must learn from stages that have not seen the target. So the stages are fitted several times, each time on
what a split may learn from: under leave-one-out the lessons are everybody's interactions before the last known one;
under strong generalisation, groups of users who are held out in turn. The first split checks which trees help, how many
of them, and how much they are to say beside the blend of the stages' scores; the others teach. Then the trees are
learned again with the first split's lesson, too. The last fit, on all there is, is the stages'.

Time is a bound: lessons are told and trees are learned while it lasts, and the table says what was cut.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from matinee.boosting import Groups, boosted, joined
from matinee.learning.features import Stage, Told, tell
from matinee.learning.histories import Floats, Histories, Ints
from matinee.learning.metrics import KEPT, accuracies
from matinee.learning.protocols import Split
from matinee.learning.ranker import FittedRanker, lesson, mixed

_ROUNDS = 600
_LEAST_ROUNDS = 10
_GROWN = 1.1  # more lessons in the answer than in the check: a tenth more trees
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)  # of what the trees say, beside the blend
_TREES = 0.6  # of the time left when the first lesson has been told, what is kept for learning trees

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How ours is made: its stages, how many candidates, how many a lesson keeps, which trees are tried."""

    staging: Callable[[Histories], tuple[Stage, ...]]
    measure: str
    candidates: int = 300
    kept: float = 0.4  # of a lesson's candidates that are no target
    boosters: int = 2  # that are averaged in the answer
    shapes: tuple[Mapping[str, Any], ...] = ({},)


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What the search found: lessons, which trees and how many, their share, and what each reaches on validation."""

    recipe: Recipe
    lessons: tuple[Groups, ...]
    shape: Mapping[str, Any]
    rounds: int
    share: float
    validation: float
    blend: float
    boosters: tuple[Any, ...]  # that answer, averaged; none where trees did not help
    cut: str
    seed: int

    def fit(self, histories: Histories, say: Say) -> FittedRanker:
        """The stages on all of ``histories``; the trees answer over them, or the blend where they did not help."""
        stages = self.recipe.staging(histories)
        say(f"matinee: {len(stages)} stages learned")
        return FittedRanker(stages, self.boosters, histories, self.recipe.candidates, self.share)

    def sentence(self) -> str:
        """What was chosen, in words."""
        measure = f"validation {self.recipe.measure}"
        if not self.share:
            return f"the blend alone, {measure} {self.blend:.4f}{self.cut}"
        leaves = ", ".join(f"{name} {value}" for name, value in self.shape.items())
        trees = f"{len(self.boosters)} x {self.rounds} trees{f' ({leaves})' if leaves else ''}"
        return f"{trees}, share {self.share:g}, {measure} {self.validation:.4f} (blend {self.blend:.4f}){self.cut}"


def teach(recipe: Recipe, splits: Sequence[Split], seed: int, say: Say, until: float = float("inf")) -> Taught:
    """Fit the stages for each split, tell its candidates, choose trees and their share on the first split."""
    checked, lessons = _told(recipe, splits, seed, say, until)
    cut = "" if len(lessons) == len(splits) else f"; time allowed {len(lessons) - 1} of {len(splits) - 1} lessons"
    plain = _reached(checked, checked.blend, splits[0], recipe.measure)
    best = Taught(recipe, lessons, {}, _LEAST_ROUNDS, 0.0, plain, plain, (), cut, seed)
    if len(lessons) == 1:
        return best
    held, together = lesson(checked, splits[0].targets), joined(lessons[1:])
    slowest = 0.0
    for number, shape in enumerate(recipe.shapes):
        began = monotonic()
        if began + slowest > until:
            best = replace(best, cut=f"{best.cut}; time allowed {number} of {len(recipe.shapes)} kinds of trees")
            break
        ends = began + (until - began) / (len(recipe.shapes) + 1 - number)
        booster = boosted(together, _ROUNDS, seed, held, until=ends, **shape)
        rounds = max(int(booster.best_iteration), _LEAST_ROUNDS)
        booster.best_iteration = rounds
        ranked = np.asarray(booster.predict(checked.features), np.float32)
        reached = {
            share: _reached(checked, mixed(checked, ranked, share), splits[0], recipe.measure) for share in _SHARES
        }
        slowest = max(slowest, monotonic() - began)
        say(
            f"matinee: {rounds} trees {dict(shape)} reach {recipe.measure} {reached[1.0]:.4f} on validation, the blend "
            f"alone {plain:.4f}, the best of both {max(reached.values()):.4f}; {monotonic() - began:.0f} s"
        )
        share = max(reached, key=lambda one: reached[one])
        if reached[share] > best.validation:
            found: dict[str, Any] = {"shape": shape, "rounds": rounds, "share": share, "validation": reached[share]}
            best = replace(best, boosters=(booster,), **found)
    return _again(best, say, until) if best.share else best


def _again(found: Taught, say: Say, until: float) -> Taught:
    """The trees learned again, from the validation's lesson, too; as they were where there is no time for that."""
    lessons, grown = joined(found.lessons), max(int(found.rounds * _GROWN), _LEAST_ROUNDS)
    boosters: list[Any] = []
    slowest = 0.0
    while len(boosters) < found.recipe.boosters and monotonic() + slowest < until:
        began = monotonic()
        learned = boosted(lessons, grown, found.seed + len(boosters), until=until, **found.shape)
        if learned.num_trees() < grown:
            break
        boosters.append(learned)
        slowest = monotonic() - began
        say(f"matinee: {grown} trees learned again from {len(lessons.sizes):,} queries, {slowest:.0f} s")
    if not boosters:
        return replace(found, cut=f"{found.cut}; no time to learn from validation, too")
    return replace(found, boosters=tuple(boosters), rounds=grown)


def _told(
    recipe: Recipe, splits: Sequence[Split], seed: int, say: Say, until: float
) -> tuple[Told, tuple[Groups, ...]]:
    """What is told of the first split's candidates, and lessons while time allows."""
    random = np.random.default_rng(seed)
    first, learned = splits[0], splits[0].learn
    stages = recipe.staging(learned)
    began = monotonic()
    checked = tell(stages, learned, first.queries, recipe.candidates)
    slowest = monotonic() - began
    lessons = [lesson(checked, first.targets, random, recipe.kept)]
    ends = began + (until - began) * (1 - _TREES)
    for split in splits[1:]:
        began = monotonic()
        if len(lessons) > 1 and began + slowest > ends:
            break
        if split.learn is not learned:
            stages, learned = recipe.staging(split.learn), split.learn
        lessons.append(
            lesson(tell(stages, learned, split.queries, recipe.candidates), split.targets, random, recipe.kept)
        )
        slowest = max(slowest, monotonic() - began)
        say(
            f"matinee: lesson {len(lessons) - 1} of {len(splits) - 1}: {len(lessons[-1].sizes):,} of "
            f"{len(split.queries):,} queries, {monotonic() - began:.0f} s"
        )
    return checked, tuple(lessons)


def _reached(told: Told, scores: Floats, split: Split, measure: str) -> float:
    return float(accuracies(_top(told, scores), split.targets)[measure].mean())


def _top(told: Told, scores: Floats) -> Ints:
    """The best candidates of each query by some scores of theirs."""
    rows = np.repeat(np.arange(len(told.starts) - 1), np.diff(told.starts))
    order = np.lexsort((-scores, rows))
    place = np.arange(len(order)) - told.starts[:-1][rows]
    kept = place < KEPT
    top = np.full((len(told.starts) - 1, KEPT), -1, np.int64)
    top[rows[kept], place[kept]] = told.items[order][kept]
    return top
