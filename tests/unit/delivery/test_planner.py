from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.delivery.planner import (
    PLACED_SHARE,
    Chosen,
    Group,
    Offer,
    Plays,
    Shelf,
    choose,
    expected_plays,
    files_of,
    signature,
    with_demand,
)

BLOCK = 4096


def offer(title: str, blocks: int = 10, *shares: float) -> Offer:
    groups = tuple(
        Group(f"v{number}", tuple((f"v{number}/{place}.m4s", BLOCK, "") for place in range(blocks)), share)
        for number, share in enumerate(shares or (1.0,))
    )
    return Offer(title, "r1", groups)


def shelf(edge_id: str = "e1", blocks: float = 1000, region: str = "europe", **changes: object) -> Shelf:
    limit = int(blocks * BLOCK / PLACED_SHARE) + 1
    return replace(Shelf(edge_id, f"{edge_id}-site", region, "edge", limit), **changes)  # type: ignore[arg-type]


def folders(plan: tuple[Chosen, ...]) -> list[str]:
    return [one.offer.title_id for one in plan]


def test_what_is_played_more_goes_first_and_the_rest_where_it_fits() -> None:
    offers = [offer(title) for title in ("a", "b", "c")]
    expected = {"europe": {"a": 1.0, "b": 5.0, "c": 3.0}}
    chosen = choose([shelf(blocks=25)], offers, expected, [])["e1"]
    assert [(one.offer.title_id, one.count) for one in chosen] == [("b", 10), ("c", 10), ("a", 5)]
    assert [file.path for file in files_of(chosen)][-1] == "a/r1/v0/4.m4s"
    worths = [file.worth for file in files_of(chosen)]
    assert worths == sorted(worths, reverse=True)


def test_what_is_expected_counts_where_it_was_told_and_what_was_played_elsewhere() -> None:
    played = {"europe": {"a": 5.0, "b": 1.0}, "asia": {"a": 2.0}}
    assert with_demand(played, {}) == played
    told = with_demand(played, {"europe": {"b": 9.0}, "africa": {"c": 1.0}})
    assert told == {"europe": {"a": 5.0, "b": 9.0}, "asia": {"a": 2.0}, "africa": {"c": 1.0}}
    chosen = choose([shelf(blocks=10)], [offer("a"), offer("b")], told, [])["e1"]
    assert folders(chosen) == ["b"]


def test_what_nobody_plays_is_not_placed_however_much_room_there_is() -> None:
    assert choose([shelf()], [offer("a")], {}, [])["e1"] == ()


def test_a_rendition_that_few_ask_for_gives_way_to_another_titles_first_files() -> None:
    offers = [offer("a", 10, 1.0, 0.1), offer("b", 10, 1.0)]
    chosen = choose([shelf(blocks=20)], offers, {"europe": {"a": 10.0, "b": 5.0}}, [])["e1"]
    assert [(one.offer.title_id, one.group.name) for one in chosen] == [("a", "v0"), ("b", "v0")]


def test_regions_hold_what_is_played_there_and_a_little_of_what_is_played_elsewhere() -> None:
    shelves = [shelf("e1", 10), shelf("a1", 10, "asia"), shelf("o1", 10, "oceania")]
    expected = {"europe": {"a": 9.0, "b": 2.0}, "asia": {"b": 3.0}}
    chosen = choose(shelves, [offer("a"), offer("b")], expected, [])
    assert {edge_id: folders(plan) for edge_id, plan in chosen.items()} == {"e1": ["a"], "a1": ["b"], "o1": ["a"]}


def test_a_parent_holds_what_all_regions_ask_for() -> None:
    expected = {"europe": {"a": 4.0}, "asia": {"b": 3.0}, "america": {"b": 3.0}}
    chosen = choose([shelf("p1", 10, tier="parent")], [offer("a"), offer("b")], expected, [])
    assert folders(chosen["p1"]) == ["b"]


