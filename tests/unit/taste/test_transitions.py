"""Co-watched titles: counted one by one, the same as counted at once."""

import math
from collections import Counter
from collections.abc import Collection, Iterable
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


def companions(
    transitions: Transitions,
    title_id: str,
    among: Iterable[str],
    limit: int,
    without: Iterable[str] = (),
    own: Collection[str] = (),
) -> list[tuple[str, int]]:
    company = transitions.company(own)
    allowed = company.titles.marked(among) & ~company.titles.marked(without)
    others, _, people = company.ties(title_id)
    met = dict(zip([company.titles.ids[other] for other in others.tolist()], people.tolist(), strict=True))
    return [(one, met[one]) for one in company.likest(title_id, allowed, limit)]


@given(_watched)
def test_incremental_counts_are_those_of_the_batch(watched: list[tuple[int, str]]) -> None:
    transitions, histories = learned(watched)
    pairs = Counter(pair for history in histories.values() for pair in permutations(history, 2))
    for one in _TITLES:
        assert transitions.watchers(one) == sum(one in history for history in histories.values())
        for other in _TITLES:
            assert transitions.together(one, [other]) == [pairs[one, other]]


@given(_watched, st.randoms())
def test_companions_do_not_depend_on_the_order_of_plays(watched: list[tuple[int, str]], random: Random) -> None:
    shuffled = list(watched)
    random.shuffle(shuffled)
    one, other = learned(watched)[0], learned(shuffled)[0]
    for title_id in _TITLES:
        assert companions(one, title_id, _TITLES, 10) == companions(other, title_id, _TITLES, 10)


@given(_watched, st.sets(st.sampled_from(_TITLES)), st.integers(0, 8), st.integers(0, 5))
def test_companions_are_the_likest_by_the_formula(
    watched: list[tuple[int, str]], among: set[str], limit: int, profile: int
) -> None:
    transitions, histories = learned(watched)
    own = histories.get(profile, set())
    others = [history for number, history in histories.items() if number != profile]
    for title_id in _TITLES:
        people = {one: sum({one, title_id} <= history for history in others) for one in among - {title_id}}
        seed = 3.0 + sum(title_id in history for history in others)
        likeness = {
            one: many / math.sqrt(seed * (3.0 + sum(one in history for history in others)))
            for one, many in people.items()
            if many
        }
        expected = sorted(likeness, key=lambda one: (-likeness[one], one))[:limit]
        found = companions(transitions, title_id, among, limit, own=own)
        assert found == [(one, people[one]) for one in expected]
        company = transitions.company(own)
        numbers, told, _ = company.ties(title_id)
        for other, mine in zip(numbers.tolist(), told.tolist(), strict=True):
            if (one := company.titles.ids[other]) in among:
                assert mine == pytest.approx(likeness[one])


@given(_watched)
def test_ones_own_plays_are_no_evidence_for_oneself(watched: list[tuple[int, str]]) -> None:
    transitions, histories = learned(watched)
    for profile, own in histories.items():
        without, _ = learned([entry for entry in watched if entry[0] != profile])
        for title_id in _TITLES:
            found = companions(transitions, title_id, _TITLES, 10, own=own)
            assert found == companions(without, title_id, _TITLES, 10)


def test_what_everybody_watches_does_not_stand_beside_everything() -> None:
    transitions = Transitions()
    for person in range(100):
        transitions.add("blockbuster", [])
        if person < 12:
            transitions.add("opera", ["blockbuster"])
        if person < 10:
            transitions.add("ballet", ["blockbuster", "opera"])
    found = companions(transitions, "opera", {"blockbuster", "ballet"}, 5)
    assert found == [("ballet", 10), ("blockbuster", 12)]
    likeness = transitions.company().ties("opera")[1]
    assert ((likeness > 0) & (likeness < 1)).all()


def test_one_chance_pair_does_not_outrank_what_many_watched() -> None:
    transitions = Transitions()
    transitions.add("oddity", [])
    transitions.add("seed", ["oddity"])
    for _ in range(30):
        transitions.add("friend", [])
        transitions.add("seed", ["friend"])
    assert companions(transitions, "seed", {"oddity", "friend"}, 1)[0][0] == "friend"


def test_companions_keep_to_what_may_be_shown() -> None:
    transitions = Transitions()
    transitions.add("seed", [])
    for other in ("shown", "hidden", "finished"):
        transitions.add(other, ["seed"])
    found = companions(transitions, "seed", {"shown", "finished"}, 5, without={"finished"})
    assert [one for one, _ in found] == ["shown"]
    assert companions(transitions, "nobody knows it", {"shown"}, 5) == []


@pytest.mark.parametrize("seen_before", [40, 400])
def test_memory_is_bounded_and_the_strongest_pairs_stay(seen_before: int) -> None:
    transitions = Transitions(neighbours_kept=20)
    for _ in range(3):
        transitions.add("friend", [])
        transitions.add("seed", ["friend"])
    for number in range(seen_before):
        transitions.add(f"other-{number}", [])
        transitions.add("seed", [f"other-{number}"])
    kept = [number for number in range(seen_before) if transitions.together("seed", [f"other-{number}"])[0]]
    assert len(kept) <= 20
    assert transitions.together("seed", ["friend"]) == [3]


def test_among_equals_the_first_by_title_id_is_taken() -> None:
    transitions = Transitions()
    for other in ("cod", "ant", "bee"):
        transitions.add(other, [])
        transitions.add("seed", [other])
    assert [one for one, _ in companions(transitions, "seed", {"ant", "bee", "cod"}, 2)] == ["ant", "bee"]


def test_titles_that_nobody_watched_yet_may_be_asked_for() -> None:
    titles = Titles()
    transitions = Transitions(titles=titles)
    transitions.add("other", [])
    transitions.add("seed", ["other"])
    unwatched = {f"listed-{number}" for number in range(100)}
    titles.numbers(unwatched)
    found = companions(transitions, "seed", {"other", *unwatched}, 5, own=unwatched)
    assert [one for one, _ in found] == ["other"]
    assert companions(transitions, "seed", unwatched, 5) == []
