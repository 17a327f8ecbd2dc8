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

from matinee.experiments.posterior import Posterior
from matinee.experiments.sequences import Floats
from matinee.model.errors import Invalid

_DRAWS = 256
_NODES = 129
_REACH = 6.0
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
        self._arms: dict[str, Posterior] = {}

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
        if len(arms) == 1:
            best = np.ones(1)
        elif self.method is Method.UCB:
            means, deviations = self._scores(rows, arms)
            best = np.zeros(len(arms))
            best[int(np.argmax(means + self.width * deviations))] = 1.0
        elif self.shared:
            best = self._drawn(rows, random)
        else:
            best = likeliest(*self._scores(rows, arms))
        mixed = (1 - self.floor) * best + self.floor / len(arms)
        return dict(zip(arms, (mixed / mixed.sum()).tolist(), strict=True))

    def expected(self, context: Context, arm: str) -> float:
        """The reward that the model expects of an arm: the q of a doubly robust estimate."""
        row = self._row(context, arm)
        return float(row @ self._posterior(arm).weights()[0])

    def update(self, context: Context, arm: str, reward: float, weight: float = 1.0) -> None:
        """Take in what came of a choice; with weight -1 the same row is taken back, as if it had never been."""
        if not (math.isfinite(reward) and math.isfinite(weight)):
            raise Invalid("A reward and its weight are finite numbers.")
        name = _SHARED if self.shared else arm
        self._arms.setdefault(name, Posterior(self.size)).add(self._row(context, arm), reward, weight)

    def fade(self, factor: float) -> None:
        """Let everything seen so far count that much of what it did: tastes change."""
        for posterior in self._arms.values():
            posterior.fade(factor)

    def merge(self, other: "Bandit") -> None:
        """Take in what another copy saw since both were empty; Invalid if it is of another kind."""
        if (other.size, other.shared) != (self.size, self.shared):
            raise Invalid("Two bandits are merged if they have the same features.")
        for name, posterior in other._arms.items():  # noqa: SLF001 - of the same class
            self._arms.setdefault(name, Posterior(self.size)).merge(posterior)

    # --- bytes ------------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The state: numpy's own archive, without pickles."""
        names = sorted(self._arms)
        out = io.BytesIO()
        np.savez(
            out,
            head=np.array([_VERSION, self.size, int(self.shared)]),
            tuning=np.array([self.noise, self.floor, self.width]),
            method=np.array(str(self.method)),
            names=np.array(names, dtype=np.str_),
            squares=np.array([self._arms[name].squares for name in names]).reshape(-1, self.size, self.size),
            products=np.array([self._arms[name].products for name in names]).reshape(-1, self.size),
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
                kept = zip(read["names"].tolist(), read["squares"], read["products"], strict=True)
                arms = {name: Posterior(size, squares, products) for name, squares, products in kept}
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise Invalid("These bytes are no bandit's, or not all of them.") from error
        if version != _VERSION:
            raise Invalid(f"This bandit was written in form {version}; {_VERSION} is the one that is read here.")
        made = cls(size, shared=bool(shared), method=method, noise=noise, floor=floor, width=width)
        made._arms = arms
        return made

    # --- scores -----------------------------------------------------------------------------------------------------

    def _row(self, context: Context, arm: str) -> Floats:
        row = context[arm] if isinstance(context, Mapping) else context
        if row.shape != (self.size,) or not np.all(np.isfinite(row)):
            raise Invalid(f"A context has {self.size} finite features.")
        return row

    def _posterior(self, arm: str) -> Posterior:
        return self._arms.get(_SHARED if self.shared else arm) or Posterior(self.size)

    def _scores(self, rows: Floats, arms: Sequence[str]) -> tuple[Floats, Floats]:
        means, deviations = np.empty(len(arms)), np.empty(len(arms))
        for at, arm in enumerate(arms):
            mean, covariance = self._posterior(arm).weights()
            means[at] = rows[at] @ mean
            deviations[at] = self.noise * math.sqrt(max(0.0, float(rows[at] @ covariance @ rows[at])))
        return means, deviations

    def _drawn(self, rows: Floats, random: np.random.Generator) -> Floats:
        mean, covariance = self._posterior(_SHARED).weights()
        weights = random.multivariate_normal(mean, self.noise**2 * covariance, size=_DRAWS, method="cholesky")
        winners = np.argmax(weights @ rows.T, axis=1)
        found: Floats = np.bincount(winners, minlength=len(rows)) / _DRAWS
        return found


def likeliest(means: Floats, deviations: Floats) -> Floats:
    """How likely each of some independent normal values is to be the greatest; together 1.

    For each arm, the other arms' distribution functions averaged over its own values, at ``_NODES`` of them, which lie
    where it does. Right to 1e-3 for arms of like width; to 0.02 for a wide arm beside one that is all but certain.
    """
    nodes = np.linspace(-_REACH, _REACH, _NODES)
    mass = np.exp(-(nodes**2) / 2)
    mass /= mass.sum()
    spread = np.maximum(deviations, 1e-9)
    values = means[:, None] + spread[:, None] * nodes
    below = _normal((values[:, None, :] - means[None, :, None]) / spread[None, :, None])
    below[np.arange(len(means)), np.arange(len(means))] = 1.0
    found = below.prod(axis=1) @ mass
    whole = float(found.sum())
    return found / whole if whole > 0 else np.full(len(means), 1 / len(means))


def _normal(values: Floats) -> Floats:
    """The normal distribution function to 1e-7 (Abramowitz, Stegun 1964, 26.2.17): numpy has none."""
    t = 1 / (1 + 0.2316419 * np.abs(values))
    powers = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = np.exp(-(values**2) / 2) / math.sqrt(2 * math.pi) * powers
    found: Floats = np.where(values >= 0, 1 - tail, tail)
    return found
