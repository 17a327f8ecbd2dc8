r"""A contextual bandit: which image of a title, which title at a row's exploring place. Pure but for its own sums.

*Thompson* draws weights from the posterior and takes the best arm; *UCB* (LinUCB: Li, Chu, Langford, Schapire, WWW
2010) takes the arm with the highest mean + width * deviation. Either way the arms' probabilities are worked out first,
every arm is given ``floor`` / K, and the choice is then drawn from exactly these probabilities. So the propensity that
comes with a choice is exact, not an estimate: what is approximate below changes the policy a little, never the truth of
what is logged, and ``offpolicy`` stays unbiased.

How Thompson's probabilities are worked out: arms with weights of their own have independent scores N(m_k, s_k^2), and
P(k is best) = integral of phi_k times the product of the others' Phi_j, by quadrature; arms that share weights have
correlated scores, and are drawn ``_DRAWS`` times from the generator that is passed in.
"""

import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from matinee.experiments.posterior import Posteriors
from matinee.experiments.sequences import Floats
from matinee.model.errors import Invalid

_DRAWS = 256
_REACH = 6.0
# Minus the logarithm of what may be missing of a mean.
_EXACT = 26.0
# So many sets of values are worked out at once: what is in the making stays in a core's cache.
_AT_ONCE = 32
_SHARED = "*"
_VERSION = 1


class Method(StrEnum):
    """How uncertainty becomes exploration."""

    THOMPSON = "thompson"
    UCB = "ucb"


@dataclass(frozen=True, slots=True)
class Choice:
    """An arm, and the probability with which it was drawn: log both."""

    arm: str
    propensity: float
    probabilities: Mapping[str, float]


Context = Floats | Mapping[str, Floats]
"""What is known: one vector for all arms, or a vector an arm (who watches together with what the arm is)."""


