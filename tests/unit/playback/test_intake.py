from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid, NotFound
from matinee.model.events import Event, PlaybackHeartbeat, PlaybackStarted, PlaybackStopped
from matinee.playback.intake import event_of, position_of, read_sent, sample_of_event
from playing import NOON

PLAYBACK = "0123456789abcdef"
OWNER = {
    "member_id": "ada",
    "profile_id": "adas-profile",
    "title_id": "the-title",
    "region": "asia",
    "duration_seconds": 100.0,
    "device": '{"kind": "browser", "device": "phone"}',
}


def beat(**told: Any) -> dict[str, Any]:
    values = {"playback_id": PLAYBACK, "position_seconds": 30.0, "watched_seconds": 10.0}
    return {"id": "e-1", "type": "playback.heartbeat", "time": "2026-01-01T11:59:00Z", **values, **told}


def event(values: Any, member_id: str = "ada") -> Event:
    return event_of(read_sent(3, values, NOON), member_id, {PLAYBACK: OWNER}, frozenset({"adas-profile"}))


def test_facts_stand_flat_or_under_facts() -> None:
    flat = beat()
    nested = {name: flat.pop(name) for name in ("playback_id", "position_seconds", "watched_seconds")}
    assert event({**flat, "facts": nested}) == event(beat())


def test_what_the_service_knows_better_is_filled_in() -> None:
    facts = event(beat(title_id="another", profile_id="another", duration_seconds=7.0)).facts
    assert isinstance(facts, PlaybackHeartbeat)
    assert (facts.profile_id, facts.title_id, facts.duration_seconds) == ("adas-profile", "the-title", 100.0)
    started = event({**beat(), "type": "playback.started"}).facts
    assert isinstance(started, PlaybackStarted)
    assert started.region == "asia"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("text", "not an object"),
        (beat(id=""), "'id'"),
        (beat(id="a b"), "'id'"),
        (beat(id="x" * 101), "'id'"),
        (beat(id=7), "'id'"),
        (beat(type="title.published"), "none that a player may send"),
        (beat(type="edge.changed"), "none that a player may send"),
        (beat(type=["playback.started"]), "none that a player may send"),
        (beat(facts=[]), "not an object"),
        (beat(time=None), "'time'"),
        (beat(time=1767268800), "'time'"),
        (beat(time="2026-01-01T11:59:00"), "'time'"),
        (beat(time="yesterday"), "'time'"),
        (beat(time="0001-01-01T00:00:00+23:59"), "'time'"),
        (beat(time="2025-11-01T00:00:00Z"), "30 days"),
        (beat(position_seconds=-1), "position_seconds"),
        (beat(position_seconds="30"), "position_seconds"),
        (beat(position_seconds=float("nan")), "position_seconds"),
        (beat(watched_seconds=1e300), "watched_seconds"),
        (beat(stalls=2**40), "stalls"),
        (beat(edge_id="e" * 65), "edge_id"),
        (beat(edge_id="e\0"), "edge_id"),
        (beat(edge_id="\ud800"), "edge_id"),
    ],
)
def test_what_is_not_right_is_refused_by_its_place(values: Any, sentence: str) -> None:
    with pytest.raises(Invalid, match=rf"(?i)event 3.*{sentence}"):
        event(values)


@pytest.mark.parametrize("playback_id", ["fedcba9876543210", "", "x\0", None, 7, ["a"]])
def test_a_playback_that_is_not_there_is_not_found(playback_id: Any) -> None:
    with pytest.raises((NotFound, Invalid), match="vent 3"):
        event(beat(playback_id=playback_id))


def test_another_members_playback_is_as_if_it_were_not_there() -> None:
    with pytest.raises(NotFound, match="Event 3"):
        event(beat(), member_id="eve")


def test_another_members_profile_is_as_if_it_were_not_there() -> None:
    search = {"id": "s", "type": "search.made", "time": "2026-01-01T12:00:00Z", "query": "line", "found": 3}
    assert event({**search, "profile_id": "adas-profile"}).type == "search.made"
    with pytest.raises(NotFound, match="Event 3"):
        event({**search, "profile_id": "eves-profile"})


def test_a_time_to_come_is_now() -> None:
    assert event(beat(time="2026-01-01T12:00:01Z")).time == NOON
    assert event(beat(time="2999-01-01T00:00:00+01:00")).time == NOON
    assert event(beat(time="2026-01-01T12:30:00+01:00")).time == NOON - timedelta(minutes=30)


def test_a_position_stays_within_the_title() -> None:
    position = position_of(event(beat(position_seconds=130.0)))
    assert position is not None
    assert position["position_seconds"] == 100.0


def test_the_end_is_the_end_whatever_the_player_counted() -> None:
    ended = event({**beat(position_seconds=99.2, ended=True), "type": "playback.stopped"})
    assert isinstance(ended.facts, PlaybackStopped)
    position = position_of(ended)
    assert position is not None
    assert position["position_seconds"] == 100.0


def test_searches_and_impressions_are_no_samples() -> None:
    shown = {"profile_id": "adas-profile", "title_id": "t", "row_id": "r", "row": 0, "place": 2}
    told = event({"id": "i", "type": "impression.shown", "time": "2026-01-01T12:00:00Z", "facts": shown})
    assert sample_of_event(told) is None
    assert position_of(told) is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*beat(), "facts", "stalls", "edge_id"]), _json))
def test_whatever_comes_is_an_event_or_a_sentence(told: dict[str, Any]) -> None:
    try:
        sentence = event({**beat(), **told}).type
    except (Invalid, NotFound) as error:
        sentence = str(error)
    assert sentence.startswith("playback.") or "vent 3" in sentence


@pytest.mark.parametrize(
    ("kept", "kind"),
    [
        ('{"device": "television"}', "television"),
        ('{"device": "toaster"}', None),
        ('{"device": ["phone"]}', None),
        ("{}", None),
    ],
)
def test_an_event_says_on_what_kind_of_device_its_playback_was_started(kept: str, kind: str | None) -> None:
    told = event_of(
        read_sent(0, beat(device="computer"), NOON), "ada", {PLAYBACK: {**OWNER, "device": kept}}, frozenset()
    )
    assert isinstance(told.facts, PlaybackHeartbeat)
    assert told.facts.device == kind
