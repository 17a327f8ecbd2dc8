"""How much each stage's score weighs in the blend, chosen on questions that no stage has learned from.

Scores are brought to the same spread a query, so a weight says the same of every stage. The search begins with each
stage alone and with the weights that the recipe proposes, takes the best, and changes one weight at a time while that
helps: so what is chosen reaches on these questions at least what the best single stage does.
"""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

import numpy as np

from matinee.learning.features import Stage, spread
from matinee.learning.histories import Floats
from matinee.learning.metrics import KEPT, accuracies, top_items
from matinee.learning.models import hide_seen
from matinee.learning.protocols import Split

_WEIGHTS = (0.0, 0.15, 0.3, 0.5, 1.0)
_PASSES = 2  # over all stages

Mix = Mapping[str, float]
Scored = tuple[Split, Mapping[str, Floats]]


def scored(stages: Sequence[Stage], split: Split, seed: int, most: int) -> Scored:
    """At most so many of a split's queries, drawn by the seed, and what each stage that proposes says of them."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(split.queries))[:most])
    asked = split.of(rows)
    return asked, {one.name: spread(one.fitted.scores(asked.queries)) for one in stages if one.proposes}


def best_mix(found: Sequence[Scored], proposed: Mix, measure: str, until: float = float("inf")) -> tuple[Mix, float]:
    """The weights, by stage, those of 0 left out, and what they reach; after ``until`` (monotonic) nothing is begun."""

    def reached(mix: Mix) -> float:
        values = [_reached(split, said, mix, measure) for split, said in found]
        return float(np.concatenate(values).mean())

    starts: list[Mix] = [proposed, *({name: 1.0} for name in proposed)]
    values = [reached(one) for one in starts]
    mix, value = starts[int(np.argmax(values))], max(values)
    for _ in range(_PASSES):
        before = mix
        for name in proposed:
            if monotonic() < until:
                mix, value = _turned(mix, value, name, reached)
        if mix is before:
            break
    return mix, value


def _turned(mix: Mix, value: float, name: str, reached: Callable[[Mix], float]) -> tuple[Mix, float]:
    """The mix with the best weight of one stage."""
    best = mix
    for weight in _WEIGHTS:
        tried = {other: heavy for other, heavy in {**mix, name: weight}.items() if heavy}
        if tried and weight != mix.get(name, 0.0) and (now := reached(tried)) > value:
            best, value = tried, now
    return best, value


def _reached(split: Split, said: Mapping[str, Floats], mix: Mix, measure: str) -> Floats:
    total = np.zeros_like(next(iter(said.values())))
    for name, weight in mix.items():
        total += np.float32(weight) * said[name]
    return accuracies(top_items(hide_seen(total, split.queries), KEPT), split.targets)[measure]
