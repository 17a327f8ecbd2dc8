"""A list whose genres stand in the shares in which its reader likes them (Steck, "Calibrated Recommendations", 2018).

A list is built title by title. The next one is that which makes

    (1 - λ) Σ s(i) - λ KL(p ‖ q̃),   q̃ = (1 - a) q + a p,

greatest, where s are the scores (brought to 0..1), p is the mix of genres wanted and q that of the list so far. λ is
the dial: 0 leaves the order of the scores.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

DIAL = 0.5
_ALPHA = 0.01
_NONE = frozenset[str]()


def divergence(wanted: Mapping[str, float], genres: Sequence[Collection[str]]) -> float:
    """KL(p ‖ q̃) between a wanted mix and that of some titles, each given by its genres; 0 where nothing is wanted."""
    counts: dict[str, float] = {}
    for one in genres:
        for genre in one:
            counts[genre] = counts.get(genre, 0.0) + 1 / len(one)
    return _divergence(wanted, counts, max(1, len(genres)))


def calibrated(
    scores: Mapping[str, float],
    genres: Mapping[str, frozenset[str]],
    wanted: Mapping[str, float],
    length: int,
    dial: float = DIAL,
) -> list[str]:
    """At most ``length`` titles of ``scores``, best first. ``genres`` gives each title's; equals stand as they came."""
    left = sorted(scores, key=lambda title_id: -scores[title_id])
    if not left or not wanted or dial <= 0:
        return left[:length]
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    spread = (high - low) or 1.0
    worth = np.array([(1 - dial) * (scores[title_id] - low) / spread for title_id in left])
    # Titles of the same genres gain a list the same.
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(genres[title_id] for title_id in left))}
    kind_of = np.array([kinds[genres[title_id]] for title_id in left], np.int64)
    # The first is that of none of these genres.
    parts = np.array([[1 / len(kind) if genre in kind else 0.0 for genre in wanted] for kind in [_NONE, *kinds]])
    shares = np.array(list(wanted.values()))
    counts, chosen = np.zeros(len(shares)), list[str]()
    for number in range(1, min(length, len(left)) + 1):
        gains = _gains(parts, shares, counts, number)
        best = int(np.argmax(worth + dial * gains[kind_of]))
        worth[best] = -math.inf
        chosen.append(left[best])
        counts += parts[1 + kind_of[best]]
    return chosen


def _gains(parts: Any, shares: Any, counts: Any, number: int) -> Any:
    """What titles add to -KL, a row of ``parts`` each, against the first: a title of none of the wanted genres.

    Only its own genres' terms differ; the others are taken away exactly, so that equals stay equal.
    """
    most = (1 - _ALPHA) / number
    terms = shares * np.log(most * (counts + parts) + _ALPHA * shares)
    return (terms[1:] - terms[0]).sum(axis=1)


def _mixed(share: float, count: float, number: int) -> float:
    return (1 - _ALPHA) * count / number + _ALPHA * share


def _divergence(wanted: Mapping[str, float], counts: Mapping[str, float], number: int) -> float:
    return sum(
        share * math.log(share / _mixed(share, counts.get(genre, 0.0), number))
        for genre, share in wanted.items()
        if share > 0
    )
