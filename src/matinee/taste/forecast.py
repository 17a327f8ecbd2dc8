"""How often each title is going to be played in each region: what was played lately, carried on. Pure.

Plays faded with half-life H sum up to S. If they come at a rate r, the mean of S is r T, with T = H / ln 2
(1 - 2^(-age / H)), where age is how long ago the first one was; so S / T estimates r. Three of these stand in a row,
each the prior of the next as in a Gamma-Poisson model, whose posterior mean is (S + m r₀) / (T + m) for a prior rate r₀
that weighs as much as m seconds of watching:

    usual (fourteen days, everywhere, in the region's share of all plays)  →  in the region  →  lately in the region

The rhythm of the day is not in it: the next hour is a day's hour. A title that nobody played is expected nowhere.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from matinee.taste.knowledge import USUAL_HALF_LIFE_SECONDS, Knowledge
from matinee.taste.popularity import HALF_LIFE_SECONDS, Board

_HOUR, _DAY = 3600.0, 86_400.0
_YOUNGEST_SECONDS = 6 * _HOUR
# How many seconds of watching a prior is worth.
_EVERYWHERE_SECONDS = 2 * _DAY
_USUAL_SECONDS = _DAY
# Below so many plays a day nothing is said.
_LEAST_A_DAY = 0.02


@dataclass(frozen=True, slots=True)
class Expected:
    """Plays that are expected of a title in a region, in the next hour and in the next day."""

    hour: float
    day: float


def forecast(knowledge: Knowledge, now: float, most: int = 1000) -> Mapping[str, Mapping[str, Expected]]:
    """By region and title, the ``most`` that are played most, at ``now`` seconds since 1970."""
    lately, usual = knowledge.popularity, knowledge.usual
    rates = {title_id: _rate(knowledge, usual.overall, title_id, now) for title_id in usual.overall.ranked()}
    plays = {
        name: sum(board.plays(title_id, now) for title_id in board.ranked()) for name, board in usual.regions().items()
    }
    whole = sum(plays.values())
    found = {}
    for region in sorted(plays):
        share = plays[region] / whole if whole > 0 else 0.0
        expected = {}
        for title_id in lately.region(region).ranked()[:most]:
            prior = share * rates.get(title_id, 0.0)
            age = _age(knowledge, title_id, now)
            long = _posterior(
                usual.region(region), USUAL_HALF_LIFE_SECONDS, title_id, now, age, prior, _EVERYWHERE_SECONDS
            )
            rate = _posterior(lately.region(region), HALF_LIFE_SECONDS, title_id, now, age, long, _USUAL_SECONDS)
            if rate * _DAY >= _LEAST_A_DAY:
                expected[title_id] = Expected(rate * _HOUR, rate * _DAY)
        found[region] = expected
    return found


def window(half_life_seconds: float, age_seconds: float) -> float:
    """What faded plays are to be divided by for a rate, in seconds: so much watching is in them."""
    return half_life_seconds / math.log(2) * -math.expm1(-age_seconds / half_life_seconds * math.log(2))


def _rate(knowledge: Knowledge, board: Board, title_id: str, now: float) -> float:
    return board.plays(title_id, now) / window(USUAL_HALF_LIFE_SECONDS, _age(knowledge, title_id, now))


def _posterior(
    board: Board, half_life_seconds: float, title_id: str, now: float, age: float, prior: float, weight: float
) -> float:
    return (board.plays(title_id, now) + weight * prior) / (window(half_life_seconds, age) + weight)


def _age(knowledge: Knowledge, title_id: str, now: float) -> float:
    """How long ago the first play was; for ever, where that is not known. A first play makes no rate of its own."""
    trace = knowledge.traces.of(title_id)
    if trace is None:
        return math.inf
    return max(_YOUNGEST_SECONDS, now - trace.first_at)
