import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from matinee.learning.histories import histories_of
from matinee.learning.metrics import (
    accuracies,
    coverage,
    interval,
    miscalibration,
    novelty,
    paired_difference,
    top_items,
)


def ranked(place: int, length: int = 100) -> list[int]:
    """A list whose item 0 stands at a place, 1 the first."""
    others = list(range(1, length))
    return [*others[: place - 1], 0, *others[place - 1 :]]


@pytest.mark.parametrize(("place", "hit", "gain"), [(1, 1, 1.0), (3, 1, 0.5), (10, 1, 1 / np.log2(11)), (11, 0, 0.0)])
def test_one_target_counts_by_its_place(place: int, hit: int, gain: float) -> None:
    found = accuracies(np.array([ranked(place)]), histories_of([[0]], 200))
    assert found["hr@10"][0] == hit
    assert found["ndcg@10"][0] == pytest.approx(gain)
    assert found["mrr"][0] == pytest.approx(1 / place)


def test_many_targets_count_as_liang_counts_them() -> None:
    top = np.array([[5, 1, 6, 2, *range(10, 106)]])
    found = accuracies(top, histories_of([[1, 2, 3]], 200))
    assert found["recall@20"][0] == pytest.approx(2 / 3)
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert found["ndcg@100"][0] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / ideal)


def test_a_perfect_list_is_one_whatever_the_number_of_targets() -> None:
    wanted = list(range(30))
    found = accuracies(np.array([[*wanted, *range(50, 120)]]), histories_of([wanted], 200))
    assert found["ndcg@10"][0] == found["ndcg@100"][0] == pytest.approx(1)
    assert found["recall@20"][0] == 1


@given(
    hn.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=st.integers(0, 3)),
    st.integers(1, 12),
)
def test_the_best_are_those_of_a_stable_sort(scores: np.ndarray, count: int) -> None:
    count = min(count, scores.shape[1])
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    assert (top_items(scores, count) == expected).all()


def test_what_may_not_be_shown_is_not() -> None:
    assert top_items(np.array([[1.0, -np.inf, 3.0]], np.float32), 3).tolist() == [[2, 0, -1]]


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        found = interval((random.random(300) < 0.3).astype(np.float32))
        held += found.low <= 0.3 <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_a_difference_is_seen_between_pairs_that_vary_together() -> None:
    random = np.random.default_rng(2)
    theirs = random.random(500)
    found = paired_difference(theirs + 0.01 + random.normal(0, 0.02, 500), theirs)
    assert 0 < found.low < found.mean < found.high
    same = paired_difference(theirs, theirs)
    assert (same.low, same.mean, same.high) == (0, 0, 0)


def test_lists_are_described() -> None:
    top = np.array([[0, 1], [0, -1]])
    assert coverage(top, 4) == 0.5
    assert novelty(np.array([[3]]), np.array([97, 1, 1, 1])) > novelty(np.array([[0]]), np.array([97, 1, 1, 1]))


def test_a_list_with_the_mix_of_the_history_is_calibrated() -> None:
    genres = [("a",), ("a",), ("b",), ("b",)]
    history = histories_of([[0, 2]], 4)
    even = miscalibration(np.array([[1, 3]]), history, genres)
    odd = miscalibration(np.array([[0, 1]]), history, genres)
    assert even == pytest.approx(0, abs=1e-6)
    assert odd is not None
    assert odd > 1
    assert miscalibration(np.array([[1, 3]]), history, [()] * 4) is None
