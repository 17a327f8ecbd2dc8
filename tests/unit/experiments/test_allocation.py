"""Who is in which arm: sticky, spread evenly, exclusive within a layer, independent between layers."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.experiments.allocation import (
    SLOTS,
    arm_in,
    arm_of,
    expected,
    free_slot,
    parameters_of,
    point,
    slot_of,
    slots,
)
from matinee.experiments.lifecycle import Arm, Draft, Experiment, Metric, State, check_step, checked
from matinee.model.errors import Conflict, Invalid

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ARMS = (Arm("control", {"ranking": "current"}), Arm("fresh", {"ranking": "recent"}))
PROFILES = [f"profile-{number}" for number in range(20_000)]


def experiment(
    id_: str = "one", *, layer: str = "home", share: float = 1.0, first_slot: int = 0, arms: tuple[Arm, ...] = ARMS
) -> Experiment:
    return Experiment(
        id=id_,
        name=id_,
        layer=layer,
        arms=arms,
        share=share,
        metric=Metric.STARTS,
        window_seconds=60.0,
        state=State.RUNNING,
        salt=f"salt of {id_}",
        first_slot=first_slot,
        created_at=NOON,
        created_by="ada",
    )


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_profile_has_one_place_on_a_circle(salt: str, profile_id: str) -> None:
    assert 0 <= point(salt, profile_id) < 1
    assert point(salt, profile_id) == point(salt, profile_id)
    assert 0 <= slot_of(salt, profile_id) < SLOTS


def test_the_places_are_what_they_were_in_every_release() -> None:
    # Somebody in an arm stays there through an upgrade.
    assert [round(point("layer:home", name), 6) for name in ("ada", "bob")] == [0.86602, 0.634366]


def test_arms_get_their_parts_and_a_share_is_that_share() -> None:
    found = experiment(share=0.3, arms=(Arm("a", weight=1), Arm("b", weight=3)))
    arms = Counter(arm.name for profile in PROFILES if (arm := arm_in(found, profile)))
    assert arms.total() == pytest.approx(6000, abs=6 * 65)
    assert arms["b"] / arms.total() == pytest.approx(0.75, abs=6 * 0.0056)
    assert expected(found.arms) == {"a": 0.25, "b": 0.75}


@given(st.lists(st.floats(0.01, 0.5), min_size=1, max_size=6))
def test_experiments_of_one_layer_never_share_a_profile(shares: list[float]) -> None:
    running: list[Experiment] = []
    for number, share in enumerate(shares):
        try:
            slot = free_slot(running, share)
        except Conflict:
            assert sum(slots(one.share) for one in running) + slots(share) > SLOTS
            continue
        running.append(experiment(str(number), share=share, first_slot=slot))
    assert all(len(arm_of(running, profile)) <= 1 for profile in PROFILES[:300])


def test_a_gap_is_used_again_and_a_full_layer_says_what_it_has_left() -> None:
    running = [experiment("a", share=0.4, first_slot=0), experiment("b", share=0.4, first_slot=6000)]
    assert free_slot(running, 0.2) == 4000
    with pytest.raises(Conflict, match=r"20\.00% is the most"):
        free_slot(running, 0.3)


def test_layers_are_independent_and_so_are_one_layers_experiments_one_after_another() -> None:
    here, there, next_ = experiment(), experiment("two", layer="art"), experiment("three")
    for other in (there, next_):
        both = Counter(_pair(here, other, one) for one in PROFILES)
        assert all(count == pytest.approx(5000, abs=6 * 62) for count in both.values())
        assert len(both) == 4


def _pair(one: Experiment, other: Experiment, profile: str) -> tuple[str, str]:
    first, second = arm_in(one, profile), arm_in(other, profile)
    assert first is not None
    assert second is not None
    return first.name, second.name


def test_only_running_experiments_decide_and_arms_set_parameters() -> None:
    found = experiment()
    arm = arm_of([found], "ada")["one"]
    assert parameters_of([found], "ada") == {"ranking": arm.parameters["ranking"]}
    assert arm_of([replace(found, state=State.STOPPED), replace(found, state=State.DRAFT)], "ada") == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": " "}, "needs a name"),
        ({"layer": "Home page"}, "layer is 'Home page'"),
        ({"share": 0.0}, "share is 0"),
        ({"share": float("nan")}, "share is nan"),
        ({"window_seconds": 0.0}, "window is 0 s"),
        ({"arms": ARMS[:1]}, "2 to 8 arms; this one has 1"),
        ({"arms": (ARMS[0], ARMS[0])}, "same name"),
        ({"arms": (ARMS[0], Arm("x", weight=0))}, "weight of arm 'x'"),
        ({"arms": (ARMS[0], Arm("x", {"a b": "c"}))}, "name of a parameter is 'a b'"),
        ({"arms": (ARMS[0], Arm("x", {"a": "\n"}))}, "value of 'a'"),
    ],
)
def test_a_draft_that_cannot_run_is_refused_with_a_sentence(change: dict[str, object], said: str) -> None:
    plain: dict[str, object] = {"name": "Fresh", "layer": "home", "arms": ARMS}
    assert checked(Draft(**plain)).name == "Fresh"  # type: ignore[arg-type]
    with pytest.raises(Invalid, match=said):
        checked(Draft(**{**plain, **change}))  # type: ignore[arg-type]


def test_what_is_stopped_stays_so() -> None:
    check_step("x", State.DRAFT, State.RUNNING)
    check_step("x", State.RUNNING, State.STOPPED)
    for state, wanted in ((State.STOPPED, State.RUNNING), (State.RUNNING, State.DRAFT), (State.RUNNING, State.RUNNING)):
        with pytest.raises(Conflict, match="cannot become"):
            check_step("x", state, wanted)