def test_a_pinned_title_comes_before_all_that_is_liked_in_its_region_or_everywhere() -> None:
    shelves = [shelf("e1", 10), shelf("a1", 10, "asia")]
    expected = {"europe": {"a": 9.0}, "asia": {"a": 9.0}}
    offers = [offer("a"), offer("b")]
    there = choose(shelves, offers, expected, [("b", "asia")])
    assert {edge_id: folders(plan) for edge_id, plan in there.items()} == {"e1": ["a"], "a1": ["b"]}
    assert all(folders(plan) == ["b"] for plan in choose(shelves, offers, expected, [("b", "")]).values())


def test_what_was_planned_before_stays_until_something_is_clearly_better() -> None:
    offers = [offer("a"), offer("b")]
    held = shelf(blocks=10, planned=frozenset({"a/r1/"}))
    assert folders(choose([held], offers, {"europe": {"a": 5.0, "b": 6.0}}, [])["e1"]) == ["a"]
    assert folders(choose([held], offers, {"europe": {"a": 5.0, "b": 7.0}}, [])["e1"]) == ["b"]


def test_one_edge_of_a_site_fetches_each_group_and_all_have_some() -> None:
    shelves = [shelf(f"e{number}", site="frankfurt") for number in range(3)]
    offers = [offer(f"t{number}") for number in range(60)]
    chosen = choose(shelves, offers, {"europe": {one.title_id: 1.0 for one in offers}}, [])
    elected = [one.offer.title_id for plan in chosen.values() for one in plan if one.elected]
    assert sorted(elected) == sorted(one.title_id for one in offers)
    assert all(any(one.elected for one in plan) for plan in chosen.values())
    # The order in which edges are looked at decides nothing.
    again = choose(shelves[::-1], offers, {"europe": {one.title_id: 1.0 for one in offers}}, [])
    assert {edge_id: signature(plan) for edge_id, plan in again.items()} == {
        edge_id: signature(plan) for edge_id, plan in chosen.items()
    }


def test_who_holds_all_of_a_group_is_elected_before_who_holds_its_beginning() -> None:
    shelves = [shelf(f"e{number}", blocks, site="frankfurt") for number, blocks in enumerate((4, 10, 4, 4))]
    chosen = choose(shelves, [offer("a")], {"europe": {"a": 1.0}}, [])
    assert [edge_id for edge_id, plan in chosen.items() if plan[0].elected] == ["e1"]


def test_old_plays_count_less_than_new_ones() -> None:
    expected = expected_plays([Plays("new", "europe", 0, 10), Plays("old", "europe", 6, 30)])
    assert expected["europe"]["new"] > expected["europe"]["old"] > 0
    assert expected_plays([]) == {}
    (steady,) = expected_plays([Plays("a", "europe", age, 12) for age in range(7)])["europe"].values()
    assert steady == pytest.approx(12)


@given(
    st.lists(st.tuples(st.integers(1, 40), st.floats(0, 100)), max_size=8),
    st.integers(0, 100),
    st.lists(st.integers(0, 7), max_size=2),
)
def test_a_plan_never_takes_more_than_the_placed_share(
    titles: list[tuple[int, float]], blocks: int, pinned: list[int]
) -> None:
    offers = [offer(str(number), size, 1.0, 0.5) for number, (size, _) in enumerate(titles)]
    expected = {"europe": {str(number): plays for number, (_, plays) in enumerate(titles)}}
    one = shelf(blocks=blocks)
    plan = choose([one], offers, expected, [(str(number), "") for number in pinned])["e1"]
    assert sum(file.size_bytes for file in files_of(plan)) <= one.limit_bytes * PLACED_SHARE
    paths = [file.path for file in files_of(plan)]
    assert len(paths) == len(set(paths))


def test_a_signature_tells_of_files_and_who_fetches_them_and_not_of_worth() -> None:
    one, other = offer("a"), offer("b")
    plan = [Chosen(one, one.groups[0], 10, 2.0), Chosen(other, other.groups[0], 10, 1.0)]
    assert signature(plan) == signature([replace(plan[1], worth=9.0), plan[0]])
    assert signature(plan) != signature([replace(plan[0], count=9), plan[1]])
    assert signature(plan) != signature([replace(plan[0], elected=False), plan[1]])
    assert signature(plan) != signature(plan[:1])
