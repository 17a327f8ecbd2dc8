"""Lessons out of a replayed log."""

from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chains import audience, chain_shelf, film, watched
from matinee.recommender.candidates import Selection
from matinee.recommender.features import FORMULA, NAMES, told
from matinee.recommender.for_you import candidates
from matinee.recommender.page import page_of
from matinee.recommender.ranking import rank
from matinee.taste.knowledge import Knowledge
from matinee.taste.weights import liked
from matinee.teaching.lessons import Thinned, is_first_watch, question
from plays import NOON, heartbeat, knowledge_of, play, rated

_SELECTION = Selection(chain_shelf(), 18)


def test_a_first_watch_is_known_before_it_is_learned_and_only_then() -> None:
    """It agrees with what counts once it is learned, event by event."""
    knowledge, later = Knowledge(), NOON
    events = [
        heartbeat("ada", "film-01", 3.0, 3.0),
        heartbeat("ada", "film-01", 40.0, 37.0, 40),
        heartbeat("ada", "film-01", 140.0, 100.0, 140),
        *play("ada", "film-02", 200),
        *audience(people=10),
        rated("ada", "film-03", "up", 900),
    ]
    later = max(one.time for one in events)
    firsts = 0
    for one in events:
        people = sum(knowledge.transitions.counts()[0].values())
        said = is_first_watch(knowledge, one)
        knowledge.learn(one, later)
        assert said == (sum(knowledge.transitions.counts()[0].values()) > people)
        firsts += said
    assert firsts == 82


def test_a_question_tells_what_serving_would_be_told_at_that_moment() -> None:
    knowledge = knowledge_of(audience())
    asked_by = watched("person-3", 1000, 20 * 86_400.0)
    history = knowledge.histories.of("person-3")
    before = page_of(knowledge, _SELECTION, "person-3", "", asked_by.time)
    served = told(history, candidates(before, liked(history)), before.context)
    asked = question(knowledge, _SELECTION, asked_by)
    assert asked is not None
    assert asked.rows.shape == (len(served), len(NAMES))
    np.testing.assert_allclose(asked.rows, np.asarray(served, np.float32))


def test_a_question_knows_the_device_that_it_was_watched_on() -> None:
    knowledge = knowledge_of(audience())
    asked_by = watched("person-3", 1000, 20 * 86_400.0)
    on_a_phone = replace(asked_by, facts=replace(asked_by.facts, device="phone"))  # type: ignore[call-arg]
    one, other = (question(knowledge, _SELECTION, each) for each in (asked_by, on_a_phone))
    assert one is not None
    assert other is not None
    place = NAMES.index("device")
    assert np.isnan(one.rows[:, place]).all()
    assert (other.rows[:, place] == 0).all()


def test_what_is_being_played_says_nothing_of_itself() -> None:
    """The plays that do not count yet change no feature: a lesson would otherwise give its answer away."""
    events = audience()
    knowledge = knowledge_of(events)
    unseen = next(one for one in map(film, range(60)) if one not in knowledge.histories.of("person-3").plays)
    begun = heartbeat("person-3", unseen, 3.0, 3.0, 20 * 86_400.0)
    history_of = [knowledge_of(more).histories.of("person-3") for more in (events, [*events, begun])]
    page = page_of(knowledge, _SELECTION, "person-3", "", NOON)
    ids = candidates(page, liked(history_of[0]))
    first, second = (told(history, ids, page.context) for history in history_of)
    assert repr(first) == repr(second)


def test_the_first_feature_is_the_formula() -> None:
    knowledge = knowledge_of(audience())
    page = page_of(knowledge, _SELECTION, "person-5", "", NOON)
    ids = candidates(page, liked(page.history))
    rows = told(page.history, ids, page.context)
    assert [row[FORMULA] for row in rows] == list(rank(page.history, ids, page.context).values())


def test_a_profile_that_likes_nothing_and_a_title_it_knows_ask_nothing() -> None:
    knowledge = knowledge_of(audience())
    assert question(knowledge, _SELECTION, watched("nobody", 3, 0)) is None
    assert question(knowledge, _SELECTION, heartbeat("person-3", "elsewhere")) is None


def test_a_lesson_keeps_what_was_watched_among_the_others() -> None:
    knowledge = knowledge_of(audience())
    history = knowledge.histories.of("person-3")
    last = int(history.latest()[0][0][5:])
    asked = question(knowledge, _SELECTION, watched("person-3", last + 1, 20 * 86_400.0))
    assert asked is not None
    lesson = asked.lesson(Random(1))
    assert lesson is not None
    np.testing.assert_array_equal(lesson.rows[lesson.wanted], asked.rows[asked.wanted])
    assert len(lesson.rows) <= 61


@given(st.integers(0, 500))
def test_what_is_thinned_is_bounded_and_spread(many: int) -> None:
    thinned = Thinned[int](most=16)
    for number in range(many):
        if thinned.wants():
            thinned.keep(number)
    assert len(thinned.kept) <= 17
    assert thinned.kept == sorted(thinned.kept)
    assert not many or thinned.kept[0] == 0
    assert many < 34 or thinned.kept[-1] >= many / 2
