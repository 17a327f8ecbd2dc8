import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.delivery.edges import Edges
from matinee.delivery.network import Network
from matinee.delivery.planner import Chosen, Group, Offer, Plays, offer_of
from matinee.delivery.plans import Planner
from matinee.model.errors import Invalid, NotFound
from matinee.model.plans import FillWindow, Purge
from matinee.playback.plays import RecentPlays
from playing import presentation, report, service

WINDOW = FillWindow(1.0, 6.0, 8_000_000)


@pytest.fixture
def network(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Network:
    return Network.open(engine=database, clock=clock, random_bytes=random_bytes, token_seconds=60, window=WINDOW)


@pytest.fixture
def edges(database: sa.Engine, clock: ManualClock) -> Edges:
    return Edges(engine=database, outbox=DatabaseOutbox(), clock=clock, silence_seconds=4.0)


def offer(title: str, files: int = 3, revision: str = "r1") -> Offer:
    return Offer(
        title, revision, (Group("", tuple((f"{number}.m4s", 5000, f"{number:064x}") for number in range(files))),)
    )


def whole(one: Offer) -> Chosen:
    return Chosen(one, one.groups[0], len(one.groups[0].files), 2.5)


def test_a_plan_is_fetched_page_by_page_in_its_order(network: Network) -> None:
    assert network.plans.put("europe-1", [whole(offer("a", 2500)), whole(offer("b", 1700))]) == 1
    pages = [json.loads(gzip.decompress(network.plans.page("europe-1", 1, number))) for number in range(3)]
    assert [(page["generation"], page["page"], page["pages"]) for page in pages] == [(1, n, 3) for n in range(3)]
    files = [file for page in pages for file in page["files"]]
    assert [file["path"] for file in files] == [
        *(f"a/r1/{number}.m4s" for number in range(2500)),
        *(f"b/r1/{number}.m4s" for number in range(1700)),
    ]
    assert files[7] == {
        "path": "a/r1/7.m4s",
        "size_bytes": 5000,
        "worth": 2.5,
        "digest": f"{7:064x}",
        "elected": True,
    }
    assert pages[0]["window"] == {"opens_hour": 1.0, "closes_hour": 6.0, "limit_bps": 8_000_000}
    with pytest.raises(NotFound, match="has 3 pages"):
        network.plans.page("europe-1", 1, 3)
    (summary,) = network.plans.summaries()
    assert (summary.files, summary.size_bytes, summary.pages) == (4200, 4200 * 5000, 3)


def test_a_plan_that_holds_the_same_is_no_new_generation_and_one_that_does_not_is(network: Network) -> None:
    plan = [whole(offer("a")), whole(offer("b"))]
    assert [network.plans.put("europe-1", plan) for _ in range(2)] == [1, 1]
    worth_more = [replace(one, worth=9.0) for one in reversed(plan)]
    assert network.plans.put("europe-1", worth_more) == 1
    assert network.plans.put("europe-1", [replace(plan[0], elected=False), plan[1]]) == 2
    assert network.plans.put("europe-1", plan[:1]) == 3
    with pytest.raises(NotFound, match="a newer one"):
        network.plans.page("europe-1", 2, 0)
    assert network.plans.put("europe-1", []) == 4
    assert json.loads(gzip.decompress(network.plans.page("europe-1", 4, 0)))["files"] == []
    assert network.plans.put("asia-1", plan) == 1


def test_a_plan_that_was_begun_and_not_ended_is_none_and_the_next_one_takes_its_place(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.plans.put("europe-1", [whole(offer("a"))])

    def full(*_arguments: object) -> None:
        raise OSError("no room left")

    with monkeypatch.context() as broken:
        broken.setattr("matinee.delivery.plan_store.write_plan_folders", full)
        with pytest.raises(OSError, match="no room"):
            network.plans.put("europe-1", [whole(offer("b", 5000))])
    assert [(one.generation, one.files) for one in network.plans.summaries()] == [(1, 3)]
    with pytest.raises(NotFound):
        network.plans.page("europe-1", 2, 0)
    assert network.plans.put("europe-1", [whole(offer("c"))]) == 2
    assert network.plans.find("europe-1", "c/r1/0.m4s") is not None
    assert network.plans.find("europe-1", "b/r1/4000.m4s") is None


def test_a_file_is_found_in_a_plan_wherever_it_stands(network: Network) -> None:
    network.plans.put("europe-1", [whole(offer("a", 2500))])
    found = network.plans.find("europe-1", "a/r1/2400.m4s")
    assert found is not None
    assert found.digest == f"{2400:064x}"
    assert network.plans.find("europe-1", "a/r1/2500.m4s") is None
    assert network.plans.find("asia-1", "a/r1/1.m4s") is None


def test_plans_follow_what_was_played_in_each_region_and_what_is_pinned(network: Network, edges: Edges) -> None:
    offers = {title: offer(title) for title in ("a", "b", "c")}
    plays = [Plays("a", "europe", 0, 10), Plays("b", "asia", 0, 10)]
    planner = Planner(
        plans=network.plans,
        edges=edges,
        offers=lambda wanted: [offers[title] for title in sorted(wanted) if title in offers],
        plays=lambda: plays,
    )
    for edge_id, region in (("europe-1", "europe"), ("asia-1", "asia")):
        edges.report(report(edge_id, region, cache_limit_bytes=30_000))
    assert planner.renew() == {"europe-1": 1, "asia-1": 1}
    assert network.plans.folders("europe-1", 1) == {"a/r1/"}
    assert network.plans.folders("asia-1", 1) == {"b/r1/"}
    assert planner.renew() == {"europe-1": 1, "asia-1": 1}
    network.plans.pin("c", "asia", "an operator")
    assert planner.renew() == {"europe-1": 1, "asia-1": 2}
    assert network.plans.folders("asia-1", 2) == {"c/r1/"}
    network.plans.unpin("c", by="an operator")
    offers["a"] = offer("a", revision="r2")
    assert planner.renew() == {"europe-1": 2, "asia-1": 3}
    assert network.plans.folders("europe-1", 2) == {"a/r2/"}
    assert [(act.act, act.subject) for act in network.audit.acts()] == [("unpin", "c"), ("pin", "c")]
    with pytest.raises(NotFound):
        network.plans.unpin("c")


def test_a_silent_edge_keeps_its_plan(network: Network, edges: Edges, clock: ManualClock) -> None:
    plays = [Plays("a", "europe", 0, 10)]
    planner = Planner(plans=network.plans, edges=edges, offers=lambda _: [offer("a")], plays=lambda: plays)
    edges.report(report(cache_limit_bytes=10**6))
    assert planner.renew() == {"europe-1": 1}
    clock.advance(60)
    plays.clear()
    assert planner.renew() == {}
    assert network.plans.folders("europe-1", 1) == {"a/r1/"}


def test_a_plan_of_forty_thousand_files_is_kept_and_found(network: Network) -> None:
    files = offer("x", 1000).groups[0]
    plan = [Chosen(Offer(f"t{n}", "r1", (files,)), files, 1000, 1.0) for n in range(40)]
    assert network.plans.put("europe-1", plan) == 1
    assert network.plans.summaries()[0].pages == 20
    assert network.plans.find("europe-1", "t39/r1/999.m4s") is not None


def test_recent_plays_are_counted_by_title_region_and_day(
    database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]
) -> None:
    ours = service(database, clock, random_bytes)
    member, profile = ours.member()
    title_id = ours.title()
    ours.edges.report(report())
    regions = {region.name: region for region in ours.rooms.topology.regions}
    for hours, region in ((0, "europe"), (24 * 8, "europe"), (30, "asia"), (0, "asia")):
        clock.advance(timedelta(hours=hours).total_seconds())
        ours.edges.report(report())
        ours.playbacks.start(member.id, profile, title_id, {}, regions[region])
        clock.advance(1)
    assert list(RecentPlays(database, clock).counted()) == [
        Plays(title_id, "asia", 0, 2),
        Plays(title_id, "europe", 1, 1),
    ]


def test_a_presentations_files_are_offered_in_groups_with_their_digests() -> None:
    shown = replace(
        presentation(),
        files=(("master.m3u8", 9), ("v360/1.m4s", 70), ("v360/init.mp4", 7), ("v720/1.m4s", 90), ("a-en/1.m4s", 8)),
        digests=("m", "1", "i", "7", "a"),
    )
    groups = {group.name: group for group in offer_of("t", "r", shown).groups}
    assert groups[""].files == (("master.m3u8", 9, "m"), ("a-en/1.m4s", 8, "a"))
    assert groups["v360"].files == (("v360/init.mp4", 7, "i"), ("v360/1.m4s", 70, "1"))
    assert (groups["v360"].share, groups["v720"].share, groups[""].share) == (0.5, 0.5, 1.0)
    old = offer_of("t", "r", replace(shown, digests=()))
    assert {digest for group in old.groups for _, _, digest in group.files} == {""}


def test_a_purge_is_told_in_order_to_everybody_who_has_not_done_it(
    network: Network, database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]
) -> None:
    other = Network.open(engine=database, clock=clock, random_bytes=random_bytes, token_seconds=60)
    assert other.purges.after(0) == ()
    network.purges.purge("a/", "an operator")
    network.purges.purge("a/r1/v720/")
    assert network.purges.after(0) == (Purge(1, "a/"), Purge(2, "a/r1/v720/"))
    assert network.purges.after(1) == (Purge(2, "a/r1/v720/"),)
    clock.advance(1)
    assert other.purges.after(1) == (Purge(2, "a/r1/v720/"),)
    assert other.purges.after(2) == ()
    for prefix in ("", "/", "a", "../", "a/../", "a//", "a/r1/../x", "a/r 1/"):
        with pytest.raises(Invalid):
            network.purges.purge(prefix)
    assert [(act.member_id, act.subject) for act in network.audit.acts()] == [
        ("matinee", "a/r1/v720/"),
        ("an operator", "a/"),
    ]
    clock.advance(100 * 86400)
    network.tidy()
    clock.advance(1)
    assert network.purges.after(0) == ()
    assert network.purges.purge("b/").sequence == 3
