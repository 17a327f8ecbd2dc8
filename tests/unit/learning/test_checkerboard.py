"""Every model that knows histories solves the checkerboard: it shows each user his own group's items alone."""

import numpy as np
import pytest

from histories_known import checkerboard
from matinee.learning.ease import Ease
from matinee.learning.factors import Als
from matinee.learning.histories import Queries
from matinee.learning.models import Model, lists
from matinee.learning.neighbours import Neighbours
from matinee.learning.protocols import leave_last
from matinee.learning.stacking import Lessons, Recipe, teach
from matinee.learning.staging import sequence_stages, taste_stages
from matinee.learning.streams import Stream
from matinee.learning.transitions import Sequence, Transitions

MODELS = [Transitions(), Sequence(), Ease(ridge=5.0), Als(factors=4, ridge=1.0, alpha=5.0), Neighbours()]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_shows_each_group_its_own(model: Model) -> None:
    board = checkerboard()
    fitted = model.fit(board)
    top = lists(fitted, Queries(board, np.zeros(board.n_users)), 5)
    assert (top % 2 == np.arange(board.n_users)[:, None] % 2).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_folds_in_whom_it_never_saw_and_says_why(model: Model) -> None:
    board = checkerboard()
    fitted = model.fit(board.of(np.arange(40)))
    asked = Queries(board.of(np.array([51])), np.zeros(1))
    best = int(lists(fitted, asked, 1)[0, 0])
    assert best % 2 == 1
    said = fitted.why(asked, best)
    assert said
    assert {link.item % 2 for link in said} == {1}
    assert {link.item for link in said} <= set(asked.histories.items.tolist())


@pytest.mark.parametrize("staging", [sequence_stages, taste_stages])
def test_the_stages_and_the_trees_over_them_do_too(staging: object) -> None:
    board = checkerboard(users=80)
    splits = Lessons((leave_last(board, 1),), (leave_last(board, 2),))
    recipe = Recipe(staging, "ndcg@10", candidates=20, boosters=1, shapes=({"min_data_in_leaf": 5, "num_threads": 1},))  # type: ignore[arg-type]
    test = leave_last(board)
    fitted = teach(recipe, splits, seed=3, say=lambda _: None).fit(test.learn, lambda _: None)
    top = lists(fitted, test.queries, 5)
    assert (top % 2 == np.arange(board.n_users)[:, None] % 2).mean() > 0.95
    assert fitted.why(test.queries.of(np.array([0])), int(top[0, 0]))


def test_a_stream_proposes_ones_own_group_by_pairs() -> None:
    board = checkerboard()
    stream = Stream(board.n_items)
    for time, (user, item) in enumerate(zip(board.owners(), board.items, strict=True)):
        stream.learn(int(user), int(item), float(time), 1.0)
    last = board.n_users - 1
    items = stream.candidates(last, 1e4)
    told = stream.features(last, 1e4, items)
    from matinee.learning.streams import NAMES

    likeness = told[:, NAMES.index("likeness_20")]
    assert set(items[likeness > 0] % 2) == {last % 2}
    assert not set(items) & set(board.items[board.starts[last] :])
