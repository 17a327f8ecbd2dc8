"""One place of a row is for something different, and says how likely that was."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.exploration.exploring import PLACE, explored
from matinee.recommender.candidates import Selections
from matinee.recommender.rows import RowKind, arrange
from plays import NOON, knowledge_of, play, rated, shelf, title

_AT = NOON.timestamp()
_IDS = st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=20)


def test_each_of_those_that_come_next_is_as_likely_as_is_said() -> None:
    following = [f"t{number}" for number in range(20)]
    drawn = [explored(f"p{number}", "for-you", following, _AT) for number in range(4000)]
    assert {one.propensity for one in drawn if one is not None} == {1 / 8}
    counts = Counter(one.title_id for one in drawn if one is not None)
    assert set(counts) == set(following[:8])
    assert all(count == pytest.approx(500, abs=100) for count in counts.values())


@given(following=_IDS)
def test_the_draw_is_one_of_them_and_stays_though_another_leaves(following: list[str]) -> None:
    found = explored("ada", "for-you", following, _AT)
    if found is None:
        assert following == []
        return
    among = following[:8]
    assert found.propensity == 1 / len(among)
    for gone in set(among) - {found.title_id}:
        left = explored("ada", "for-you", [one for one in among if one != gone], _AT + 60)
        assert left is not None
        assert left.title_id == found.title_id


def test_a_full_row_for_one_has_one_place_that_says_so() -> None:
    titles = [title(f"t{number:02}", ("Nature", "Machines")[number % 2 : number % 2 + 1]) for number in range(60)]
    plays = [one for number in range(4) for one in play("ada", f"t{number:02}", number, to_the_end=True)]
    knowledge = knowledge_of([*plays, rated("ada", "t04", "up", 20)])
    selection = Selections().of(shelf(titles), 18)
    row = next(one for one in arrange(knowledge, selection, "ada", "europe", NOON) if one.kind is RowKind.FOR_YOU)
    assert row.explored is not None
    assert row.title_ids[PLACE] == row.explored.title_id
    assert 0 < row.explored.propensity <= 1
    assert row.title_reasons.count("something different") == 1
    assert row.title_reasons[PLACE] == "something different"
    assert len(set(row.title_ids)) == len(row.title_ids) == len(row.title_reasons)
