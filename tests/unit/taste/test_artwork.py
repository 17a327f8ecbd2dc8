"""What came of pictures: one outcome a profile, title and picture, whatever the copy that reads the log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.events import MemberForgotten
from matinee.taste.artwork import Artworks
from matinee.taste.interactions import History
from matinee.taste.knowledge import Knowledge
from matinee.taste.writing import from_bytes, to_bytes
from plays import NOON, event, heartbeat, knowledge_of, play, seen, shown

_DAY = 86_400.0


def reward(knowledge: Knowledge, profile_id: str, title_id: str, number: int) -> float | None:
    found = knowledge.artworks.of((profile_id, title_id, f"r1/{number}"))
    return None if found is None else found.reward


def test_a_play_soon_after_rewards_the_picture_that_was_seen_last_before_it() -> None:
    knowledge = knowledge_of(
        [
            seen("ada", "tide", 0),
            seen("ada", "tide", 1, 4000),
            heartbeat("ada", "tide", 300, 300, seconds=5000),
            seen("ada", "tide", 0, 9000),
        ]
    )
    assert reward(knowledge, "ada", "tide", 0) == 0.0
    assert reward(knowledge, "ada", "tide", 1) == pytest.approx(0.5)


@pytest.mark.parametrize(("seconds", "watched", "expected"), [(60, 4, 0.0), (60, 900, 1.0), (_DAY + 1, 300, 0.0)])
def test_too_little_and_too_late_earn_nothing_and_nothing_earns_more_than_one(
    seconds: float, watched: float, expected: float
) -> None:
    knowledge = knowledge_of([seen("ada", "tide", 0), heartbeat("ada", "tide", 1, watched, seconds=seconds)])
    assert reward(knowledge, "ada", "tide", 0) == expected


def test_what_was_begun_before_and_what_says_no_likelihood_is_left_out() -> None:
    knowledge = knowledge_of(
        [
            *play("ada", "tide"),
            seen("ada", "tide", 1, 100),
            seen("ada", "reef", 1, propensity=None),
            shown("ada", "gear"),
        ]
    )
    assert len(knowledge.artworks) == 0


def test_a_title_keeps_its_picture_while_one_looks() -> None:
    knowledge = knowledge_of([seen("ada", "tide", 2), seen("ada", "tide", 2, 1000)])
    at = NOON.timestamp()
    looking = knowledge.artworks.showing("ada", "tide", at + 2700)
    assert looking is not None
    assert (looking.artwork, looking.propensity) == ("r1/2", 0.5)
    assert knowledge.artworks.showing("ada", "tide", at + 2800) is None
    assert knowledge.artworks.showing("bob", "tide", at) is None


_SEEN = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob", "cyd"]),
        st.sampled_from(["tide", "reef", "gear"]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=40,
)


def _told(looks: list[tuple[str, str, int, bool]], without: str = "") -> Knowledge:
    return knowledge_of(
        one
        for number, (profile_id, title_id, picture, played) in enumerate(looks)
        if profile_id != without
        for one in [
            seen(profile_id, title_id, picture, 3000.0 * number),
            *(play(profile_id, title_id, 3000.0 * number + 60) if played else ()),
        ]
    )


@given(looks=_SEEN)
def test_who_is_forgotten_leaves_no_outcome(looks: list[tuple[str, str, int, bool]]) -> None:
    knowledge = _told(looks)
    knowledge.learn(event(MemberForgotten("member", "ada", NOON.timestamp() + 1e6), 1e6), NOON.replace(year=2027))
    assert knowledge.artworks.columns() == _told(looks, without="ada").artworks.columns()


@given(looks=_SEEN)
def test_an_artefact_knows_what_came_of_pictures(looks: list[tuple[str, str, int, bool]]) -> None:
    knowledge = _told(looks)
    again, _ = from_bytes(to_bytes(knowledge, 1))
    assert again.artworks.columns() == knowledge.artworks.columns()


@given(looks=_SEEN, kept=st.integers(1, 6))
def test_changes_tell_all_that_a_learner_has_to_know(looks: list[tuple[str, str, int, bool]], kept: int) -> None:
    artworks, known, number = Artworks(kept), dict[tuple[str, str, str], float](), 0
    for place, (profile_id, title_id, picture, played) in enumerate(looks):
        artworks.fold(seen(profile_id, title_id, picture), 3000.0 * place, History())
        if played:
            artworks.fold(heartbeat(profile_id, title_id), 3000.0 * place + 60, History())
        if place % 3:
            continue
        changes, number = artworks.changes(number)
        if changes is None:
            known, changes = {}, [one.key for one in artworks.outcomes()]
        for key in changes:
            known.pop(key, None)
            if (found := artworks.of(key)) is not None:
                known[key] = found.reward
        assert known == {one.key: one.reward for one in artworks.outcomes()}
        assert len(artworks) <= kept
