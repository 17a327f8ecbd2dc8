"""Who is forgotten leaves histories and pairs as if they had never been; an artefact holds exactly what is known."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.model.events import Event, MemberForgotten, WatchForgotten
from matinee.taste.knowledge import Knowledge
from matinee.taste.writing import from_bytes, to_bytes
from plays import NOON, event, knowledge_of, listed, play, rated, shown

PLAYS = st.lists(
    st.tuples(st.sampled_from(["ada", "bob", "cyd"]), st.sampled_from(["tide", "reef", "gear", "peak"])), max_size=25
)


def told(plays: list[tuple[str, str]], without: str = "") -> list[Event]:
    return [
        one
        for number, (profile_id, title_id) in enumerate(plays)
        if profile_id != without
        for one in [
            *play(profile_id, title_id, 100_000 * number, ("europe", None)[number % 2], to_the_end=number % 3 == 0),
            rated(profile_id, title_id, ("up", "down", None)[number % 3], 100_000 * number + 10),
            listed(profile_id, title_id, 100_000 * number + 20, on=number % 2 == 0),
            shown(profile_id, title_id, 100_000 * number + 30),
        ]
    ]


def learned(events: list[Event]) -> Knowledge:
    knowledge = Knowledge()
    for one in events:
        knowledge.learn(one, NOON + timedelta(days=1000))
    return knowledge


def forgotten(profile_id: str, seconds: float) -> Event:
    return event(MemberForgotten("member", profile_id, NOON.timestamp() + seconds), seconds)


@given(plays=PLAYS)
def test_the_counts_of_pairs_are_as_if_who_is_forgotten_had_never_watched(plays: list[tuple[str, str]]) -> None:
    knowledge = learned([*told(plays), forgotten("ada", 100_000 * 30)])
    never = learned(told(plays, without="ada"))
    watchers, together = knowledge.transitions.counts()
    expected_watchers, expected_together = never.transitions.counts()
    assert watchers == expected_watchers
    assert {title: pairs for title, pairs in together.items() if pairs} == {
        title: pairs for title, pairs in expected_together.items() if pairs
    }
    assert dict(knowledge.approval.counts()) == dict(never.approval.counts())
    assert knowledge.approval.ranked() == never.approval.ranked()
    assert "ada" not in set(knowledge.histories)


def unwatched(profile_id: str, title_id: str, seconds: float) -> Event:
    return event(WatchForgotten(profile_id, title_id, NOON.timestamp() + seconds), seconds)


@given(plays=PLAYS)
def test_counts_are_as_if_one_title_had_never_been_watched(plays: list[tuple[str, str]]) -> None:
    # Each title once a profile: who watches again is exact in pairs, and no more than near in what follows what.
    plays = list(dict.fromkeys(plays))
    knowledge = learned([*told(plays), unwatched("ada", "tide", 100_000 * 30)])
    gone = ("ada", "tide")
    never = learned([one for one in told(plays) if (getattr(one.facts, "profile_id", ""), _played(one)) != gone])
    watchers, together = knowledge.transitions.counts()
    expected_watchers, expected_together = never.transitions.counts()
    assert watchers == expected_watchers
    assert {title: pairs for title, pairs in together.items() if pairs} == {
        title: pairs for title, pairs in expected_together.items() if pairs
    }
    assert dict(knowledge.approval.counts()) == dict(never.approval.counts())
    titles = {"tide", "reef", "gear", "peak"}
    for title in titles:
        mine, theirs = (each.traces.followers(title, titles) for each in (knowledge, never))
        assert {one: round(weight, 6) for one, weight in mine.items() if weight > 0.01} == {
            one: round(weight, 6) for one, weight in theirs.items() if weight > 0.01
        }
    assert "tide" not in knowledge.histories.of("ada").plays
    # What it said stays.
    said = knowledge.histories.of("ada").signs
    assert (said is not None) is any(profile_id == "ada" for profile_id, _ in plays)
    again, _ = from_bytes(to_bytes(knowledge, 7))
    assert to_bytes(again, 7) == to_bytes(knowledge, 7)
    for one in (knowledge, again):
        one.learn(play("ada", "tide", seconds=5)[1], NOON + timedelta(days=1000))
        assert "tide" not in one.histories.of("ada").plays


def _played(one: Event) -> str:
    return getattr(one.facts, "title_id", "") if one.type.startswith("playback.") else ""


def test_what_is_watched_after_it_was_removed_stands() -> None:
    word = unwatched("ada", "tide", 60)
    knowledge = learned([*play("ada", "tide"), word, *play("ada", "tide", seconds=100), word])
    assert knowledge.histories.of("ada").plays["tide"].watched_seconds == 120.0
    assert knowledge.transitions.watchers("tide") == 1
    # What is forgotten whole forgets that, too.
    knowledge.learn(forgotten("ada", 200), NOON + timedelta(days=1000))
    assert knowledge.unwatched == {}
    assert knowledge.transitions.watchers("tide") == 0


def test_what_comes_late_is_left_out_and_what_comes_after_is_not() -> None:
    knowledge = knowledge_of([forgotten("ada", 60)])
    knowledge.learn(play("ada", "tide", seconds=0)[1], NOON + timedelta(days=1))
    assert "ada" not in set(knowledge.histories)
    knowledge.learn(play("ada", "tide", seconds=60)[1], NOON + timedelta(days=1))
    assert knowledge.histories.of("ada").plays["tide"].watched_seconds == 120.0


def test_a_word_that_is_told_again_forgets_nothing_more() -> None:
    word = forgotten("ada", 60)
    knowledge = learned([word, *play("ada", "tide", seconds=100), word])
    assert "tide" in knowledge.histories.of("ada").plays


@given(plays=PLAYS)
def test_an_artefact_gives_back_what_was_known(plays: list[tuple[str, str]]) -> None:
    knowledge = learned([*told(plays), forgotten("cyd", 500_000)])
    again, position = from_bytes(to_bytes(knowledge, 77))
    assert position == 77
    assert to_bytes(again, 77) == to_bytes(knowledge, 77)
    for one in (knowledge, again):
        one.learn(play("ada", "reef", seconds=3_000_000)[1], NOON + timedelta(days=1000))
    assert to_bytes(again, 78) == to_bytes(knowledge, 78)
    assert again.popularity.overall.ranked() == knowledge.popularity.overall.ranked()


def test_an_artefact_that_was_cut_or_changed_anywhere_is_invalid() -> None:
    body = to_bytes(learned(told([("ada", "tide"), ("bob", "reef")])), 1)
    for place in range(len(body)):
        with pytest.raises(Invalid):
            from_bytes(body[:place])
    for place in range(10, len(body)):
        with pytest.raises(Invalid):
            from_bytes(body[:place] + bytes([body[place] ^ 0x55]) + body[place + 1 :])
