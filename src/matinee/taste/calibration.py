"""A list whose genres stand in the shares in which its reader likes them (Steck, "Calibrated Recommendations", 2018).

A list is built title by title. The next one is that which makes

    (1 - λ) Σ s(i) - λ KL(p ‖ q̃),   q̃ = (1 - a) q + a p,

greatest, where s are the scores (brought to 0..1), p is the mix of genres wanted and q that of the list so far. λ is
the dial: 0 leaves the order of the scores.
"""

import math
from collections.abc import Collection, Mapping, Sequence

DIAL = 0.5
_ALPHA = 0.01


def divergence(wanted: Mapping[str, float], genres: Sequence[Collection[str]]) -> float:
    """KL(p ‖ q̃) between a wanted mix and that of some titles, each given by its genres; 0 where nothing is wanted."""
    counts: dict[str, float] = {}
    for one in genres:
        for genre in one:
            counts[genre] = counts.get(genre, 0.0) + 1 / len(one)
    return _divergence(wanted, counts, max(1, len(genres)))


def calibrated(
    scores: Mapping[str, float],
    genres: Mapping[str, Collection[str]],
    wanted: Mapping[str, float],
    length: int,
    dial: float = DIAL,
) -> list[str]:
    """At most ``length`` titles of ``scores``, best first. ``genres`` gives each title's; equals stand as they came."""
    left = sorted(scores, key=lambda title_id: -scores[title_id])
    if not wanted or dial <= 0:
        return left[:length]
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    spread = (high - low) or 1.0
    worth = {title_id: (1 - dial) * (scores[title_id] - low) / spread for title_id in left}
    counts: dict[str, float] = {}
    chosen: list[str] = []
    while left and len(chosen) < length:
        number = len(chosen) + 1
        base = {
            genre: share * math.log(_mixed(share, counts.get(genre, 0.0), number)) for genre, share in wanted.items()
        }
        best = max(
            left, key=lambda title_id: worth[title_id] + dial * _gain(genres[title_id], wanted, counts, base, number)
        )
        left.remove(best)
        chosen.append(best)
        for genre in genres[best]:
            counts[genre] = counts.get(genre, 0.0) + 1 / len(genres[best])
    return chosen


def _gain(
    genres: Collection[str],
    wanted: Mapping[str, float],
    counts: Mapping[str, float],
    base: Mapping[str, float],
    number: int,
) -> float:
    """What a title adds to -KL, against a title of none of the wanted genres: only its own genres' terms differ."""
    gain = 0.0
    for genre in genres:
        share = wanted.get(genre)
        if share:
            gain += share * math.log(_mixed(share, counts.get(genre, 0.0) + 1 / len(genres), number)) - base[genre]
    return gain


def _mixed(share: float, count: float, number: int) -> float:
    return (1 - _ALPHA) * count / number + _ALPHA * share


def _divergence(wanted: Mapping[str, float], counts: Mapping[str, float], number: int) -> float:
    return sum(
        share * math.log(share / _mixed(share, counts.get(genre, 0.0), number))
        for genre, share in wanted.items()
        if share > 0
    )
