"""The closed forms against what they are the closed form of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from histories_known import checkerboard
from matinee.learning.ease import Ease, add_gram, gram
from matinee.learning.histories import Histories, Queries, familiar, histories_of
from matinee.learning.popularity import decayed_counts
from matinee.learning.transitions import Sequence, sequence_weights, transition_counts

LISTS = st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=5)


@given(LISTS, st.floats(0.1, 1.0), st.integers(1, 5))
def test_pairs_are_counted_by_distance(lists: list[list[int]], decay: float, window: int) -> None:
    expected = np.zeros((6, 6))
    for mine in lists:
        for p in range(len(mine)):
            for q in range(p + 1, min(p + window, len(mine) - 1) + 1):
                expected[mine[p], mine[q]] += decay ** (q - p - 1)
    assert transition_counts(histories_of(lists, 6), decay, window) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_large_catalogues_are_counted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    board = checkerboard()
    dense = transition_counts(board, 0.7, 6)
    monkeypatch.setattr("matinee.learning.transitions._CELLS_A_PAIR", 0)
    assert transition_counts(board, 0.7, 6) == pytest.approx(dense, rel=1e-5)


def test_the_sequence_model_is_the_ridge_regression_of_what_comes_next() -> None:
    """On histories that go round for long, where the ends that the closed form neglects weigh little."""
    decay, ridge = 0.6, 2.0
    random = np.random.default_rng(4)
    histories = histories_of([random.integers(0, 7, 4_000).tolist() for _ in range(3)], 7)
    model = Sequence(decay, 40, ridge, 0.0, decay)
    gram_, next_ = np.zeros((7, 7)), np.zeros((7, 7))
    for user in range(3):
        x = np.zeros(7)
        for item in histories.items[histories.starts[user] : histories.starts[user + 1]]:
            next_[:, item] += x
            x = decay * x
            x[item] += 1
            gram_ += np.outer(x, x)
    # The closed form's X'X is (1 - decay^2) times the regression's; the ridge stands beside the former.
    exact = np.linalg.solve(gram_ * (1 - decay**2) + ridge * np.eye(7), next_)
    found = sequence_weights(transition_counts(histories, decay, 40), histories.counts(), model)
    assert found == pytest.approx(exact, abs=2e-3)


def test_ease_is_the_inverse_it_says() -> None:
    board = checkerboard()
    x = board.matrix().toarray()
    inverse = np.linalg.inv(x.T @ x + 5 * np.eye(board.n_items))
    expected = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(expected, 0)
    assert Ease(ridge=5).fit(board).weights == pytest.approx(expected, abs=1e-5)


def test_a_gram_matrix_is_the_same_in_blocks() -> None:
    matrix = checkerboard().matrix()
    total = np.zeros((40, 40), np.float32)
    for start in range(0, 60, 7):
        add_gram(total, matrix[start : start + 7])
    assert (total == gram(matrix)).all()
    assert (total == (matrix.T @ matrix).toarray()).all()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=12),
    st.lists(st.integers(0, 25), min_size=1, max_size=5),
    st.sampled_from([0.5, 3.0, 50.0]),
)
def test_decayed_counts_are_sums_over_what_was_before(
    plays: list[tuple[int, int]], asked: list[int], half_life: float
) -> None:
    plays.sort(key=lambda play: play[1])
    items = np.array([item for item, _ in plays], np.int64)
    times = np.array([time for _, time in plays], np.float64)
    found = decayed_counts(items, times, 4, np.array(asked, np.float64), half_life)
    for row, now in enumerate(asked):
        expected = [sum(0.5 ** ((now - t) / half_life) for i, t in plays if i == item and t < now) for item in range(4)]
        assert found[row] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_items_beyond_the_square_score_nothing() -> None:
    histories = histories_of([[0, 3, 0, 3], [3, 0], [1], [0, 3, 2]], 5)
    own, known = familiar(histories, 2)
    assert known.tolist() == [0, 3]
    assert own.items.tolist() == [0, 1, 0, 1, 1, 0, 0, 1]
    fitted = Ease(ridge=1, most=2).fit(histories)
    asked = Queries(histories_of([[0, 1]], 5), np.zeros(1))
    scores = fitted.scores(asked)[0]
    assert scores[3] > 0
    assert scores[[1, 2, 4]].tolist() == [0, 0, 0]
    assert fitted.links(np.array([0, 1]), np.array([3, 4])).tolist() == [[pytest.approx(scores[3]), 0], [0, 0]]


def test_a_history_is_cut_and_taken_apart() -> None:
    histories = histories_of([[1, 2, 3], [], [4, 0]], 5)
    assert histories.ages().tolist() == [2, 1, 0, 1, 0]
    assert histories.recency(0.5, 2).tolist() == [0, 0.5, 1, 0.5, 1]
    chosen: Histories = histories.of(np.array([2, 0]))
    assert chosen.items.tolist() == [4, 0, 1, 2, 3]
    assert chosen.starts.tolist() == [0, 2, 5]
