from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.delivery.edges import Edge, EdgeState
from matinee.delivery.steering import EPSILON, Steered, rank, steer
from matinee.model.topology import Region, Topology
from playing import NOON, PLACES, REGIONS, edge

TOPOLOGY = Topology.read(REGIONS, "")
EUROPE, AMERICA, ASIA = TOPOLOGY.regions
LATER = NOON + timedelta(hours=1)

_regions = st.sampled_from(sorted(PLACES))
_states = st.sampled_from(EdgeState)


@st.composite
def fleets(draw: st.DrawFn) -> list[Edge]:
    size = draw(st.integers(1, 12))
    return [
        edge(
            f"edge-{number}",
            draw(_regions),
            draw(_states),
            site=f"site-{draw(st.integers(0, 4))}",
            capacity_bps=draw(st.integers(1, 10**11)),
        )
        for number in range(size)
    ]


@st.composite
def loads(draw: st.DrawFn) -> dict[str, float]:
    return draw(st.dictionaries(st.sampled_from([f"edge-{n}" for n in range(12)]), st.floats(0, 1e12), max_size=12))


_viewers = st.sampled_from([EUROPE, AMERICA, ASIA, Region("nowhere near", -40.0, 170.0)])


@given(fleets(), _viewers, st.text(max_size=8), loads())
def test_the_ranking_is_of_serving_edges_each_once_or_of_all_but_those_taken_down_if_none_serves(
    fleet: list[Edge], viewer: Region, title: str, committed: dict[str, float]
) -> None:
    ranked = [one.edge_id for one in rank(fleet, viewer, title, committed)]
    serving = [one.id for one in fleet if one.state is EdgeState.SERVING]
    up = [one.id for one in fleet if one.state is not EdgeState.DOWN]
    assert sorted(ranked) == sorted(serving or up or [one.id for one in fleet])


@given(fleets(), _viewers, st.text(max_size=8), loads(), st.randoms())
def test_the_ranking_does_not_depend_on_the_order_edges_are_told_in(
    fleet: list[Edge], viewer: Region, title: str, committed: dict[str, float], random: Random
) -> None:
    shuffled = list(fleet)
    random.shuffle(shuffled)
    assert rank(shuffled, viewer, title, committed) == rank(fleet, viewer, title, committed)


@given(fleets(), _viewers, st.text(max_size=8), loads())
def test_distinct_sites_come_before_a_site_comes_twice(
    fleet: list[Edge], viewer: Region, title: str, committed: dict[str, float]
) -> None:
    site_of = {one.id: one.report.site for one in fleet}
    sites = [site_of[one.edge_id] for one in rank(fleet, viewer, title, committed)]
    distinct = len(set(sites))
    assert len(set(sites[:distinct])) == distinct


@given(fleets(), _viewers, st.text(max_size=8), loads())
def test_every_place_in_the_list_has_its_reason(
    fleet: list[Edge], viewer: Region, title: str, committed: dict[str, float]
) -> None:
    nobody_serves = all(one.state is not EdgeState.SERVING for one in fleet)
    for one in rank(fleet, viewer, title, committed):
        assert one.reason.startswith("in your region, " if one.region == viewer.name else f"in {one.region}, ")
        assert "% committed" in one.reason
        assert one.reason.endswith("no edge serves now") == nobody_serves


def test_reasons_are_sentences_with_figures() -> None:
    ranked = rank([edge(), edge("america-1", "america")], EUROPE, "t", {"europe-1": 120e6})
    assert [one.reason for one in ranked] == [
        "in your region, 12 % committed",
        "in america, 6,555 km away, 0 % committed",
    ]


@pytest.mark.parametrize("viewer", TOPOLOGY.regions)
def test_the_own_region_comes_first_and_the_others_by_distance(viewer: Region) -> None:
    fleet = [edge(f"{region}-1", region) for region in PLACES]
    nearest_first = {"europe": "america", "america": "europe", "asia": "europe"}
    ranked = rank(fleet, viewer, "t", {})
    assert [one.region for one in ranked][:2] == [viewer.name, nearest_first[viewer.name]]


