"""Histories as bytes: nothing is lost on the way, whatever a history holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.taste.histories import Histories
from matinee.taste.interactions import History, Play
from matinee.taste.packing import pack, size_of, unpack
from matinee.taste.signs import Signs
from matinee.taste.titles import Titles
from plays import heartbeat, listed, play, rated, shown

_NEVER = float("-inf")
_IDS = st.sampled_from([f"film-{number}" for number in range(12)])
_SECONDS = st.one_of(
    st.just(0.0),
    st.integers(0, 20_000).map(float),
    st.integers(0, 2**40).map(lambda many: many / 1000),
    st.floats(0, 1e12),
)
_AT = st.one_of(st.integers(0, 2 * 10**12).map(lambda many: many / 1000), st.floats(0, 2e9))
_EVER = st.one_of(st.just(_NEVER), _AT)
_PLAYS = st.builds(Play, _SECONDS, _SECONDS, _SECONDS, _SECONDS, _AT, _EVER, _EVER, st.booleans(), st.booleans())
_SIGNS = st.builds(
    Signs,
    st.dictionaries(_IDS, st.tuples(st.sampled_from([None, "down", "up", "love"]), _AT)),
    st.dictionaries(_IDS, st.tuples(st.booleans(), _AT)),
    st.dictionaries(_IDS, _AT),
    st.dictionaries(_IDS, st.tuples(st.integers(1, 60_000), _AT)),
)
_HISTORIES = st.builds(
    History,
    st.one_of(st.none(), st.text(min_size=1, max_size=20)),
    st.dictionaries(_IDS, _PLAYS),
    st.one_of(st.none(), _SIGNS),
)


@given(_HISTORIES, st.sampled_from([0, 70_000]))
def test_a_history_comes_back_as_it_was(history: History, known: int) -> None:
    titles = Titles(f"other-{number}" for number in range(known))
    body = pack(history, titles)
    again = unpack(body, titles)
    assert again == history
    assert list(again.plays) == list(history.plays)
    assert size_of(body) == len(body)


@given(_HISTORIES, st.data())
def test_what_was_cut_is_not_of_the_size_that_it_says(history: History, data: st.DataObject) -> None:
    titles = Titles()
    body = pack(history, titles)
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    if len(cut) < len(pack(History(), titles)):
        with pytest.raises(Invalid):
            size_of(cut)
    else:
        assert size_of(cut) > len(cut)


def test_a_title_without_a_number_is_no_history() -> None:
    body = pack(History(plays={"film": Play(last_at=1.0)}), Titles())
    with pytest.raises(Invalid, match="It is no history"):
        unpack(body, Titles())


def test_a_play_told_by_heartbeats_takes_some_thirty_bytes() -> None:
    histories = Histories(titles := 500)
    for number in range(titles):
        for beat in range(3):
            at = 7000.123456 * number + 30.5 * beat
            histories.fold(heartbeat("ada", f"film-{number}", 100 / 3 + beat, 30.2512345, at), 1.7e9 + at)
    [(_, body)] = histories.bodies()
    assert len(body) < 32 * titles


@given(st.lists(st.tuples(st.sampled_from("abcd"), _IDS, st.integers(0, 3), st.floats(0, 1e6)), max_size=40))
def test_histories_are_the_same_however_few_are_in_use(told: list[tuple[str, str, int, float]]) -> None:
    roomy, tight = Histories(), Histories(in_use=1)
    for profile_id, title_id, kind, at in told:
        events = [
            play(profile_id, title_id, at),
            [rated(profile_id, title_id, "up", at)],
            [listed(profile_id, title_id, at)],
            [shown(profile_id, title_id, at)],
        ][kind]
        for one in events:
            counted = roomy.fold(one, one.time.timestamp())
            assert tight.fold(one, one.time.timestamp()) == counted
    assert list(roomy) == list(tight)
    for profile_id in tight:
        assert tight.of(profile_id) == roomy.of(profile_id)
    assert dict(tight.bodies()).keys() == dict(roomy.bodies()).keys()


def test_who_is_forgotten_is_in_no_body() -> None:
    histories = Histories(in_use=1)
    for profile_id in ("ada", "bob", "cyd"):
        for one in play(profile_id, "film"):
            histories.fold(one, one.time.timestamp())
    assert "film" in histories.forget("ada").plays
    assert "film" in histories.forget("cyd").plays
    assert [profile_id for profile_id, _ in histories.bodies()] == ["bob"]
    assert histories.of("ada") == History()
