"""Thumbs, list, searches and what was passed over, in whatever order they come."""

from itertools import permutations

import pytest

from matinee.model.events import SearchChosen
from matinee.taste.histories import Histories
from matinee.taste.interactions import History
from plays import NOON, event, listed, play, rated, shown

HOUR = 3600.0


def history(*events: object, profile_id: str = "ada") -> History:
    histories = Histories()
    for one in events:
        histories.fold(one, one.time.timestamp())  # type: ignore[attr-defined,arg-type]
    return histories.of(profile_id)


def test_the_latest_word_counts_in_whatever_order_it_comes() -> None:
    said = [rated("ada", "tide", "up", 1), rated("ada", "tide", "down", 2), rated("ada", "tide", None, 3)]
    for order in permutations(said):
        signs = history(*order).signs
        assert signs is not None
        assert signs.rating("tide") is None
    for order in permutations(said[:2]):
        assert history(*order).refused() == {"tide"}


def test_a_list_is_newest_first_without_what_was_taken_off() -> None:
    signs = history(
        listed("ada", "tide", 1), listed("ada", "reef", 2), listed("ada", "gear", 3), listed("ada", "gear", 4, on=False)
    ).signs
    assert signs is not None
    assert [title_id for title_id, _ in signs.on_list()] == ["reef", "tide"]


def test_a_rating_nobody_knows_says_nothing() -> None:
    signs = history(rated("ada", "tide", "up"), rated("ada", "tide", "eleven", 9)).signs
    assert signs is not None
    assert signs.rating("tide") == "up"


def test_what_was_shown_in_three_sittings_and_never_touched_is_passed_over() -> None:
    twice = [shown("ada", "tide", 0), shown("ada", "tide", HOUR)]
    assert history(*twice).passed_over() == frozenset()
    assert history(*twice, shown("ada", "tide", 2 * HOUR)).passed_over() == {"tide"}
    assert history(*twice, shown("ada", "tide", 2 * HOUR), *play("ada", "tide", 3 * HOUR)).passed_over() == frozenset()
    assert history(*twice, shown("ada", "tide", 2 * HOUR), listed("ada", "tide", 9 * HOUR)).passed_over() == frozenset()


def test_a_sitting_counts_once_however_often_the_page_is_opened() -> None:
    assert history(*(shown("ada", "tide", 60.0 * number) for number in range(20))).passed_over() == frozenset()


@pytest.mark.parametrize(
    "place",
    [{"row": 4}, {"place": 6}, {"row_id": "continue"}, {"row_id": "my-list"}, {"row_id": "similar:reef"}],
)
def test_below_the_first_screens_and_in_its_own_rows_nothing_is_passed_over(place: dict[str, object]) -> None:
    told = [shown("ada", "tide", number * HOUR, **place) for number in range(5)]  # type: ignore[arg-type]
    assert history(*told).passed_over() == frozenset()


def test_what_is_kept_of_a_profile_has_an_end() -> None:
    told = [
        one for number in range(600) for one in (shown("ada", f"t{number}", number), rated("ada", f"r{number}", "up"))
    ]
    chosen = [event(SearchChosen("ada", f"s{number}", "q", 0), number) for number in range(50)]
    signs = history(*told, *chosen).signs
    assert signs is not None
    assert len(signs.ratings) == 500
    assert set(signs.passed) == {f"t{number}" for number in range(560, 600)}
    assert set(signs.chosen) == {f"s{number}" for number in range(30, 50)}
    assert signs.chosen["s49"] == NOON.timestamp() + 49
