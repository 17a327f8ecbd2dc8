from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.accounts.profiles import EVERYTHING, Profile, checked_changes, highest_limit, is_open
from matinee.model.errors import Invalid

MADE = datetime(2026, 1, 1, tzinfo=UTC)


def profile(name: str, maturity_limit: int, *, pin: bool = False) -> Profile:
    return Profile(name, "member", name, "en", maturity_limit, pin, MADE)


def test_a_profile_without_a_pin_is_open_and_one_with_a_pin_when_it_was_given() -> None:
    assert is_open(profile("kids", 7), None)
    assert not is_open(profile("parents", 18, pin=True), None)
    assert not is_open(profile("parents", 18, pin=True), "kids")
    assert is_open(profile("parents", 18, pin=True), "parents")


def test_without_locked_profiles_everything_may_be_chosen() -> None:
    assert highest_limit([], None) == EVERYTHING
    assert highest_limit([profile("kids", 7)], None) == EVERYTHING


def test_a_locked_profile_keeps_the_others_at_their_own_limits() -> None:
    household = [profile("parents", 18, pin=True), profile("kids", 7), profile("teens", 12)]
    assert highest_limit(household, None) == 12
    assert highest_limit(household, "parents") == EVERYTHING
    assert highest_limit(household[:1], None) == 0


@given(st.lists(st.tuples(st.integers(0, 18), st.booleans()), max_size=6), st.integers(0, 5))
def test_giving_a_pin_never_narrows_what_may_be_chosen(made: list[tuple[int, bool]], chosen: int) -> None:
    household = [profile(str(place), limit, pin=pin) for place, (limit, pin) in enumerate(made)]
    assert highest_limit(household, str(chosen)) >= highest_limit(household, None)


def test_right_fields_are_kept_in_one_spelling() -> None:
    changes = {"name": "  Maya ", "language": "pt-BR", "maturity_limit": 0, "pin": "0042"}
    assert checked_changes(changes) == {**changes, "name": "Maya"}
    assert checked_changes({"pin": None}) == {"pin": None}
    assert checked_changes({}) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 41},
        {"name": None},
        {"language": "english please"},
        {"language": ""},
        {"maturity_limit": 19},
        {"maturity_limit": -1},
        {"maturity_limit": True},
        {"maturity_limit": "12"},
        {"pin": "12"},
        {"pin": 1234},
        {"member_id": "another"},
    ],
)
def test_a_wrong_field_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        checked_changes(changes)
