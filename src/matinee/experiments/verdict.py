r"""What an experiment says so far: differences with intervals that hold at every look, and whether to believe it. Pure.

Profiles are taken in the order in which they were first exposed, each with its whole window: so every value is final
and they are independent, as a confidence sequence needs. Before them stands CUPED (Deng, Xu, Kohavi, Walker, WSDM 2013;
at Netflix: Xie, Aurisset, KDD 2016): from each outcome Y goes what the profile's own past X explains,

    Y' = Y - theta (X - mean(X)),   theta = cov(X, Y) / var(X) within arms,

which leaves differences between arms as they are, for X was there before the arm, and takes rho(X, Y)^2 of the
variance away. With the known part p of treated profiles the difference's influence function (as Waudby-Smith et al.
2024, section 3, use for randomised experiments) is

    f = (m1 - m0) + A (Y' - m1) / p - (1 - A) (Y' - m0) / (1 - p),

whose mean is the difference of the adjusted means, and whose sequence ``sequences`` makes. Several treated arms share
alpha equally (Bonferroni).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from matinee.experiments.allocation import expected
from matinee.experiments.lifecycle import Arm
from matinee.experiments.sequences import Floats, radius, ratio_mismatch

ALPHA = 0.05
MISMATCH = 0.001
"""Below this the arms' sizes are no chance: something loses or doubles profiles of one arm."""

FEWEST = 25
"""Profiles an arm must have before anything is said of it: the sequence is asymptotic."""

_POINTS = 60


class Finding(StrEnum):
    """What may be said of a treated arm."""

    EARLY = "early"
    BETTER = "better"
    WORSE = "worse"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Unit:
    """One profile whose window is over: its arm, when it was first exposed, its outcome and its past."""

    arm: str
    exposed_at: datetime
    outcome: float
    covariate: float = 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """The difference to control as it stood once ``count`` profiles were measured, the last exposed at ``time``."""

    count: int
    time: datetime
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A treated arm beside control. ``explained``: the part of the variance that CUPED took away, 0 to 1."""

    arm: str
    control_mean: float
    treated_mean: float
    explained: float
    points: tuple[Point, ...]
    finding: Finding

    @property
    def last(self) -> Point | None:
        """The difference as it stands; None before the first."""
        return self.points[-1] if self.points else None

    @property
    def lift(self) -> float | None:
        """The difference as a part of control's mean; None where there is nothing to compare."""
        return self.last.difference / self.control_mean if self.last and self.control_mean else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """``exposed`` counts every exposed profile by arm, ``measured`` those whose window is over.

    ``mismatch`` is an always-valid p-value of the arms' sizes: below ``MISMATCH`` nothing else here is to be believed.
    """

    exposed: Mapping[str, int]
    measured: Mapping[str, int]
    mismatch: float
    comparisons: tuple[Comparison, ...]
    alpha: float = ALPHA

    @property
    def sound(self) -> bool:
        """Whether profiles fell into the arms as they were to."""
        return self.mismatch >= MISMATCH


def verdict(arms: Sequence[Arm], exposed: Mapping[str, int], units: Sequence[Unit], alpha: float = ALPHA) -> Verdict:
    """What may be said now. Units of arms that are none are left out; the order they come in does not matter."""
    parts = expected(arms)
    sizes = [exposed.get(arm.name, 0) for arm in arms]
    ordered = sorted((unit for unit in units if unit.arm in parts), key=lambda unit: unit.exposed_at)
    control, treated = arms[0], arms[1:]
    return Verdict(
        exposed={arm.name: size for arm, size in zip(arms, sizes, strict=True)},
        measured={name: sum(unit.arm == name for unit in ordered) for name in parts},
        mismatch=ratio_mismatch(sizes, list(parts.values())),
        comparisons=tuple(
            _compare(
                control.name,
                arm.name,
                [unit for unit in ordered if unit.arm in {control.name, arm.name}],
                arm.weight / (arm.weight + control.weight),
                alpha / len(treated),
            )
            for arm in treated
        ),
        alpha=alpha,
    )


def adjust(outcome: Floats, covariate: Floats, treated: Floats) -> tuple[Floats, float]:
    """CUPED: the outcomes without what the past explains, and the part of the variance within arms that went."""
    inside_x, inside_y = covariate.copy(), outcome.copy()
    for arm in (0.0, 1.0):
        mine = treated == arm
        if mine.any():
            inside_x[mine] -= covariate[mine].mean()
            inside_y[mine] -= outcome[mine].mean()
    spread_x, spread_y = float(inside_x @ inside_x), float(inside_y @ inside_y)
    if spread_x <= 0 or spread_y <= 0:
        return outcome, 0.0
    common = float(inside_x @ inside_y)
    return outcome - common / spread_x * (covariate - covariate.mean()), common * common / (spread_x * spread_y)


def difference(outcome: Floats, covariate: Floats, treated: Floats, part: float, alpha: float) -> tuple[float, float]:
    """The adjusted difference of the means, and half the width of its confidence sequence at this many profiles."""
    adjusted, _ = adjust(outcome, covariate, treated)
    mine = treated == 1
    one, none = float(adjusted[mine].mean()), float(adjusted[~mine].mean())
    influence = np.where(mine, (adjusted - one) / part, -(adjusted - none) / (1 - part))
    return one - none, radius(len(outcome), float(influence.std()), alpha)


def _compare(control: str, arm: str, units: Sequence[Unit], part: float, alpha: float) -> Comparison:
    outcome = np.array([unit.outcome for unit in units])
    covariate = np.array([unit.covariate for unit in units])
    treated = np.array([float(unit.arm == arm) for unit in units])
    points = []
    for count in _looks(treated):
        found, half = difference(outcome[:count], covariate[:count], treated[:count], part, alpha)
        points.append(Point(count, units[count - 1].exposed_at, found, found - half, found + half))
    explained = adjust(outcome, covariate, treated)[1] if points else 0.0
    return Comparison(
        arm=arm,
        control_mean=_mean(unit.outcome for unit in units if unit.arm == control),
        treated_mean=_mean(unit.outcome for unit in units if unit.arm == arm),
        explained=explained,
        points=tuple(points),
        finding=_finding(points),
    )


def _looks(treated: Floats) -> list[int]:
    """At how many profiles to look: evenly, from the first count at which both arms have enough to the last."""
    enough = np.minimum(np.cumsum(treated), np.cumsum(1 - treated)) >= FEWEST
    if not enough.any():
        return []
    first, last = int(np.argmax(enough)) + 1, len(treated)
    return sorted({round(count) for count in np.linspace(first, last, min(_POINTS, last - first + 1))})


def _finding(points: Sequence[Point]) -> Finding:
    if not points:
        return Finding.EARLY
    if points[-1].low > 0:
        return Finding.BETTER
    return Finding.WORSE if points[-1].high < 0 else Finding.NOTHING


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else 0.0
