"""A day's questions: what each would have shown, and what that is worth. Figures are worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains import audience, chain_shelf, film, watched
from matinee.recommender.candidates import Selection
from matinee.teaching.lessons import is_first_watch
from matinee.teaching.quality import (
    MODELS,
    OURS,
    POPULARITY,
    TRENDING,
    AllTime,
    Asked,
    ask,
    differences,
    interval,
    rows,
)
from plays import knowledge_of, rated

_DAY = 86_400.0
_SELECTION = Selection(chain_shelf(), 18)


def asked(profile_id: str, watched_id: str, ours: list[str], theirs: list[str]) -> Asked:
    tens = {OURS: ours, POPULARITY: theirs, TRENDING: theirs}
    return Asked(profile_id, watched_id, tens, dict.fromkeys(MODELS, 2.0), dict.fromkeys(MODELS, 0.5))


def test_a_table_has_a_row_a_model_in_the_form_of_evaluate() -> None:
    told = [asked("ada", "a", ["b", "a"], ["c"]), asked("bob", "b", ["b"], ["b"]), asked("bob", "c", ["a"], ["b"])]
    ours, popular, trending = rows(told, catalogue=8)
    assert (ours["model"], popular["model"], trending["model"]) == MODELS
    assert ours["hr@10"] == pytest.approx(2 / 3)
    assert ours["ndcg@10"] == pytest.approx((1 / math.log2(3) + 1) / 3)
    assert popular["hr@10"] == trending["hr@10"] == pytest.approx(1 / 3)
    assert (ours["coverage"], popular["coverage"]) == (2 / 8, 2 / 8)
    assert (ours["novelty"], ours["miscalibration"]) == (2.0, 0.5)
    assert ours["ci95"]["hr@10"][0] < ours["hr@10"] < ours["ci95"]["hr@10"][1]
    found = differences(told)
    assert found[POPULARITY]["hr@10"][0] == pytest.approx(1 / 3)
    assert set(found) == {POPULARITY, TRENDING}


def test_a_profile_that_plays_much_says_no_more_of_the_others() -> None:
    alone, apart = ["ada"] * 100, [f"p{number}" for number in range(100)]
    values = [float(number % 2) for number in range(100)]
    assert interval(values, alone) == (0.5, 0.0, 1.0)
    mean, low, high = interval(values, apart)
    assert mean == 0.5
    assert [low, high] == pytest.approx([0.4, 0.6], abs=0.005)
    halves = interval(values, ["even" if number % 2 else "odd" for number in range(100)])
    assert halves[2] - halves[1] > high - low


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abc")), min_size=1, max_size=40))
def test_an_interval_holds_its_mean(told: list[tuple[float, str]]) -> None:
    mean, low, high = interval([value for value, _ in told], [cluster for _, cluster in told])
    assert 0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1


def test_ten_are_asked_of_each_before_it_is_learned_and_none_knows_what_the_profile_does() -> None:
    events = audience(60)
    knowledge, everybody = knowledge_of([]), AllTime()
    for one in events:
        if is_first_watch(knowledge, one):
            everybody.count(one.facts.title_id)  # type: ignore[attr-defined]
        knowledge.learn(one, one.time)
    for step in range(4):
        knowledge.learn(watched("ada", 3 + step, 12 * _DAY + 3600 * step), events[-1].time.replace(year=2027))
    following = watched("ada", 7, 12 * _DAY + 4 * 3600)
    found = ask(knowledge, everybody, _SELECTION, following, None)
    assert found is not None
    assert found.watched == film(7)
    known = {film(3 + step) for step in range(4)}
    for ten in found.tens.values():
        assert len(ten) == len(set(ten)) == 10
        assert not known & set(ten)
    assert film(7) in found.tens[OURS]
    # What most watched surprises least.
    assert found.surprises[POPULARITY] <= found.surprises[OURS]
    # A thumb before it: it stands in no row, so it can be in nobody's ten.
    knowledge.learn(rated("ada", film(7), "up", 12 * _DAY), events[-1].time.replace(year=2027))
    assert ask(knowledge, everybody, _SELECTION, following, None) is None


def test_a_stranger_is_asked_of_what_trends() -> None:
    events = audience(30)
    knowledge, everybody = knowledge_of(events), AllTime()
    found = ask(knowledge, everybody, _SELECTION, watched("new", 5, 12 * _DAY), None)
    assert found is not None
    assert found.tens[OURS] == found.tens[TRENDING]
    assert found.tens[POPULARITY] == []
