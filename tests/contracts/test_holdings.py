import random
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.delivery.holdings import Holdings
from matinee.delivery.network import Network
from matinee.delivery.planner import Chosen, Group, Offer
from matinee.model.errors import Invalid
from matinee.model.plans import HoldingsUpdate

FILES = tuple((f"{number}.m4s", 1000 + number, "") for number in range(6))


def chosen(title: str, count: int = 6) -> Chosen:
    offer = Offer(title, "r1", (Group("", FILES),))
    return Chosen(offer, offer.groups[0], count, 1.0)


def update(sequence: int, **changes: object) -> HoldingsUpdate:
    """An update; one that names its plan begins a listing, unless told otherwise."""
    begun = {"begins": True, **changes} if "generation" in changes else changes
    return replace(HoldingsUpdate("europe-1", 5.25, sequence), **begun)  # type: ignore[arg-type]


@pytest.fixture
def network(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Network:
    network = Network.open(engine=database, clock=clock, random_bytes=random_bytes, token_seconds=60)
    network.plans.put("europe-1", [chosen("a"), chosen("b")])
    return network


@pytest.fixture
def holdings(network: Network) -> Holdings:
    return network.holdings


def files_in(holdings: Holdings, clock: ManualClock, folder: str) -> dict[str, int]:
    clock.advance(6)  # what was asked a moment ago is not asked again
    return dict(holdings.files_in(folder))


def test_what_an_edge_holds_is_its_plan_but_for_what_is_missing_and_what_is_besides(
    holdings: Holdings, clock: ManualClock
) -> None:
    assert holdings.hold(update(0, generation=1, missing=("a/r1/0.m4s",), added=(("c/r9/x.m4s", 7),))) == 0
    assert files_in(holdings, clock, "a/r1/") == {"europe-1": 5}
    assert files_in(holdings, clock, "b/r1/") == {"europe-1": 6}
    assert files_in(holdings, clock, "c/r9/") == {"europe-1": 1}
    assert files_in(holdings, clock, "d/r1/") == {"europe-1": 0}
    assert holdings.told("europe-1", "a/r1/0.m4s") == (1, -1)
    assert holdings.told("europe-1", "a/r1/1.m4s") == (1, None)
    assert holdings.told("europe-1", "c/r9/x.m4s") == (1, 7)
    assert holdings.told("asia-1", "a/r1/1.m4s") is None


def test_differences_come_in_order_and_count_once(holdings: Holdings, clock: ManualClock) -> None:
    holdings.hold(update(0, generation=1, missing=("a/r1/0.m4s", "a/r1/1.m4s")))
    came = update(1, added=(("a/r1/0.m4s", 1000), ("c/r9/x.m4s", 7)), removed=("b/r1/5.m4s",))
    assert [holdings.hold(came) for _ in range(3)] == [1, 1, 1]
    assert holdings.hold(update(0, generation=1)) == 1
    assert files_in(holdings, clock, "a/r1/") == {"europe-1": 5}
    assert files_in(holdings, clock, "b/r1/") == {"europe-1": 5}
    assert holdings.hold(update(2, removed=("c/r9/x.m4s",))) == 2
    assert files_in(holdings, clock, "c/r9/") == {"europe-1": 0}


def test_a_gap_or_a_process_that_nobody_knows_begins_anew(holdings: Holdings, clock: ManualClock) -> None:
    assert holdings.hold(update(0)) == -1
    assert holdings.hold(update(3, generation=1)) == 3
    assert holdings.hold(update(5)) == -1
    assert holdings.hold(update(5, generation=1, begins=False)) == -1
    assert holdings.hold(update(6, started=9.5)) == -1
    assert holdings.hold(update(0, started=9.5, generation=1, missing=("a/r1/0.m4s",))) == 0
    assert files_in(holdings, clock, "a/r1/") == {"europe-1": 5}


def test_a_long_listing_goes_on_and_one_begun_anew_forgets_the_one_before(
    holdings: Holdings, clock: ManualClock
) -> None:
    assert holdings.hold(update(0, generation=1, missing=("a/r1/0.m4s",), more=True)) == 0
    assert holdings.hold(update(1, generation=1, missing=("a/r1/1.m4s",), more=True, begins=False)) == 1
    assert holdings.hold(update(2, generation=1, added=(("c/r9/x.m4s", 7),), begins=False)) == 2
    assert files_in(holdings, clock, "a/r1/") == {"europe-1": 4}
    assert holdings.hold(update(3, generation=1, missing=("b/r1/0.m4s",))) == 3
    assert files_in(holdings, clock, "a/r1/") == {"europe-1": 6}
    assert files_in(holdings, clock, "b/r1/") == {"europe-1": 5}
    assert files_in(holdings, clock, "c/r9/") == {"europe-1": 0}


def test_what_was_told_against_a_plan_holds_until_it_is_told_against_the_next(
    network: Network, holdings: Holdings, clock: ManualClock
) -> None:
    holdings.hold(update(0, generation=1, missing=("a/r1/0.m4s",)))
    assert network.plans.put("europe-1", [chosen("b")]) == 2
    assert files_in(holdings, clock, "a/r1/") == {"europe-1": 5}
    assert network.plans.find("europe-1", "a/r1/3.m4s", generation=1) is not None
    assert holdings.hold(update(1, generation=2, added=(("a/r1/0.m4s", 1000),))) == 1
    assert files_in(holdings, clock, "a/r1/") == {"europe-1": 1}
    assert network.plans.find("europe-1", "a/r1/3.m4s", generation=1) is None


def test_any_order_of_coming_and_going_adds_up(holdings: Holdings, clock: ManualClock) -> None:
    generator = random.Random(7)
    every = [f"{title}/r1/{name}" for title in ("a", "b", "z") for name, _, _ in FILES]
    held = {path for path in every if not path.startswith("z") and generator.random() < 0.7}
    planned = {path for path in every if not path.startswith("z")}
    assert holdings.hold(update(0, generation=1, missing=tuple(sorted(planned - held)))) == 0
    for sequence in range(1, 60):
        came = set(generator.sample(sorted(set(every) - held), min(3, len(every) - len(held))))
        went = set(generator.sample(sorted(held), min(3, len(held))))
        held = held - went | came
        added = tuple((path, 5) for path in sorted(came))
        assert holdings.hold(update(sequence, added=added, removed=tuple(sorted(went)))) == sequence
    for title in ("a", "b", "z"):
        inside = sum(path.startswith(f"{title}/") for path in held)
        assert files_in(holdings, clock, f"{title}/r1/") == {"europe-1": inside}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sequence": -1},
        {"generation": -1},
        {"added": (("no-folder", 1),)},
        {"added": (("a/r1/", 1),)},
        {"added": (("a/r1/x", -1),)},
        {"removed": ("a/" + "r" * 500 + "/x",)},
        {"missing": ("a/r1/x",)},
        {"more": True},
        {"begins": True},
    ],
)
def test_an_update_that_cannot_be_right_is_refused(holdings: Holdings, wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="europe-1"):
        holdings.hold(update(0, **wrong) if "sequence" not in wrong else replace(update(0), **wrong))  # type: ignore[arg-type]