class Bandit:
    """Sums of what was tried, by arm, or (``shared``) one for all arms, told apart by their features alone.

    ``noise`` is the reward's standard deviation about its mean, ``floor`` the part of choices spread over all arms,
    ``width`` UCB's width in deviations. Nothing here is safe to share between threads without a lock.
    """

    def __init__(
        self,
        size: int,
        *,
        shared: bool = False,
        method: Method = Method.THOMPSON,
        noise: float = 0.5,
        floor: float = 0.02,
        width: float = 1.0,
    ) -> None:
        if size < 1 or noise <= 0 or not 0 < floor <= 1:
            raise Invalid("A bandit needs features, noise above 0, and a floor above 0 and at most 1.")
        self.size, self.shared, self.method = size, shared, method
        self.noise, self.floor, self.width = noise, floor, width
        self._posteriors = Posteriors(size)

    def choose(self, context: Context, arms: Sequence[str], random: np.random.Generator) -> Choice:
        """One of the arms, with its propensity; arms never tried are as likely as their prior says. Changes nothing."""
        found = self.probabilities(context, arms, random)
        at = min(int(np.searchsorted(np.cumsum(list(found.values())), random.random(), side="right")), len(arms) - 1)
        return Choice(arms[at], found[arms[at]], found)

    def probabilities(self, context: Context, arms: Sequence[str], random: np.random.Generator) -> dict[str, float]:
        """How likely each arm is to be chosen here, in the arms' order; never 0, together 1."""
        if not arms or len(set(arms)) < len(arms):
            raise Invalid("A bandit chooses among one or more arms, each named once.")
        rows = np.stack([self._row(context, arm) for arm in arms])
        if self.shared and self.method is Method.THOMPSON and len(arms) > 1:
            best = self._drawn(rows, random)
        else:
            best = self._best(rows, [arms])[0]
        return dict(zip(arms, self._floored(best).tolist(), strict=True))

    def probabilities_of(self, context: Floats, choices: Sequence[Sequence[str]]) -> Floats:
        """As ``probabilities`` of one or more choices in one context: a row each. Invalid where weights are shared.

        Each is among as many arms as the others; that no arm is named twice is the caller's to know.
        """
        if self.shared:
            raise Invalid("Arms that share their weights are drawn, one choice after the other.")
        arms = len(choices[0])
        rows = np.broadcast_to(self._row(context, ""), (len(choices) * arms, self.size))
        return self._floored(self._best(rows, choices))

    def expected(self, context: Context, arm: str) -> float:
        """The reward that the model expects of an arm: the q of a doubly robust estimate."""
        return float(self._scores(self._row(context, arm)[None], [arm])[0][0])

    def update(self, context: Context, arm: str, reward: float, weight: float = 1.0) -> None:
        """Take in what came of a choice; with weight -1 the same row is taken back, as if it had never been."""
        if not (math.isfinite(reward) and math.isfinite(weight)):
            raise Invalid("A reward and its weight are finite numbers.")
        self._posteriors.add(self._name(arm), self._row(context, arm), reward, weight)

    def fade(self, factor: float) -> None:
        """Let everything seen so far count that much of what it did: tastes change."""
        self._posteriors.fade(factor)

    def merge(self, other: "Bandit") -> None:
        """Take in what another copy saw since both were empty; Invalid if it is of another kind."""
        if (other.size, other.shared) != (self.size, self.shared):
            raise Invalid("Two bandits are merged if they have the same features.")
        theirs = other._posteriors  # noqa: SLF001 - of the same class
        for name, squares, products in zip(theirs.names(), *theirs.sums(theirs.names()), strict=True):
            self._posteriors.merge(name, squares, products)

    # --- bytes ------------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The state: numpy's own archive, without pickles."""
        names = self._posteriors.names()
        squares, products = self._posteriors.sums(names)
        out = io.BytesIO()
        np.savez(
            out,
            head=np.array([_VERSION, self.size, int(self.shared)]),
            tuning=np.array([self.noise, self.floor, self.width]),
            method=np.array(str(self.method)),
            names=np.array(names, dtype=np.str_),
            squares=squares,
            products=products,
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, body: bytes) -> "Bandit":
        """The bandit out of ``to_bytes``; Invalid if the bytes are cut short or somebody else's."""
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as read:
                version, size, shared = (int(value) for value in read["head"])
                noise, floor, width = (float(value) for value in read["tuning"])
                method = Method(str(read["method"]))
                kept = list(zip(read["names"].tolist(), read["squares"], read["products"], strict=True))
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise Invalid("These bytes are no bandit's, or not all of them.") from error
        if version != _VERSION:
            raise Invalid(f"This bandit was written in form {version}; {_VERSION} is the one that is read here.")
        made = cls(size, shared=bool(shared), method=method, noise=noise, floor=floor, width=width)
        for name, squares, products in kept:
            made._posteriors.merge(name, squares, products)
        return made

    # --- scores -----------------------------------------------------------------------------------------------------

    def _row(self, context: Context, arm: str) -> Floats:
        row = context[arm] if isinstance(context, Mapping) else context
        if row.shape != (self.size,) or not np.all(np.isfinite(row)):
            raise Invalid(f"A context has {self.size} finite features.")
        return row

    def _name(self, arm: str) -> str:
        return _SHARED if self.shared else arm

    def _floored(self, best: Floats) -> Floats:
        mixed = (1 - self.floor) * best + self.floor / best.shape[-1]
        found: Floats = mixed / mixed.sum(axis=-1, keepdims=True)
        return found

    def _best(self, rows: Floats, choices: Sequence[Sequence[str]]) -> Floats:
        """How likely each arm is the best one of its choice; a row a choice, ``rows`` in their order."""
        arms = len(choices[0])
        if arms == 1:
            return np.ones((len(choices), 1))
        means, deviations = self._scores(rows, [arm for choice in choices for arm in choice])
        means, deviations = means.reshape(-1, arms), deviations.reshape(-1, arms)
        if self.method is Method.UCB:
            best: Floats = np.zeros_like(means)
            best[np.arange(len(means)), np.argmax(means + self.width * deviations, axis=1)] = 1.0
            return best
        return likeliest(means, deviations)

    def _scores(self, rows: Floats, arms: Sequence[str]) -> tuple[Floats, Floats]:
        means, variances = self._posteriors.scores(rows, [self._name(arm) for arm in arms])
        return means, self.noise * np.sqrt(variances)

    def _drawn(self, rows: Floats, random: np.random.Generator) -> Floats:
        (mean,), (covariance,) = self._posteriors.weights([_SHARED])
        weights = random.multivariate_normal(mean, self.noise**2 * covariance, size=_DRAWS, method="cholesky")
        winners = np.argmax(weights @ rows.T, axis=1)
        found: Floats = np.bincount(winners, minlength=len(rows)) / _DRAWS
        return found


