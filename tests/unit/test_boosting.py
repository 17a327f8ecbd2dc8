from time import monotonic

import numpy as np
import pytest

from matinee.boosting import Groups, boosted, joined


def questions(count: int, seed: int) -> Groups:
    """Ten candidates each; the one of the greatest first number is the right one, the second number says nothing."""
    random = np.random.default_rng(seed)
    rows = random.random((count, 10, 2)).astype(np.float32)
    labels = (rows[:, :, 0] == rows[:, :, 0].max(axis=1, keepdims=True)).astype(np.int64)
    return Groups(rows.reshape(-1, 2), labels.ravel(), np.full(count, 10))


def hits(booster: object, asked: Groups) -> float:
    scores = booster.predict(asked.rows, num_threads=1).reshape(-1, 10)  # type: ignore[attr-defined]
    return float((scores.argmax(axis=1) == asked.labels.reshape(-1, 10).argmax(axis=1)).mean())


def test_trees_learn_which_number_matters_and_stop_when_they_know() -> None:
    learn, held = questions(300, 1), questions(100, 2)
    booster = boosted(learn, 400, 1, held, names=("told", "noise"), patience=5)
    assert hits(booster, questions(100, 3)) > 0.6  # chance is a tenth
    assert booster.feature_name() == ["told", "noise"]
    assert booster.best_iteration < 400
    assert booster.num_trees() - booster.best_iteration <= 5


def test_the_same_seed_learns_the_same_trees() -> None:
    first, again = (boosted(questions(60, 1), 5, 9, min_data_in_leaf=5).model_to_string() for _ in range(2))
    assert first == again


def test_no_more_trees_are_learned_when_time_is_up() -> None:
    booster = boosted(questions(60, 1), 500, 1, until=monotonic())
    assert booster.num_trees() == booster.best_iteration == 1


def test_parts_are_joined_in_their_order() -> None:
    one, two = questions(2, 1), questions(3, 2)
    both = joined([one, two])
    assert both.sizes.tolist() == [10] * 5
    assert both.rows[:20] == pytest.approx(one.rows)
    assert both.labels[20:].tolist() == two.labels.tolist()
