from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np
import pytest

from histories_known import checkerboard
from matinee.learning.ease import Ease
from matinee.learning.factors import Als
from matinee.learning.features import Told
from matinee.learning.histories import Histories, Queries
from matinee.learning.models import lists
from matinee.learning.protocols import leave_last, strong_generalisation
from matinee.learning.ranker import lesson, mixed
from matinee.learning.stacking import Lessons, Recipe, Taught, _again, teach
from matinee.learning.staging import places_asked, recipe_of, taste_stages, users_asked

TREES: dict[str, Any] = {"min_data_in_leaf": 5, "num_threads": 1}
RECIPE = Recipe(taste_stages, "ndcg@10", candidates=20, boosters=2, shapes=(TREES, {**TREES, "num_leaves": 3}))
BOARD = checkerboard(users=80)


def taught(until: float = float("inf")) -> tuple[Taught, list[str]]:
    said: list[str] = []
    lessons = Lessons((leave_last(BOARD, 1),), (leave_last(BOARD, 2), leave_last(BOARD, 3)))
    return teach(RECIPE, lessons, 3, said.append, until), said


def test_what_is_chosen_is_never_worse_on_validation_than_the_blend() -> None:
    found, said = taught()
    assert found.validation >= found.blend
    assert sum("on validation" in line for line in said) == len(RECIPE.shapes)
    assert found.cut == ""


def test_when_time_is_up_the_blend_answers_and_says_so() -> None:
    found, _ = taught(until=monotonic())
    assert found.share == 0
    assert "time allowed 1 of 2 lessons" in found.sentence()
    assert "the blend alone" in found.sentence()
    test = leave_last(BOARD)
    top = lists(found.fit(test.learn, lambda _: None), test.queries, 5)
    assert (top % 2 == np.arange(BOARD.n_users)[:, None] % 2).mean() > 0.9


def test_the_trees_that_answer_have_learned_from_validation_too() -> None:
    found, said = taught()
    assert found.share > 0
    assert len(found.boosters) == RECIPE.boosters
    assert sum("again from" in line for line in said) == RECIPE.boosters
    fitted = found.fit(leave_last(BOARD).learn, said.append)
    assert fitted.boosters == found.boosters


def test_without_time_to_learn_again_the_trees_of_the_search_answer() -> None:
    found, _ = taught()
    late = _again(found, lambda _: None, until=monotonic())
    assert late.boosters == found.boosters
    assert "no time to learn from validation" in late.sentence()


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
    lessons = places_asked(BOARD, validation)
    assert lessons.checks == (validation,)
    assert len(lessons.teach) == 4
    assert min(split.learn.lengths.min() for split in lessons.teach) == 12 - 1 - 5


def test_groups_that_check_teach_nothing_and_none_is_of_the_test() -> None:
    strong = strong_generalisation(BOARD, seed=2)
    lessons = users_asked(strong, seed=1)
    assert (len(lessons.checks), len(lessons.teach)) == (3, 5)
    asked = [len(split.queries) for split in (*lessons.checks, *lessons.teach)]
    assert sum(asked) <= strong.others.n_users == 72
    assert all(split.learn.n_users + count == 72 for count, split in zip(asked, lessons.checks, strict=False))


def test_the_blend_is_chosen_on_all_checks_from_the_models_that_validation_chose() -> None:
    lessons, said = users_asked(strong_generalisation(BOARD, seed=2), seed=1), list[str]()
    made = recipe_of("strong", {"ease": Ease(7.0), "als": Als(8, 1.0, 2.0, rounds=3)})
    recipe = replace(made, candidates=20, boosters=1, shapes=(TREES,))
    found = teach(recipe, lessons, 3, said.append)
    assert found.mix
    assert any(f"the blend of {', '.join(f'{name} {heavy:g}' for name, heavy in found.mix.items())}" in a for a in said)
    fitted = found.fit(BOARD, said.append)
    assert fitted.mix == found.mix
    stages = {stage.name: stage.fitted for stage in fitted.stages}
    expected = Ease(7.0).fit(BOARD).scores(Queries(BOARD, np.zeros(BOARD.n_users)))
    assert stages["ease"].scores(Queries(BOARD, np.zeros(BOARD.n_users))) == pytest.approx(expected)
    assert lists(fitted, lessons.checks[0].queries, 5).shape == (8, 5)


def test_a_lesson_keeps_every_place_alike_and_all_targets() -> None:
    queries, candidates = 400, 50
    items = np.tile(np.arange(candidates), queries)
    places = np.tile(np.arange(candidates, dtype=np.float32), queries)[:, None]
    told = Told(np.arange(queries + 1) * candidates, items, places, places[:, 0], ("place",))
    wanted = np.arange(queries) % (candidates + 10)  # some are no candidates
    targets = Histories(np.arange(queries + 1), wanted, np.zeros(queries), candidates + 10)
    found = lesson(told, targets, np.random.default_rng(1), kept=0.3)
    assert len(found.sizes) == found.labels.sum() == (wanted < candidates).sum()
    others = found.rows[found.labels == 0, 0]
    front, back = ((others < 25).sum(), (others >= 25).sum())
    assert front / back == pytest.approx(1, abs=0.1)
    assert len(others) == pytest.approx(0.3 * len(found.sizes) * (candidates - 1), rel=0.1)
    assert lesson(told, targets).sizes.tolist() == [candidates] * len(found.sizes)