def _grid(nodes: int, last: bool = False) -> tuple[Floats, Floats, float]:
    """Places to average at, what each weighs, and how steep what is averaged may be for the mean to be right to 1e-10.

    A product of normal distribution functions of slopes b, weighed by a normal density, has a spectrum that falls as
    exp(-w^2 / (2 + 2 sum(b^2))); the error of a sum with step h is what is left of it at w = 2 pi / h (Trefethen,
    Weideman 2014).
    """
    places = np.linspace(-_REACH, _REACH, nodes)
    weights = np.exp(-(places**2) / 2)
    step = 2 * _REACH / (nodes - 1)
    return places, weights / weights.sum(), math.inf if last else 2 * math.pi**2 / (_EXACT * step**2)


_GRIDS = (_grid(33), _grid(65), _grid(129, last=True))


def likeliest(means: Floats, deviations: Floats) -> Floats:
    """How likely each of some independent normal values is to be the greatest; together 1. Rows are sets of values.

    For each arm, the other arms' distribution functions averaged over its own values, at 129 of them that lie where it
    does, or at fewer where those give the same to 1e-10. Right to 1e-3 for arms of like width; to 0.02 for a wide arm
    beside one that is all but certain.
    """
    arms = means.shape[-1]
    others = np.array([[other for other in range(arms) if other != arm] for arm in range(arms)], np.int64)
    spread = np.maximum(deviations, 1e-9)
    # Where each arm's values lie in each other's scale: begin + step * node.
    theirs = spread[..., others]
    begins, steps = (means[..., None] - means[..., others]) / theirs, spread[..., None] / theirs
    needed = (1 + np.square(steps).sum(axis=-1)).max(axis=-1)
    found, done = np.empty_like(means), np.zeros(needed.shape, bool)
    for places, mass, most in _GRIDS:
        mine = np.flatnonzero(~done & (needed <= most))
        done[mine] = True
        for cut in range(0, len(mine), _AT_ONCE):
            some = mine[cut : cut + _AT_ONCE]
            below = _normal(begins[some][..., None] + steps[some][..., None] * places)
            found[some] = below.prod(axis=-2) @ mass
    whole = found.sum(axis=-1, keepdims=True)
    return np.where(whole > 0, found / np.where(whole > 0, whole, 1.0), 1 / arms)


def _normal(values: Floats) -> Floats:
    """The normal distribution function to 1e-7 (Abramowitz, Stegun 1964, 26.2.17): numpy has none."""
    t = np.abs(values)
    t *= 0.2316419
    t += 1
    np.reciprocal(t, out=t)
    powers = 1.330274429 * t
    for term in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
        powers += term
        powers *= t
    tail = np.square(values)
    tail *= -0.5
    np.exp(tail, out=tail)
    tail *= powers
    tail *= 1 / math.sqrt(2 * math.pi)
    # 1 - tail above nought, tail below it.
    found: Floats = np.copysign(0.5 - tail, values)
    found += 0.5
    return found