def test_silent_and_drained_edges_are_left_out_while_others_serve() -> None:
    fleet = [edge(state=EdgeState.SILENT), edge("asia-1", "asia"), edge("america-1", "america", EdgeState.DRAINING)]
    assert [one.edge_id for one in rank(fleet, EUROPE, "t", {})] == ["asia-1"]


def test_with_nobody_left_the_list_is_what_there_is_and_says_so() -> None:
    ranked = rank([edge(state=EdgeState.SILENT)], EUROPE, "t", {})
    assert ranked[0].reason == "in your region, 0 % committed; it is silent, and no edge serves now"


def test_a_full_edge_comes_after_far_ones_with_room() -> None:
    fleet = [edge(), edge("asia-1", "asia")]
    ranked = rank(fleet, EUROPE, "t", {"europe-1": 1e9})
    assert [one.edge_id for one in ranked] == ["asia-1", "europe-1"]
    assert ranked[1].reason == "in your region, 100 % committed, which is full"


def test_an_operators_limit_is_the_capacity() -> None:
    fleet = [edge(egress_limit_bps=10_000_000), edge("asia-1", "asia")]
    assert rank(fleet, EUROPE, "t", {"europe-1": 10e6})[0].edge_id == "asia-1"


def _house(size: int) -> list[Edge]:
    return [edge(f"e{number}", "europe", site=f"s{number}") for number in range(size)]


def test_one_title_keeps_its_edge_and_titles_spread_over_edges_by_capacity() -> None:
    fleet = [*_house(2), edge("big", "europe", site="big", capacity_bps=2_000_000_000)]
    first = Counter(rank(fleet, EUROPE, f"title-{number}", {})[0].edge_id for number in range(4000))
    assert first["big"] == pytest.approx(2000, rel=0.1)
    assert first["e0"] == pytest.approx(1000, rel=0.15)


def test_an_edge_that_goes_takes_only_its_own_titles_with_it() -> None:
    fleet = _house(5)
    titles = [f"title-{number}" for number in range(500)]
    before = {title: rank(fleet, EUROPE, title, {})[0].edge_id for title in titles}
    after = {title: rank(fleet[1:], EUROPE, title, {})[0].edge_id for title in titles}
    assert all(before[title] == after[title] for title in titles if before[title] != "e0")


@pytest.mark.parametrize("edges", [2, 3, 7])
def test_under_one_hit_and_a_tail_no_edge_carries_much_more_than_its_share(edges: int) -> None:
    # Half of all viewers want one title: plain rendezvous would send every one of them to one edge.
    fleet = _house(edges)
    committed: dict[str, float] = {one.id: 0.0 for one in fleet}
    play_bps = 5e6
    for number in range(120 * edges):
        title = "the hit" if number % 2 else f"title-{number}"
        committed[rank(fleet, EUROPE, title, committed)[0].edge_id] += play_bps
    mean = sum(committed.values()) / edges
    assert max(committed.values()) <= (1 + EPSILON) * mean + play_bps


def test_a_few_viewers_are_not_spread_for_the_sake_of_balance() -> None:
    fleet = _house(4)
    best = rank(fleet, EUROPE, "t", {})[0].edge_id
    assert rank(fleet, EUROPE, "t", {best: 40e6})[0].edge_id == best


def told(
    fleet: list[Edge], current: str | None, draw: float = 0.5, committed: dict[str, float] | None = None
) -> Steered:
    return steer(fleet, EUROPE, "t", committed or {}, current, now=LATER, draw=draw)


THREE = [edge(), edge("america-1", "america"), edge("asia-1", "asia")]


