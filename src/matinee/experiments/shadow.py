"""Shadow replay: yesterday's log through a candidate ranker beside the current one, before anybody sees it. Pure.

At each play that was begun, both rankers are asked, as of that moment, to order the same candidates; what was played
next is known. So the report says how different the candidate's lists are (overlap of the first k; rank-biased overlap,
Webber, Moffat, Zobel, TOIS 2010), and whether it would have had what was played among the first k. What was played was
chosen from the current ranker's page, so the hit rates lean towards it: a candidate that equals it here is not worse.

The interval of the difference is over profiles and not over plays (each profile's plays are summed first), for the
plays of one profile are not independent.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import Protocol

import numpy as np

from matinee.model.errors import Invalid
from matinee.model.events import Event, PlaybackStarted


class Ranker(Protocol):
    """Orders candidates for a profile as it would have at a moment."""

    def rank(self, profile_id: str, candidates: Sequence[str], at: datetime) -> Sequence[str]:
        """Title ids, best first: some or all of the candidates, each once."""
        ...


Candidates = Callable[[str, datetime], Sequence[str]]
"""What could have been shown to a profile at a moment."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """The candidate beside the current ranker over ``plays``; shares are 0 to 1.

    ``low`` and ``high`` are the ends of the 95 % interval of the difference in hits, candidate less current.
    ``left_out``: plays of titles that were no candidates.
    """

    k: int
    plays: int
    profiles: int
    left_out: int
    overlap: float
    rank_biased_overlap: float
    hits_current: float
    hits_candidate: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """How many more of the plays the candidate would have had among its first k."""
        return self.hits_candidate - self.hits_current


def replay(events: Iterable[Event], current: Ranker, candidate: Ranker, candidates: Candidates, k: int = 10) -> Shadow:
    """Both rankers over the log's plays, in the events' order. Rankers that learn are told by the caller, not here."""
    if k < 1:
        raise Invalid("Lists are compared at 1 or more places.")
    gains: dict[str, list[int]] = defaultdict(list)
    overlaps, biased, hits, left_out = [], [], [0, 0], 0
    for event in events:
        facts = event.facts
        if not isinstance(facts, PlaybackStarted):
            continue
        choice = candidates(facts.profile_id, event.time)
        if facts.title_id not in choice:
            left_out += 1
            continue
        one, other = (list(ranker.rank(facts.profile_id, choice, event.time)) for ranker in (current, candidate))
        found = [int(facts.title_id in ordering[:k]) for ordering in (one, other)]
        hits = [hit + more for hit, more in zip(hits, found, strict=True)]
        gains[facts.profile_id].append(found[1] - found[0])
        overlaps.append(overlap(one, other, k))
        biased.append(rank_biased_overlap(one, other))
    plays = len(overlaps)
    if not plays:
        return Shadow(k, 0, 0, left_out, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0)
    half = _half_width([(sum(gain), len(gain)) for gain in gains.values()])
    gain = (hits[1] - hits[0]) / plays
    return Shadow(
        k=k,
        plays=plays,
        profiles=len(gains),
        left_out=left_out,
        overlap=float(np.mean(overlaps)),
        rank_biased_overlap=float(np.mean(biased)),
        hits_current=hits[0] / plays,
        hits_candidate=hits[1] / plays,
        low=max(-1.0, gain - half),
        high=min(1.0, gain + half),
    )


def lines(shadow: Shadow) -> tuple[str, ...]:
    """The report as it is printed."""
    gained = f"{shadow.difference:+.1%} ({shadow.low:+.1%} to {shadow.high:+.1%})"
    return (
        f"{shadow.plays} plays of {shadow.profiles} profiles; {shadow.left_out} left out (not among the candidates)",
        f"the first {shadow.k}: {shadow.overlap:.1%} in common; rank-biased overlap {shadow.rank_biased_overlap:.3f}",
        f"had what was played: current {shadow.hits_current:.1%}, candidate {shadow.hits_candidate:.1%}",
        f"difference {gained}",
    )


def overlap(one: Sequence[str], other: Sequence[str], k: int) -> float:
    """The part of the first k that both have; two empty lists are the same."""
    first, second = set(one[:k]), set(other[:k])
    longest = max(len(first), len(second))
    return len(first & second) / longest if longest else 1.0


def rank_biased_overlap(one: Sequence[str], other: Sequence[str], persistence: float = 0.9) -> float:
    """How alike two orderings are, early places counting most: 1 for the same, 0 for none in common.

    The extrapolated form to the depth of the shorter list (Webber 2010, eq. 30): the agreement seen last goes on.
    ``persistence`` is the chance that a reader goes on to the next place.
    """
    depth = min(len(one), len(other))
    if not depth:
        return float(len(one) == len(other))
    first: set[str] = set()
    second: set[str] = set()
    total, agreement = 0.0, 0.0
    for place in range(depth):
        first.add(one[place])
        second.add(other[place])
        agreement = len(first & second) / (place + 1)
        total += agreement * persistence ** (place + 1)
    return (1 - persistence) / persistence * total + agreement * persistence**depth


def _half_width(clusters: Sequence[tuple[float, int]]) -> float:
    """Of the mean over all plays, with profiles as clusters: the ratio estimator's delta method; 1 for one profile."""
    if len(clusters) < 2:  # noqa: PLR2004 - one says nothing of the spread
        return 1.0
    sums, counts = np.array([total for total, _ in clusters]), np.array([count for _, count in clusters])
    residuals = sums - sums.sum() / counts.sum() * counts
    error = np.sqrt(len(clusters) / (len(clusters) - 1) * float(residuals @ residuals)) / counts.sum()
    return float(NormalDist().inv_cdf(0.975) * error)
