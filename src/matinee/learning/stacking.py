"""Ours: many models as stages, and LambdaRank over them.

The trees must learn from stages that have not seen the target. So the stages are fitted several times, each time on
what a split may learn from: under leave-one-out the lessons are everybody's interactions before the last known one;
under strong generalisation, groups of users who are held out in turn. Some splits check what the stages' blend is to be
(where the recipe has it chosen), which trees help, how many of them, and how much they are to say beside the blend; the
others teach. Then the trees are
learned again with the checks' lessons, too. The last fit, on all there is, is the stages'.

Time is a bound: lessons are told and trees are learned while it lasts, and the table says what was cut.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from matinee.boosting import Groups, boosted, joined
from matinee.learning.features import Stage, Told, tell, together
from matinee.learning.histories import Floats, Histories, Ints, one_after_another
from matinee.learning.metrics import KEPT, accuracies
from matinee.learning.mixing import Mix, best_mix, scored
from matinee.learning.protocols import Split
from matinee.learning.ranker import FittedRanker, lesson, mixed

_ROUNDS = 600
_LEAST_ROUNDS = 10
_GROWN = 1.1  # more lessons in the answer than in the check: a tenth more trees
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)  # of what the trees say, beside the blend
_CHOOSING = 1_000  # queries that choose the blend's weights
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
    mixed: bool = False  # whether the weights of the blend are chosen, too


@dataclass(frozen=True, slots=True)
class Lessons:
    """Splits that check, and splits that teach: none of them holds what the test asks for."""

    checks: tuple[Split, ...]
    teach: tuple[Split, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What is told of all checks' candidates and what they are judged by, the lessons, and the blend's weights."""

    told: Told
    targets: Histories
    lessons: tuple[Groups, ...]  # the checks' first, as one
    mix: Mix | None

    def reached(self, scores: Floats, measure: str) -> float:
        """What some scores of the checks' candidates reach."""
        return float(accuracies(_top(self.told, scores), self.targets)[measure].mean())


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
    mix: Mix | None = None  # the blend's weights, where they were chosen

    def fit(self, histories: Histories, say: Say) -> FittedRanker:
        """The stages on all of ``histories``; the trees answer over them, or the blend where they did not help."""
        stages = self.recipe.staging(histories)
        say(f"matinee: {len(stages)} stages learned")
        return FittedRanker(stages, self.boosters, histories, self.recipe.candidates, self.share, self.mix)

    def sentence(self) -> str:
        """What was chosen, in words."""
        measure = f"validation {self.recipe.measure}"
        weights = "" if self.mix is None else ", ".join(f"{name} {heavy:g}" for name, heavy in self.mix.items())
        blend = f"blend of {weights}" if weights else "blend"
        if not self.share:
            return f"the {blend} alone, {measure} {self.blend:.4f}{self.cut}"
        leaves = ", ".join(f"{name} {value}" for name, value in self.shape.items())
        trees = f"{len(self.boosters)} x {self.rounds} trees{f' ({leaves})' if leaves else ''}"
        return f"{trees}, share {self.share:g}, {measure} {self.validation:.4f} ({blend} {self.blend:.4f}){self.cut}"


def teach(recipe: Recipe, splits: Lessons, seed: int, say: Say, until: float = float("inf")) -> Taught:
    """Fit the stages for each split, tell its candidates, choose the blend, trees and their share on the checks."""
    heard = _heard(recipe, splits, seed, say, until)
    told, allowed = heard.told, len(heard.lessons) - 1
    cut = "" if allowed == len(splits.teach) else f"; time allowed {allowed} of {len(splits.teach)} lessons"
    plain = heard.reached(told.blend, recipe.measure)
    best = Taught(recipe, heard.lessons, {}, _LEAST_ROUNDS, 0.0, plain, plain, (), cut, seed, heard.mix)
    if not allowed:
        return best
    held, lessons = lesson(told, heard.targets), joined(heard.lessons[1:])
    slowest = 0.0
    for number, shape in enumerate(recipe.shapes):
        began = monotonic()
        if began + slowest > until:
            best = replace(best, cut=f"{best.cut}; time allowed {number} of {len(recipe.shapes)} kinds of trees")
            break
        ends = began + (until - began) / (len(recipe.shapes) + 1 - number)
        booster = boosted(lessons, _ROUNDS, seed, held, until=ends, **shape)
        rounds = max(int(booster.best_iteration), _LEAST_ROUNDS)
        booster.best_iteration = rounds
        ranked = np.asarray(booster.predict(told.features), np.float32)
        reached = {share: heard.reached(mixed(told, ranked, share), recipe.measure) for share in _SHARES}
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


def _heard(recipe: Recipe, splits: Lessons, seed: int, say: Say, until: float) -> Heard:
    """The checks, and lessons while time allows."""
    random = np.random.default_rng(seed)
    began = monotonic()
    ends = began + (until - began) * (1 - _TREES)
    mix, checks = _checked(recipe, splits.checks, seed, say, ends)
    slowest = (monotonic() - began) / len(splits.checks)
    targets = one_after_another([one.targets for one in splits.checks])
    told = together(checks)
    lessons = [lesson(told, targets, random, recipe.kept)]
    learned: Histories | None = None
    stages: tuple[Stage, ...] = ()
    for split in splits.teach:
        began = monotonic()
        if len(lessons) > 1 and began + slowest > ends:
            break
        if split.learn is not learned:
            stages, learned = recipe.staging(split.learn), split.learn
        lessons.append(
            lesson(tell(stages, learned, split.queries, recipe.candidates, mix), split.targets, random, recipe.kept)
        )
        slowest = max(slowest, monotonic() - began)
        say(
            f"matinee: lesson {len(lessons) - 1} of {len(splits.teach)}: {len(lessons[-1].sizes):,} of "
            f"{len(split.queries):,} queries, {monotonic() - began:.0f} s"
        )
    return Heard(told, targets, tuple(lessons), mix)


def _checked(
    recipe: Recipe, checks: Sequence[Split], seed: int, say: Say, until: float
) -> tuple[Mix | None, list[Told]]:
    """The blend's weights, if they are to be chosen, and what is told of each check's candidates."""
    fitted = [recipe.staging(split.learn) for split in checks]
    mix: Mix | None = None
    if recipe.mixed:
        began = monotonic()
        few = _CHOOSING // len(checks)
        found = [scored(stages, split, seed, few) for stages, split in zip(fitted, checks, strict=True)]
        proposed = {one.name: one.proposes for one in fitted[0] if one.proposes}
        mix, reached = best_mix(found, proposed, recipe.measure, until)
        weights = ", ".join(f"{name} {weight:g}" for name, weight in mix.items())
        say(f"matinee: the blend of {weights} reaches {recipe.measure} {reached:.4f}; {monotonic() - began:.0f} s")
    return mix, [
        tell(stages, split.learn, split.queries, recipe.candidates, mix)
        for stages, split in zip(fitted, checks, strict=True)
    ]


def _top(told: Told, scores: Floats) -> Ints:
    """The best candidates of each query by some scores of theirs."""
    rows = np.repeat(np.arange(len(told.starts) - 1), np.diff(told.starts))
    order = np.lexsort((-scores, rows))
    place = np.arange(len(order)) - told.starts[:-1][rows]
    kept = place < KEPT
    top = np.full((len(told.starts) - 1, KEPT), -1, np.int64)
    top[rows[kept], place[kept]] = told.items[order][kept]
    return top
