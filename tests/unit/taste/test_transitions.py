"""Co-watched titles: counted one by one, the same as counted at once."""

from collections import Counter
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.taste.titles import Titles
from matinee.taste.transitions import Transitions

_TITLES = "abcdefgh"
_watched = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(_TITLES)), max_size=40, unique=True)


def learned(watched: list[tuple[int, str]]) -> tuple[Transitions, dict[int, set[str]]]:
    transitions = Transitions()
    histories: dict[int, set[str]] = {}
    for profile, title_id in watched:
        history = histories.setdefault(profile, set())
        transitions.add(title_id, history)
        history.add(title_id)
    return transitions, histories


@given(_watched)
def test_incremental_counts_are_those_of_the_batch(watched: list[tuple[int, str]]) -> None:
    transitions, histories = learned(watched)
    pairs = Counter(pair for history in histories.values() for pair in permutations(history, 2))
    for one in _TITLES:
        assert transitions.watchers(one) == sum(one in history for history in histories.values())
        for other in _TITLES:
            assert transitions.together(one, other) == pairs[one, other]


@given(_watched, st.randoms())
def test_companions_do_not_depend_on_the_order_of_plays(watched: list[tuple[int, str]], random: Random) -> None:
    shuffled = list(watched)
    random.shuffle(shuffled)
    one, other = learned(watched)[0], learned(shuffled)[0]
    for title_id in _TITLES:
        assert one.companions(title_id, _TITLES, 10) == other.companions(title_id, _TITLES, 10)


@given(_watched)
def test_ones_own_plays_are_no_evidence_for_oneself(watched: list[tuple[int, str]]) -> None:
    transitions, histories = learned(watched)
    for profile, own in histories.items():
        without, _ = learned([entry for entry in watched if entry[0] != profile])
        for title_id in _TITLES:
            found = transitions.companions(title_id, _TITLES, 10, own=own)
            assert found == without.companions(title_id, _TITLES, 10)


def test_what_everybody_watches_does_not_stand_beside_everything() -> None:
    transitions = Transitions()
    for person in range(100):
        transitions.add("blockbuster", [])
        if person < 12:
            transitions.add("opera", ["blockbuster"])
        if person < 10:
            transitions.add("ballet", ["blockbuster", "opera"])
    found = transitions.companions("opera", {"blockbuster", "ballet"}, 5)
    assert [(one.title_id, one.people) for one in found] == [("ballet", 10), ("blockbuster", 12)]
    assert all(0 < one.likeness < 1 for one in found)


def test_one_chance_pair_does_not_outrank_what_many_watched() -> None:
    transitions = Transitions()
    transitions.add("oddity", [])
    transitions.add("seed", ["oddity"])
    for _ in range(30):
        transitions.add("friend", [])
        transitions.add("seed", ["friend"])
    assert transitions.companions("seed", {"oddity", "friend"}, 1)[0].title_id == "friend"


def test_companions_keep_to_what_may_be_shown() -> None:
    transitions = Transitions()
    transitions.add("seed", [])
    for other in ("shown", "hidden", "finished"):
        transitions.add(other, ["seed"])
    found = transitions.companions("seed", {"shown", "finished"}, 5, without={"finished"})
    assert [one.title_id for one in found] == ["shown"]
    assert transitions.companions("nobody knows it", {"shown"}, 5) == []


@pytest.mark.parametrize("seen_before", [40, 400])
def test_memory_is_bounded_and_the_strongest_pairs_stay(seen_before: int) -> None:
    transitions = Transitions(neighbours_kept=20)
    for _ in range(3):
        transitions.add("friend", [])
        transitions.add("seed", ["friend"])
    for number in range(seen_before):
        transitions.add(f"other-{number}", [])
        transitions.add("seed", [f"other-{number}"])
    kept = [number for number in range(seen_before) if transitions.together("seed", f"other-{number}")]
    assert len(kept) <= 20
    assert transitions.together("seed", "friend") == 3


def test_among_equals_the_first_by_title_id_is_taken() -> None:
    transitions = Transitions()
    for other in ("cod", "ant", "bee"):
        transitions.add(other, [])
        transitions.add("seed", [other])
    assert [one.title_id for one in transitions.companions("seed", {"ant", "bee", "cod"}, 2)] == ["ant", "bee"]


def test_titles_that_nobody_watched_yet_may_be_asked_for() -> None:
    titles = Titles()
    transitions = Transitions(titles=titles)
    transitions.add("other", [])
    transitions.add("seed", ["other"])
    unwatched = {f"listed-{number}" for number in range(100)}
    titles.numbers(unwatched)
    found = transitions.companions("seed", {"other", *unwatched}, 5, own=unwatched)
    assert [one.title_id for one in found] == ["other"]
    assert transitions.companions("seed", unwatched, 5) == []
