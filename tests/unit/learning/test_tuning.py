import pytest

from histories_known import checkerboard
from matinee.learning.ease import Ease
from matinee.learning.models import Model
from matinee.learning.popularity import Popularity
from matinee.learning.protocols import strong_generalisation
from matinee.learning.tuning import choose, validated

SPLITS = strong_generalisation(checkerboard(users=100), seed=3).validation
MODELS: list[Model] = [Popularity(), Ease(5.0), Popularity()]


def test_the_best_on_all_validation_splits_is_chosen() -> None:
    found = choose(MODELS, SPLITS, "ndcg@10", float("inf"), seed=1)
    assert found.model == MODELS[1]
    assert found.validation == pytest.approx(validated(MODELS[1], SPLITS, "ndcg@10"))
    assert "tries" not in found.sentence()


def test_a_search_that_time_cut_says_so() -> None:
    found = choose(MODELS, SPLITS, "ndcg@10", 0.0, seed=1)
    assert found.model == MODELS[0]
    assert found.sentence() == "nothing to choose; time allowed 1 of 3 tries"
