"""A page is made again from what was recorded of it, and says where it is not what was shown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.catalogue.titles import Shelf
from matinee.exploration.parameters import USUAL, Parameters
from matinee.recommender.candidates import Selection
from matinee.recommender.rows import arrange
from matinee.replay.again import again, shelf_at
from matinee.replay.shown import Asked, ShownPage, from_bytes, titles_of, to_bytes
from matinee.taste.knowledge import Knowledge
from plays import NOON, knowledge_of, play, rated, shelf, title

_LATER = NOON + timedelta(hours=1)
_GENRES = ("Nature", "Machines", "Roads")
_TITLES = [title(f"t{number:02}", (_GENRES[number % 3],)) for number in range(60)]
_SHELF = shelf(_TITLES)


def known() -> Knowledge:
    plays = [one for number in range(5) for one in play("ada", f"t{number:02}", 60 * number, to_the_end=True)]
    others = [
        one
        for person in range(30)
        for number in (person % 5, person % 5 + 7, person % 9 + 20)
        for one in play(f"p{person}", f"t{number:02}", 10 * person + number)
    ]
    return knowledge_of([*plays, *others, rated("ada", "t05", "up", 400)])


def shown(knowledge: Knowledge, parameters: Parameters = USUAL, on: Shelf = _SHELF) -> ShownPage:
    asked = Asked("ada", _LATER, "europe", "", 18, parameters)
    rows = arrange(knowledge, Selection(on, 18), "ada", "europe", _LATER, None, parameters)
    return ShownPage(asked, position=7, early=("e1",), ranker=0, change=0, rows=titles_of(rows))


@pytest.mark.parametrize("parameters", [USUAL, Parameters(0.0, exploring=0.0), Parameters(1.0, ranker=False)])
def test_every_row_is_made_again_as_it_was_shown(parameters: Parameters) -> None:
    page = shown(known(), parameters)
    assert {"for-you", "popular", "new"} <= set(page.rows)
    for row_id, title_ids in page.rows.items():
        retold = again(page, row_id, known(), _SHELF, None)
        assert retold.same
        assert retold.page_same
        assert tuple(part.title_id for part in retold.parts) == title_ids
        assert all(part.score == part.together + part.tags + part.popular for part in retold.parts)


def test_what_adds_up_to_a_place_is_said() -> None:
    [first, *_] = again(shown(known()), "for-you", known(), _SHELF, None).parts
    assert first.reason
    assert first.score > 0
    assert first.ranker is None
    [most, *_] = again(shown(known()), "popular", known(), _SHELF, None).parts
    assert most.plays >= most.plays_here > 0


def test_a_replay_that_differs_says_so_and_what_was_shown() -> None:
    page, knowledge = shown(known()), known()
    for one in play("ada", "t30", 500, to_the_end=True):
        knowledge.learn(one, _LATER)
    retold = again(page, "for-you", knowledge, _SHELF, None)
    assert not retold.page_same
    gone = again(page, "continue", knowledge, _SHELF, None)
    assert (gone.parts, gone.same) == ((), False)
    assert retold.shown == page.rows["for-you"]


def test_what_was_published_later_was_not_there() -> None:
    page = shown(known())
    later = replace(title("later", ("Nature",)), published_at=_LATER + timedelta(seconds=1))
    grown = shelf([later, *_TITLES])
    assert "later" not in shelf_at(grown, page.asked).by_id
    assert again(page, "new", known(), grown, None).page_same


@given(
    rows=st.dictionaries(st.text(max_size=9), st.lists(st.text(max_size=5)).map(tuple), max_size=5),
    early=st.lists(st.text(max_size=6)).map(tuple),
    share=st.floats(0, 1),
    seconds=st.floats(0, 1e9),
)
def test_a_page_is_kept_whole(
    rows: dict[str, tuple[str, ...]], early: tuple[str, ...], share: float, seconds: float
) -> None:
    asked = Asked(
        "ada",
        datetime.fromtimestamp(seconds, UTC),
        "europe",
        "DE",
        12,
        Parameters(share, ranker=False, exploring=share),
    )
    page = ShownPage(asked, 5, early, 3, 9, rows)
    found = from_bytes(to_bytes(page), "ada", asked.at)
    assert found == page
    assert list(found.rows) == list(rows)