def test_a_running_player_stays_on_an_edge_that_is_well() -> None:
    steered = told(THREE, "asia-1")
    assert steered.priority == ("asia-1", "europe-1", "america-1")
    assert steered.reason == "asia-1 is well: a running player stays where it is."


@pytest.mark.parametrize("state", [EdgeState.SILENT, EdgeState.DRAINING])
def test_a_player_leaves_an_edge_that_is_not_well(state: EdgeState) -> None:
    fleet = [edge(state=state), *THREE[1:]]
    steered = told(fleet, "europe-1")
    assert steered.priority == ("america-1", "asia-1")
    assert steered.reason.startswith(f"europe-1 is {state}; america-1 is best")


def test_with_nobody_well_a_player_stays_and_may_try_the_others() -> None:
    fleet = [edge(state=EdgeState.SILENT), edge("asia-1", "asia", EdgeState.SILENT)]
    steered = told(fleet, "asia-1")
    assert steered.priority == ("asia-1", "europe-1")
    assert "no other edge serves" in steered.reason


@pytest.mark.parametrize("current", [None, "", "unknown"])
def test_a_player_that_says_nothing_is_told_the_ranking(current: str | None) -> None:
    assert told(THREE, current).priority == ("europe-1", "america-1", "asia-1")


def test_nothing_is_steered_where_no_edge_is_known() -> None:
    assert told([], "europe-1").priority == ()


def test_an_overloaded_edge_sends_away_a_part_of_its_players_to_one_with_room() -> None:
    fleet = [edge(egress_bps=0.95e9), edge("america-1", "america", egress_bps=0.95e9), edge("asia-1", "asia")]
    leaving = [told(fleet, "europe-1", draw=number / 100) for number in range(100)]
    moved = [steered for steered in leaving if steered.priority[0] != "europe-1"]
    assert {steered.priority[0] for steered in moved} == {"asia-1"}
    assert 0 < len(moved) < 60
    assert moved[0].reason == "europe-1 has 95% of its egress in use."


def test_the_more_players_an_overloaded_edge_has_the_more_leave_at_once() -> None:
    limited = [edge(egress_limit_bps=2_000_000, egress_bps=2e6), *THREE[1:]]
    moved = sum(
        told(limited, "europe-1", draw=number / 100, committed={"europe-1": 20e6}).priority[0] != "europe-1"
        for number in range(100)
    )
    assert moved > 85


def test_nobody_leaves_an_overloaded_edge_for_another_overloaded_one() -> None:
    fleet = [edge(egress_bps=1e9), edge("asia-1", "asia", egress_bps=1e9)]
    assert told(fleet, "europe-1", draw=0.0).priority == ("europe-1", "asia-1")


def test_players_return_to_a_nearer_edge_a_tenth_at_a_time_once_it_has_been_well_for_a_minute() -> None:
    back = [edge(since=LATER - timedelta(seconds=30)), *THREE[1:]]
    assert told(back, "america-1", draw=0.0).priority[0] == "america-1"
    settled = [edge(since=LATER - timedelta(seconds=61)), *THREE[1:]]
    returned = [told(settled, "america-1", draw=number / 100).priority for number in range(100)]
    assert sum(priority[0] == "europe-1" for priority in returned) == 10
    # The player's own edge stays second: if the player will not have the first, nothing changes for it.
    assert returned[0] == ("europe-1", "america-1", "asia-1")


@given(fleets(), _viewers, st.text(max_size=8), loads(), st.integers(0, 12), st.floats(0, 1, exclude_max=True))
def test_steering_names_only_ranked_edges_each_once_and_the_players_own_stays_near_the_top(
    fleet: list[Edge], viewer: Region, title: str, committed: dict[str, float], place: int, draw: float
) -> None:
    current = f"edge-{place}"
    priority = steer(fleet, viewer, title, committed, current, now=LATER, draw=draw).priority
    assert sorted(priority) == sorted(one.edge_id for one in rank(fleet, viewer, title, committed))
    if current in priority:
        assert priority.index(current) <= 1
