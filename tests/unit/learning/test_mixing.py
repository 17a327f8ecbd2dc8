from time import monotonic

import numpy as np
import pytest

from histories_known import checkerboard
from matinee.learning.ease import Ease
from matinee.learning.features import Stage
from matinee.learning.histories import Floats, Queries, histories_of
from matinee.learning.mixing import best_mix, scored
from matinee.learning.popularity import Popularity
from matinee.learning.protocols import Split, strong_generalisation

ITEMS = 200
NOTHING = histories_of([[]] * 20, ITEMS)
SPLIT = Split(NOTHING, Queries(NOTHING, np.zeros(20)), histories_of([[row, row + 50] for row in range(20)], ITEMS))
PROPOSED = {"left": 1.0, "right": 1.0, "noise": 1.0}


def said(noise: float, seed: int) -> dict[str, Floats]:
    """Two stages that know one target each, and one that knows nothing."""
    random = np.random.default_rng(seed)
    found = {name: (random.random((20, ITEMS)) * noise).astype(np.float32) for name in PROPOSED}
    rows = np.arange(20)
    found["left"][rows, rows] += 1
    found["right"][rows, rows + 50] += 1
    return found


def reached(scores: dict[str, Floats], mix: dict[str, float]) -> float:
    return best_mix([(SPLIT, scores)], mix, "ndcg@100", until=monotonic())[1]


@pytest.mark.parametrize(("noise", "seed"), [(0.0, 1), (0.5, 2), (1.0, 3), (1.5, 4), (5.0, 5)])
def test_what_is_chosen_is_never_worse_than_the_best_alone_or_what_was_proposed(noise: float, seed: int) -> None:
    scores = said(noise, seed)
    mix, value = best_mix([(SPLIT, scores)], PROPOSED, "ndcg@100")
    assert set(mix) <= set(PROPOSED)
    assert all(weight > 0 for weight in mix.values())
    for name in PROPOSED:
        assert value >= reached({name: scores[name]}, {name: 1.0})
    assert value >= reached(scores, PROPOSED)


def test_what_knows_nothing_gets_no_weight_and_both_who_know_get_some() -> None:
    scores = said(0.9, 1)
    mix, value = best_mix([(SPLIT, scores)], {"left": 0.3, "right": 0.3, "noise": 1.0}, "ndcg@100")
    assert mix["left"] > mix.get("noise", 0.0)
    assert mix["right"] > mix.get("noise", 0.0)
    assert value > max(reached({name: scores[name]}, {name: 1.0}) for name in PROPOSED) + 0.1


def test_only_what_proposes_is_scored_and_few_enough_queries() -> None:
    split = strong_generalisation(checkerboard(users=100), seed=1).validation[0]
    stages = (Stage("ease", Ease(5).fit(split.learn), 1.0), Stage("count", Popularity().fit(split.learn)))
    asked, scores = scored(stages, split, seed=1, most=4)
    assert len(asked.queries) == len(asked.targets.lengths) == 4
    assert list(scores) == ["ease"]
    assert scores["ease"].mean(axis=1) == pytest.approx(0, abs=1e-5)
