"""Two rankers on the same questions: how often, and how high, each puts among its ten what was watched.

HR@10 is the share of questions with a hit; NDCG@10 is the mean of 1 / log2(2 + place), places from zero (one relevant
title a question, Järvelin and Kekäläinen 2002). Differences are paired, with a 95 % interval of the normal kind.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

TEN = 10
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the candidate is (below 0: worse), from ``low`` to ``high`` with 95 % confidence."""

    mean: float
    low: float
    high: float

    @property
    def worse(self) -> bool:
        """Whether the candidate is worse beyond the interval."""
        return self.high < 0


def hit(place: int | None) -> float:
    """1 for a place among the ten, from zero; 0 for one beyond, or none."""
    return float(place is not None and place < TEN)


def gain(place: int | None) -> float:
    """What a place adds to NDCG@10."""
    return 1 / math.log2(2 + place) if place is not None and place < TEN else 0.0


def place_of(wanted: int, scores: Sequence[float]) -> int | None:
    """The place of one among all by their scores, from zero; None where it is not among them (-1).

    Of equals those that came first stand first.
    """
    if wanted < 0:
        return None
    mine = scores[wanted]
    return sum(score > mine or (score == mine and other < wanted) for other, score in enumerate(scores))


def compared(candidate: Sequence[float], standing: Sequence[float]) -> Difference:
    """The mean of the paired differences with its interval; of fewer than two questions nothing is known."""
    differences = [one - other for one, other in zip(candidate, standing, strict=True)]
    if len(differences) < 2:  # noqa: PLR2004 - a deviation needs two
        return Difference(0.0, -1.0, 1.0)
    mean = sum(differences) / len(differences)
    variance = sum((one - mean) ** 2 for one in differences) / (len(differences) - 1)
    half = _Z * math.sqrt(variance / len(differences))
    return Difference(mean, mean - half, mean + half)
