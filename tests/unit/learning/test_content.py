import numpy as np

from histories_known import checkerboard
from matinee.learning.content import Content, word_vectors
from matinee.learning.datasets import About
from matinee.learning.histories import Queries, histories_of
from matinee.learning.models import lists

FILMS = (
    About("The Harbour at Night", genres=("Crime",), tags=("harbour", "slow")),
    About("Harbour Police", genres=("Crime",), tags=("harbour",)),
    About("Flour and Water", genres=("Comedy",)),
    About("Water under Flour", genres=("Comedy",)),
    About(),
)


def test_what_nobody_watched_is_found_by_its_words() -> None:
    fitted = Content(FILMS).fit(histories_of([[]], len(FILMS)))
    asked = Queries(histories_of([[0], [2]], len(FILMS)), np.zeros(2))
    assert lists(fitted, asked, 1)[:, 0].tolist() == [1, 3]
    assert [link.item for link in fitted.why(asked.of(np.array([0])), 1)] == [0]
    assert fitted.why(asked.of(np.array([0])), 4) == ()


def test_an_item_of_which_nothing_is_said_is_like_nothing() -> None:
    vectors = word_vectors(FILMS)
    assert vectors[4].nnz == 0
    assert np.allclose(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel(), [1, 1, 1, 1, 0], atol=1e-5)


def test_content_solves_the_checkerboard_by_genre() -> None:
    board = checkerboard()
    about = tuple(About(genres=("even", "odd")[item % 2 : item % 2 + 1]) for item in range(board.n_items))
    fitted = Content(about).fit(board)
    top = lists(fitted, Queries(board, np.zeros(board.n_users)), 5)
    assert (top % 2 == np.arange(board.n_users)[:, None] % 2).all()
