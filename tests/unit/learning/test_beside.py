"""What is beside what, against its definition counted out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from histories_known import checkerboard
from matinee.learning.beside import FittedBetween, _together, beside_weights, local_weights
from matinee.learning.histories import Queries, histories_of
from matinee.learning.transitions import discounted, transition_counts

LISTS = st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=5)


@given(LISTS, st.floats(0.1, 0.99), st.integers(1, 5))
def test_both_sides_of_a_place_count_alike(lists: list[list[int]], decay: float, window: int) -> None:
    histories = histories_of(lists, 6)
    found = beside_weights(histories, decay, window)
    after = transition_counts(histories, decay, window)
    assert found == pytest.approx(found.T)
    assert found == pytest.approx(discounted(after + after.T, histories.counts(), 0.5), rel=1e-4)


def test_the_regression_is_of_a_place_on_all_others_by_distance() -> None:
    """On long histories, where the ends and the cut that the closed form has weigh little."""
    decay, ridge, window, length = 0.5, 3.0, 30, 1_500
    random = np.random.default_rng(4)
    items = random.integers(0, 6, length)
    items[1::3] = (items[::3] + 1) % 6  # an item is often beside the one before it
    apart = np.abs(np.arange(length)[:, None] - np.arange(length)[None, :])
    weights = np.where(apart, decay ** np.maximum(apart - 1.0, 0), 0)
    one = np.eye(6)[items]
    context = weights @ one
    counts = one.sum(axis=0)
    exact = np.linalg.solve(context.T @ context + ridge * np.diag(np.sqrt(counts)), context.T @ one)
    np.fill_diagonal(exact, 0)
    found = local_weights(histories_of([items.tolist()], 6), decay, window, ridge)
    assert found == pytest.approx(exact, abs=0.02)
    assert np.abs(exact).max() > 0.1


@given(st.floats(0.05, 0.97), st.integers(1, 60))
def test_the_kernel_that_is_cut_stays_positive_definite(decay: float, reach: int) -> None:
    kernel = _together(decay, reach)
    places = np.arange(40)
    apart = np.abs(places[:, None] - places[None, :])
    square = np.where(apart <= reach, kernel[np.minimum(apart, reach)], 0.0)
    assert np.linalg.eigvalsh(square).min() > -1e-9 * kernel[0] * len(places)


def test_an_item_needs_one_place_where_it_belongs() -> None:
    weights = np.zeros((4, 4), np.float32)
    weights[0, 3], weights[1, 3], weights[2, 3] = 0.5, 0.25, 1.0
    fitted = FittedBetween(weights, np.array([0, 1, 2, 4]))  # the square does not hold item 3
    asked = Queries(histories_of([[0, 1], [1, 3, 2], [0], [3]], 5), np.zeros(4))
    assert fitted.scores(asked)[:, 4].tolist() == [0.75, 1.25, 0.5, 0]
    assert [link.item for link in fitted.why(asked.of(np.array([0])), 4)] == [0, 1]


def test_groups_that_watch_nothing_together_are_told_apart() -> None:
    board = checkerboard()
    for weights in (beside_weights(board, 0.8, 5), local_weights(board, 0.8, 5, 5.0)):
        assert weights[::2, 1::2] == pytest.approx(0, abs=1e-4)
        assert weights[::2, ::2].mean() > 0.001
