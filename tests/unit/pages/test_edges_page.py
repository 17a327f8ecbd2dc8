"""Pages of edges: shares of bytes, what is to be looked at, and words of strangers that cannot harm who reads them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from matinee.delivery.accounts import Sum
from matinee.delivery.edges import Edge, EdgeState
from matinee.delivery.oversight import Newest, OrderedPurge
from matinee.model.plans import EdgeReport
from matinee.pages.edge import days_of
from matinee.pages.edges import EdgePlace, ago, narrowed, parts, place, sent, shown, summed
from matinee.pages.purges import purge_lines

NOW = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
REPORT = EdgeReport(
    edge_id="berlin-1",
    site="berlin",
    region="europe",
    url="https://berlin-1.example.net",
    latitude=52.5,
    longitude=13.4,
    capacity_bps=1_000_000_000,
    started=NOW.timestamp() - 100,
    egress_bps=250_000_000.0,
    connections=12,
    cached_bytes=50,
    cache_limit_bytes=100,
    files=5,
    demand_hit_bytes=200,
    origin_bytes=100,
    requests=40,
    refused=1,
    placed_hit_bytes=500,
    peer_bytes=150,
    parent_bytes=50,
    time=NOW.timestamp(),
)


def edge(state: EdgeState = EdgeState.SERVING, **told: Any) -> Edge:
    report = replace(REPORT, **told)
    return Edge(report=report, state=state, last_seen=NOW, draining=False, egress_limit_bps=None, since=NOW)


def concerns(newest: Newest | None = None, state: EdgeState = EdgeState.SERVING, **told: Any) -> tuple[str, ...]:
    return place(edge(state, **told), NOW, newest).concerns


def test_every_byte_is_in_one_of_five_parts_and_they_make_the_whole() -> None:
    found = place(edge(), NOW)
    assert [(part.name, part.share) for part in found.parts] == [
        ("placed", 0.5),
        ("demand", 0.2),
        ("peer", 0.15),
        ("parent", 0.05),
        ("origin", 0.1),
    ]
    assert found.served_bytes == 1000
    assert found.hit_share == pytest.approx(0.7)


def test_before_the_first_byte_there_is_no_share() -> None:
    nothing = dict.fromkeys(sent(REPORT), 0)
    assert {part.share for part in parts(nothing)} == {0.0}
    fresh = edge(demand_hit_bytes=0, origin_bytes=0, placed_hit_bytes=0, peer_bytes=0, parent_bytes=0)
    assert place(fresh, NOW).hit_share is None


def test_an_edge_that_is_well_needs_no_look() -> None:
    newest = Newest({"berlin-1": 0}, "k", 0, 0, "k", 0)
    assert concerns(newest, keys_version="k") == ()


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"disk": "It is full."}, "Its disk: It is full."),
        ({"time": NOW.timestamp() + 600}, "Its clock is 10 min ahead."),
        ({"time": NOW.timestamp() - 30}, "Its clock is 30 s behind."),
        ({"keys_version": "old"}, "It opens tokens with keys old, not k."),
        ({"keys_version": ""}, "It opens tokens with keys of none, not k."),
        ({"purges_through": 6}, "It has obeyed purges through 6, not through 7."),
        ({"cached_bytes": 99, "missing_files": 3}, "Its disk is full, and 3 planned files are not there."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(told: dict[str, Any], sentence: str) -> None:
    newest = Newest({}, "k", 0, 7, "k", 7)
    assert concerns(newest, **{"keys_version": "k", "purges_through": 7, **told}) == (sentence,)


def test_in_the_moments_after_a_change_nothing_is_wrong_yet() -> None:
    assert concerns(Newest({}, "new", 3, 9, "", 0), keys_version="old") == ()


def test_of_a_silent_edge_only_its_silence_is_said() -> None:
    silent = replace(edge(EdgeState.SILENT, disk="broken"), last_seen=NOW - timedelta(minutes=5))
    assert place(silent, NOW).concerns == ("Not heard of for 5 min: players are steered around it.",)


def test_an_edge_that_says_no_time_has_no_clock_to_be_wrong() -> None:
    assert place(edge(time=0.0), NOW).clock_seconds is None


@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\x00", "\n", "\u200b", "\x1b", "\ufeff", "\ud800"])
def test_letters_that_hide_or_turn_their_neighbours_are_shown_as_unknown(letter: str) -> None:
    assert shown(f"ber{letter}lin") == "ber\ufffdlin"


def test_a_long_word_of_a_stranger_is_cut() -> None:
    assert shown("x" * 1_000_000) == "x" * 119 + "…"
    assert shown("x" * 120) == "x" * 120


def test_edges_are_narrowed_to_a_value_and_each_value_says_how_many_have_it() -> None:
    places = [
        place(edge(), NOW),
        place(edge(EdgeState.SILENT, edge_id="oslo-1", region="north"), NOW),
        place(edge(edge_id="oslo-2", region="north"), NOW),
    ]
    found, choices = narrowed(places, {"region": "north", "state": "", "nonsense": "x"}, "/studio/edges")
    assert [entry.edge.id for entry in found] == ["oslo-1", "oslo-2"]
    assert {choice.name: (choice.count, choice.chosen) for choice in choices} == {
        "all": (3, False),
        "serving": (2, False),
        "silent": (1, False),
        "europe": (1, False),
        "north": (2, True),
    }
    assert next(choice.address for choice in choices if choice.name == "north") == "/studio/edges?region=north"


def test_a_hostile_regions_address_is_encoded() -> None:
    places = [place(edge(), NOW), place(edge(edge_id="x", region="a&b=<c>\"'"), NOW)]
    _, choices = narrowed(places, {}, "/studio/edges")
    assert "/studio/edges?region=a%26b%3D%3Cc%3E%22%27" in {choice.address for choice in choices}


def test_bytes_of_several_edges_are_summed_by_where_they_came_from() -> None:
    places: list[EdgePlace] = [place(edge(), NOW), place(edge(), NOW)]
    assert summed(places) == {"placed": 1000, "demand": 400, "peer": 300, "parent": 100, "origin": 200}


def test_a_day_has_its_bytes_by_origin_and_the_share_of_each_class_of_miss() -> None:
    sums = [
        Sum("2026-03-01", "berlin-1", "placed", "", 60),
        Sum("2026-03-01", "berlin-1", "placed", "health", 20),
        Sum("2026-03-01", "berlin-1", "origin", "content", 20),
        Sum("2026-02-28", "berlin-1", "peer", "", 5),
    ]
    newest, older = days_of(sums)
    assert (newest.day, newest.size_bytes, newest.from_disk) == ("2026-03-01", 100, 0.8)
    assert [(part.name, part.size_bytes, part.share) for part in newest.misses] == [
        ("content", 20, 0.2),
        ("health", 20, 0.2),
        ("other", 0, 0.0),
    ]
    assert (older.day, older.from_disk) == ("2026-02-28", 0.0)


def test_a_purge_names_the_edges_that_it_waits_for() -> None:
    edges = [edge(purges_through=4), edge(edge_id="oslo-1", purges_through=3)]
    (line,) = purge_lines([OrderedPurge(4, "title/", NOW)], edges)
    assert (line.done, line.waiting) == (1, ("oslo-1",))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (400_000, "5 days")],
)
def test_a_length_of_time_is_said_in_one_unit(seconds: float, said: str) -> None:
    assert ago(seconds) == said
