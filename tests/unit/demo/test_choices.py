"""The generated audience's choices: the same for the same seed, and its truth is the one that it was given."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.demo.choices import PLAYS, Shown, choosers, poisson, shown_on

PAGE = tuple(Shown(f"t{place}", (("Nature", "Horror")[place % 2],), 90.0, place // 4, place % 4) for place in range(12))


@pytest.mark.parametrize("lift", [0.0, 0.5, -1.0])
def test_an_arms_expected_plays_are_its_lift_above_the_others(lift: float) -> None:
    people = choosers(4000, seed=3)
    plays = [len(one.plays(PAGE, lift)) for one in people]
    assert sum(plays) / 4000 == pytest.approx(PLAYS * (1 + lift), abs=0.2 * (1 + lift))


def test_a_seed_is_the_same_people_who_do_the_same() -> None:
    one, other = choosers(20, seed=1), choosers(20, seed=1)
    assert [who.plays(PAGE, 0.1) for who in one] == [who.plays(PAGE, 0.1) for who in other]
    assert [who.past(PAGE) for who in one] != [who.past(PAGE) for who in choosers(20, seed=2)]
    assert one[0].plays((), 0.0) == ()


def test_what_stands_first_and_is_liked_is_played_more() -> None:
    plays = [watched.shown for who in choosers(2000, seed=4) for watched in who.plays(PAGE, 0.0)]
    assert sum(one.row == 0 for one in plays) > sum(one.row == 2 for one in plays)
    fan = max(choosers(50, seed=5), key=lambda who: who.taste("Horror") - who.taste("Nature"))
    genres = [one.shown.genres[0] for number in range(50) for one in fan._plays(PAGE, 5.0, Random(number))]
    assert genres.count("Horror") > genres.count("Nature")


@given(st.floats(0, 8), st.integers(0, 2**32))
def test_a_poisson_number_is_a_count(mean: float, seed: int) -> None:
    assert 0 <= poisson(mean, Random(seed)) < 60


def test_a_pages_titles_stand_where_they_stand_first() -> None:
    title = {"id": "a", "genres": ["Nature"], "duration_seconds": None}
    home = {"rows": [{"titles": [title, {**title, "id": "b"}]}, {"titles": [title]}]}
    assert [(one.title_id, one.row, one.place) for one in shown_on(home)] == [("a", 0, 0), ("b", 0, 1)]
