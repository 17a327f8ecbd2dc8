r"""What another policy would have earned, out of what this one logged. Pure.

Each line of the log has a reward r, the propensity mu with which its action was chosen, and the probability pi with
which the other policy would have chosen it; w = pi / mu.

- IPS, mean(w r): unbiased while every mu is true and above 0 where pi is (Horvitz, Thompson 1952).
- SNIPS, sum(w r) / sum(w): a little biased, far steadier, and indifferent to a shifted reward (Swaminathan, Joachims
  2015).
- Doubly robust, mean(v + w (r - q)) with a model's q for the action taken and v for the other policy: right if either
  the propensities or the model are (Dudik, Langford, Li 2011).

Intervals are the normal approximation's (SNIPS by the delta method). The effective sample size (sum w)^2 / sum(w^2)
(Kish) says how many lines the estimate really rests on: below some tens, believe none of them.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from matinee.experiments.sequences import Floats
from matinee.model.errors import Invalid


@dataclass(frozen=True, slots=True)
class Estimate:
    """A policy's reward a line with its interval, and on how many lines it rests."""

    value: float
    low: float
    high: float
    effective: float


@dataclass(frozen=True, slots=True)
class Log:
    """What was earned, how likely that action was when it was taken, and how likely it is under the other policy.

    Invalid if the arrays differ in length, are empty, or hold what is no probability; a propensity of 0 was no choice.
    """

    rewards: Floats
    propensities: Floats
    wanted: Floats

    def __post_init__(self) -> None:
        sizes = {len(self.rewards), len(self.propensities), len(self.wanted)}
        if len(sizes) != 1 or 0 in sizes:
            raise Invalid("A log needs as many rewards as propensities and probabilities, and one at least.")
        if not (np.all(self.propensities > 0) and np.all(self.propensities <= 1)):
            raise Invalid("A propensity is above 0 and at most 1: what could not be chosen was not.")
        if not (np.all(self.wanted >= 0) and np.all(self.wanted <= 1)):
            raise Invalid("A policy's probability is from 0 to 1.")
        if not np.all(np.isfinite(self.rewards)):
            raise Invalid("A reward is a finite number.")

    def weights(self, most: float | None = None) -> Floats:
        """W for each line, cut at ``most`` where that is given: less variance for some bias."""
        found: Floats = self.wanted / self.propensities
        return found if most is None else np.minimum(found, most)


def ips(log: Log, most: float | None = None, alpha: float = 0.05) -> Estimate:
    """Inverse propensity scores."""
    weights = log.weights(most)
    return _estimate(weights * log.rewards, weights, alpha)


def snips(log: Log, most: float | None = None, alpha: float = 0.05) -> Estimate:
    """Self-normalised inverse propensity scores; of no weight at all it knows nothing."""
    weights = log.weights(most)
    whole = float(weights.sum())
    if whole <= 0:
        return Estimate(0.0, -np.inf, np.inf, 0.0)
    value = float(weights @ log.rewards) / whole
    influence = value + weights * (log.rewards - value) * len(weights) / whole
    return _estimate(influence, weights, alpha)


def doubly_robust(
    log: Log, taken: Floats, expected: Floats, most: float | None = None, alpha: float = 0.05
) -> Estimate:
    """``taken``: the model's reward of the action that was taken; ``expected``: of what the other policy would do."""
    if len(taken) != len(log.rewards) or len(expected) != len(log.rewards):
        raise Invalid("A model says a reward for every line of the log.")
    weights = log.weights(most)
    return _estimate(expected + weights * (log.rewards - taken), weights, alpha)


def _estimate(values: Floats, weights: Floats, alpha: float) -> Estimate:
    value = float(values.mean())
    half = NormalDist().inv_cdf(1 - alpha / 2) * float(values.std()) / len(values) ** 0.5
    squared = float(weights @ weights)
    effective = float(weights.sum()) ** 2 / squared if squared > 0 else 0.0
    return Estimate(value, value - half, value + half, effective)
