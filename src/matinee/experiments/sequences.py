r"""Confidence sequences: intervals that hold at every moment at once, so that one may look as often as one likes. Pure.

A 95 % interval of the usual kind is right once; who looks daily and stops at the first "significant" day is wrong far
more often than one time in twenty. A confidence sequence (C_t) is right at all times together:
P(for all t: truth in C_t) >= 1 - alpha (Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic
confidence sequences", Annals of Statistics 2021). For means of unbounded values the asymptotic form is used
(Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences",
Annals of Statistics 2024, theorem 2.2), the boundary of Robbins' normal mixture with an estimated variance:

    mean_t +- sd_t * sqrt( 2 (t rho^2 + 1) / (t^2 rho^2) * log( sqrt(t rho^2 + 1) / alpha ) )

``rho`` chooses the t at which it is tightest beside a usual 95 % interval: there it is 1.55 times as wide.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rho(tightest_at: float, alpha: float) -> float:
    """The mixture's parameter that makes the sequence tightest at that many values."""
    wanted = -2 * math.log(alpha)
    return math.sqrt((wanted + math.log(wanted + 1)) / max(1.0, tightest_at))


def radius(count: int, deviation: float, alpha: float, tightest_at: float = 1000.0) -> float:
    """Half the width of the sequence after ``count`` values of that standard deviation; infinite before the first."""
    if count < 1:
        return math.inf
    squared = rho(tightest_at, alpha) ** 2
    spread = count * squared + 1
    return deviation * math.sqrt(2 * spread / (count * count * squared) * math.log(math.sqrt(spread) / alpha))


def mean_sequence(values: Floats, alpha: float = 0.05, tightest_at: float = 1000.0) -> tuple[Floats, Floats, Floats]:
    """Mean, lower and upper end after each value, in the order in which the values came."""
    count = np.arange(1, len(values) + 1)
    mean = np.cumsum(values) / count
    deviation = np.sqrt(np.maximum(0.0, np.cumsum(values**2) / count - mean**2))
    half = np.array([radius(int(n), float(sd), alpha, tightest_at) for n, sd in zip(count, deviation, strict=True)])
    return mean, mean - half, mean + half


def ratio_mismatch(counts: Sequence[int], expected: Sequence[float], strength: float = 10_000.0) -> float:
    """An always-valid p-value that profiles fell into the arms as they were to: small says that something is broken.

    The Bayes factor of a Dirichlet-multinomial (its mean at the expected parts) against those parts, a martingale
    under them, so that by Ville's inequality its inverse is a p-value at every moment (Lindon, Malek, "Anytime-valid
    inference for multinomial count data", NeurIPS 2022). ``strength`` is the prior's concentration: how near to the
    expected parts a mismatch is looked for.
    """
    total = sum(counts)
    weights = [strength * part for part in expected]
    log_factor = math.lgamma(strength) - math.lgamma(strength + total)
    for count, weight, part in zip(counts, weights, expected, strict=True):
        log_factor += math.lgamma(weight + count) - math.lgamma(weight) - count * math.log(part)
    return min(1.0, math.exp(-max(-700.0, min(700.0, log_factor))))
