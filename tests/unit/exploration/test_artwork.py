"""By which picture a title is shown: likelihoods that are true, the same in every copy, others for other tastes."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.experiments.offpolicy import ips, snips
from matinee.exploration.artwork import Features, Gallery, Shown, artwork_name, chance, features_of, logged
from matinee.model.events import Event, ImpressionShown, MemberForgotten
from matinee.taste.knowledge import Knowledge
from plays import NOON, event, heartbeat, knowledge_of, play, seen, shelf, title

_TITLES = (
    title("tide", ("Nature",)),
    title("gear", ("Machines",)),
    title("gore", ("Horror",), maturity=18),
    title("reef", ("Nature", "Machines"), pictures=2),
    title("peak", pictures=3),
)
_SHELF = shelf(_TITLES)
_REEF = _SHELF.by_id["reef"]
_AT = NOON.timestamp() + 40 * 86_400
_NATURE, _MACHINES = (features_of([one], _SHELF.by_id) for one in ("tide", "gear"))


def gallery(knowledge: Knowledge) -> Gallery:
    made = Gallery()
    made.learn(knowledge.artworks, _SHELF.by_id, _AT)
    return made


def shares(learned: Gallery, taste: Features) -> list[float]:
    return list(learned.probabilities([_REEF], taste)[0])


def chosen(learned: Gallery, profile_id: str, at: float = _AT) -> Shown | None:
    return learned.choose(profile_id, [_REEF], _NATURE, at).get("reef")


def audience(many: int) -> list[Event]:
    """Who likes nature plays the film by picture 1, who likes machines by picture 2, and nobody else."""
    told = []
    for number in range(many):
        taste, picture, profile_id = ("tide", "gear")[number % 2], number // 2 % 3, f"p{number}"
        told += play(profile_id, taste, number)
        told.append(seen(profile_id, "reef", picture, number + 100, 1 / 3))
        if (taste, picture) in {("tide", 1), ("gear", 2)}:
            told.append(heartbeat(profile_id, "reef", 500, 500, seconds=number + 200))
    return told


def test_tastes_are_shown_the_pictures_that_they_play() -> None:
    learned = gallery(knowledge_of(audience(60)))
    nature, machines = (shares(learned, one) for one in (_NATURE, _MACHINES))
    assert nature[1] > 0.8
    assert machines[2] > 0.8
    assert min(*nature, *machines) >= 0.08 / 3


@given(number=st.integers(0, 60), likes=st.lists(st.sampled_from(["tide", "gear", "gore", "gone"]), max_size=5))
def test_likelihoods_are_above_nothing_and_together_one(number: int, likes: list[str]) -> None:
    found = shares(gallery(knowledge_of(audience(number))), features_of(likes, _SHELF.by_id))
    assert sum(found) == pytest.approx(1.0)
    assert min(found) > 0


def test_pictures_are_drawn_as_often_as_is_said() -> None:
    learned = gallery(knowledge_of(audience(18)))
    drawn = [chosen(learned, f"viewer {number}") for number in range(4000)]
    counts = Counter(one.number for one in drawn if one is not None)
    said = {one.number: one.propensity for one in drawn if one is not None}
    assert counts.total() == 4000
    for number, share in said.items():
        assert counts[number] / 4000 == pytest.approx(share, abs=0.03)


def test_a_film_of_one_picture_is_no_choice() -> None:
    assert gallery(Knowledge()).choose("ada", [_SHELF.by_id["tide"]], _NATURE, _AT) == {}


@given(
    number=st.integers(0, 30),
    asked=st.lists(st.sampled_from(["reef", "peak", "tide"]), unique=True),
    taste=st.sampled_from([_NATURE, _MACHINES]),
    when=st.sampled_from([0.0, 60.0, 40 * 86_400.0]),
)
def test_titles_are_shown_together_as_each_alone(number: int, asked: list[str], taste: Features, when: float) -> None:
    told = [*audience(number), seen("ada", "peak", 1, 40 * 86_400, 0.25), seen("bob", "peak", 3, 10, 0.25)]
    together, alone = gallery(knowledge_of(told)), gallery(knowledge_of(told))
    found = together.choose("ada", [_SHELF.by_id[one] for one in asked], taste, _AT + when)
    each = [alone.choose("ada", [_SHELF.by_id[one]], taste, _AT + when) for one in asked]
    assert found == {title_id: shown for one in each for title_id, shown in one.items()}
    assert found.keys() == set(asked) - {"tide"}


@given(profile_id=st.text(max_size=8), hours=st.floats(0, 11.9))
def test_the_picture_is_the_same_all_day_and_in_every_copy(profile_id: str, hours: float) -> None:
    one, other = Gallery(), gallery(Knowledge())
    one.learn(Knowledge().artworks, _SHELF.by_id, 0.0)
    later = chosen(other, profile_id, _AT + 3600 * hours)
    assert chosen(one, profile_id) == later


def test_who_looks_keeps_the_picture_though_others_teach_otherwise() -> None:
    knowledge = knowledge_of([*audience(60), seen("ada", "reef", 0, 40 * 86_400, 0.25)])
    learned = gallery(knowledge)
    looking = chosen(learned, "ada", _AT + 60)
    assert looking is not None
    assert (looking.number, looking.propensity) == (0, 0.25)
    shown = Counter(
        one.number for day in range(1, 40) if (one := chosen(learned, "ada", _AT + 86_400 * day)) is not None
    )
    assert shown.most_common(1)[0][0] == 1


def _features_seen(learned: Gallery) -> list[list[float]]:
    tastes: list[Features] = [_NATURE, _MACHINES, features_of([], _SHELF.by_id)]
    return [shares(learned, one) for one in tastes]


@given(first=st.integers(0, 40), more=st.integers(0, 20))
def test_learning_on_and_learning_anew_come_to_the_same(first: int, more: int) -> None:
    told = audience(first + more)
    cut = len(audience(first))
    knowledge = knowledge_of(told[:cut])
    learned = gallery(knowledge)
    for one in told[cut:]:
        knowledge.learn(one, NOON + timedelta(days=365))
    learned.learn(knowledge.artworks, _SHELF.by_id, _AT + 1)
    anew = gallery(knowledge_of(told))
    assert np.allclose(_features_seen(learned), _features_seen(anew), atol=1e-6)


def test_what_a_forgotten_profile_taught_is_unlearned() -> None:
    knowledge = knowledge_of(audience(30))
    learned = gallery(knowledge)
    knowledge.learn(event(MemberForgotten("m", "p2", NOON.timestamp() + 1e6), 1e6), NOON + timedelta(days=365))
    learned.learn(knowledge.artworks, _SHELF.by_id, _AT + 1)
    never = gallery(knowledge_of(one for one in audience(30) if getattr(one.facts, "profile_id", "") != "p2"))
    assert np.allclose(_features_seen(learned), _features_seen(never), atol=1e-6)


@pytest.mark.parametrize("name", ["r1/7", "r0/1", "r1/", "1", "r1/²", "r1/-1", "r1/01"])
def test_a_picture_that_there_is_not_teaches_nothing(name: str) -> None:
    told = ImpressionShown("ada", "reef", "new", 0, 0, artwork=name, artwork_propensity=1.0)
    knowledge = knowledge_of([event(told)])
    assert shares(gallery(knowledge), _NATURE) == [1 / 3] * 3


def test_what_another_policy_had_earned_is_told_by_the_log() -> None:
    knowledge = knowledge_of(audience(600))
    log = logged(knowledge.artworks, lambda one: float(one.artwork == artwork_name(_REEF, 1)))
    # Of those who like nature, half of all, everybody plays it by this picture: 500 of 600 seconds.
    truth = 0.5 * 500 / 600
    for estimate in (ips(log), snips(log)):
        assert estimate.low < truth < estimate.high
        assert estimate.value == pytest.approx(truth, abs=0.03)


def test_chance_is_even() -> None:
    drawn = [chance(f"p{number}", "reef", _AT) for number in range(5000)]
    assert np.histogram(drawn, bins=10, range=(0, 1))[0] == pytest.approx(500, abs=90)
