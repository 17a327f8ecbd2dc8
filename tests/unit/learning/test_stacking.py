from time import monotonic
from typing import Any

import numpy as np
import pytest

from histories_known import checkerboard
from matinee.learning.features import Told
from matinee.learning.models import lists
from matinee.learning.protocols import leave_last
from matinee.learning.ranker import mixed
from matinee.learning.stacking import Recipe, Taught, teach
from matinee.learning.staging import splits_of, taste_stages

TREES: dict[str, Any] = {"min_data_in_leaf": 5, "num_threads": 1}
RECIPE = Recipe(taste_stages, "ndcg@10", candidates=20, boosters=2, shapes=(TREES, {**TREES, "num_leaves": 3}))
BOARD = checkerboard(users=80)


def taught(until: float = float("inf")) -> tuple[Taught, list[str]]:
    said: list[str] = []
    return teach(RECIPE, [leave_last(BOARD, back) for back in (1, 2, 3)], 3, said.append, until), said


def test_what_is_chosen_is_never_worse_on_validation_than_the_blend() -> None:
    found, said = taught()
    assert found.validation >= found.blend
    assert sum("trees" in line for line in said) == len(RECIPE.shapes)
    assert found.cut == ""


def test_when_time_is_up_the_blend_answers_and_says_so() -> None:
    found, _ = taught(until=monotonic())
    assert found.share == 0
    assert "time allowed 1 of 2 lessons" in found.sentence()
    assert "the blend alone" in found.sentence()
    test = leave_last(BOARD)
    top = lists(found.fit(test.learn, lambda _: None), test.queries, 5)
    assert (top % 2 == np.arange(BOARD.n_users)[:, None] % 2).mean() > 0.9


@pytest.mark.parametrize(("seconds", "boosters"), [(float("inf"), 2), (0.0, 1)])
def test_a_last_fit_without_time_answers_with_the_trees_of_the_search(seconds: float, boosters: int) -> None:
    found, _ = taught()
    if not found.share:
        pytest.fail("the trees of this world help")
    fitted = found.fit(leave_last(BOARD).learn, lambda _: None, seconds)
    assert len(fitted.boosters) == boosters
    assert (fitted.boosters[0] is found.booster) == (seconds == 0)


def test_blend_and_trees_are_mixed_query_by_query() -> None:
    starts, blend = np.array([0, 3, 3, 5]), np.array([3.0, 2.0, 1.0, 10.0, 20.0], np.float32)
    told = Told(starts, np.arange(5), np.zeros((5, 1), np.float32), blend, ("one",))
    ranked = np.array([1.0, 2.0, 3.0, 0.0, 7.0], np.float32)
    assert mixed(told, ranked, 1.0).tolist() == ranked.tolist()
    assert mixed(told, ranked, 0.0).tolist() == blend.tolist()
    half = mixed(told, ranked, 0.5)
    assert half[:3] == pytest.approx([0, 0, 0], abs=1e-6)
    assert half[3:] == pytest.approx([-1, 1])


def test_lessons_leave_two_thirds_of_a_history_to_learn_from() -> None:
    validation = leave_last(BOARD, 1)
    first, *lessons = splits_of("leave-one-out", BOARD, validation, seed=1)
    assert first is validation
    assert len(lessons) == 3
    assert min(split.learn.lengths.min() for split in lessons) == 12 - 1 - 4
