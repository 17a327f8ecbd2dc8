"""What may be said of an experiment: right at every look, sharper for knowing the past, silent about broken arms."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.experiments.lifecycle import Arm
from matinee.experiments.sequences import Floats, mean_sequence, radius, ratio_mismatch
from matinee.experiments.verdict import FEWEST, Finding, Unit, Verdict, adjust, difference, verdict

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ARMS = (Arm("control"), Arm("fresh"))


def world(random: np.random.Generator, count: int, lift: float, part: float = 0.5) -> tuple[Floats, Floats, Floats]:
    """Skewed outcomes that go with the past; ``lift`` is added to the treated."""
    past = random.gamma(2.0, 30.0, count)
    treated = (random.random(count) < part).astype(np.float64)
    outcome = random.gamma(1.5, 30.0, count) + past + lift * treated
    return outcome, past, treated


def told(outcome: Floats, past: Floats, treated: Floats, arms: tuple[Arm, ...] = ARMS) -> Verdict:
    units = [
        Unit(arms[int(at)].name, NOON + timedelta(seconds=place), float(y), float(x))
        for place, (y, x, at) in enumerate(zip(outcome, past, treated, strict=True))
    ]
    sizes = {arm.name: int((treated == place).sum()) for place, arm in enumerate(arms)}
    return verdict(arms, sizes, units)


def test_the_sequence_holds_the_mean_at_every_look_at_once() -> None:
    random = np.random.default_rng(1)
    missed = 0
    for _ in range(300):
        _, low, high = mean_sequence(random.exponential(1.0, 2000))
        missed += bool(np.any((low[50:] > 1) | (high[50:] < 1)))
    # 5 % are promised; of 300 worlds that is 15, and 4 deviations more are 30. A usual interval misses in half of them.
    assert missed <= 30


def test_a_usual_interval_looked_at_all_the_time_would_not_hold() -> None:
    random = np.random.default_rng(2)
    missed = 0
    for _ in range(200):
        values = random.normal(0, 1, 2000)
        count = np.arange(1, 2001)
        missed += bool(np.any(np.abs(np.cumsum(values) / count)[50:] > 1.96 / np.sqrt(count[50:])))
    assert missed > 60


def test_without_an_effect_nothing_is_found_at_any_look_and_with_one_it_is() -> None:
    random = np.random.default_rng(3)
    wrong, found = 0, 0
    for _ in range(100):
        null, real = told(*world(random, 600, 0.0)), told(*world(random, 600, 25.0))
        wrong += any(point.low > 0 or point.high < 0 for point in null.comparisons[0].points)
        found += real.comparisons[0].finding is Finding.BETTER
        assert null.sound
        assert real.sound
    assert wrong <= 14
    assert found >= 95


def test_unequal_arms_are_compared_as_well() -> None:
    random = np.random.default_rng(4)
    held = 0
    for _ in range(150):
        outcome, past, treated = world(random, 800, 10.0, part=0.2)
        found, half = difference(outcome, past, treated, 0.2, 0.05)
        held += abs(found - 10.0) <= half
    assert held >= 138


def test_the_past_takes_its_part_of_the_variance_away_and_leaves_the_difference() -> None:
    random = np.random.default_rng(5)
    plain, adjusted = [], []
    for _ in range(200):
        outcome, past, treated = world(random, 500, 10.0)
        plain.append(difference(outcome, np.zeros(500), treated, 0.5, 0.05)[0])
        adjusted.append(difference(outcome, past, treated, 0.5, 0.05)[0])
    assert np.mean(adjusted) == pytest.approx(10.0, abs=4 * np.std(adjusted) / 200**0.5)
    # The past is 1800 of 3150 of the variance: 57 %.
    assert 1 - np.var(adjusted) / np.var(plain) == pytest.approx(0.57, abs=0.15)
    outcome, past, treated = world(random, 5000, 10.0)
    assert adjust(outcome, past, treated)[1] == pytest.approx(0.57, abs=0.06)


@given(st.floats(-50, 50), st.integers(0, 2**32 - 1))
def test_a_past_that_is_all_the_same_changes_nothing(past: float, seed: int) -> None:
    outcome, _, treated = world(np.random.default_rng(seed), 60, 0.0)
    adjusted, explained = adjust(outcome, np.full(60, past), treated)
    assert explained == pytest.approx(0, abs=1e-6)
    assert adjusted == pytest.approx(outcome, rel=1e-6)


def test_arms_of_the_wrong_sizes_are_noticed_and_those_of_chance_are_not() -> None:
    random = np.random.default_rng(6)
    alarms = 0
    for _ in range(200):
        treated = np.cumsum(random.random(2000) < 0.5)
        ps = [ratio_mismatch([int(treated[n - 1]), n - int(treated[n - 1])], [0.5, 0.5]) for n in range(20, 2001, 20)]
        alarms += min(ps) < 0.05
    assert alarms <= 20
    assert ratio_mismatch([5300, 4700], [0.5, 0.5]) < 1e-3
    assert ratio_mismatch([1000, 3000], [0.25, 0.75]) > 0.5
    broken = verdict(ARMS, {"control": 5300, "fresh": 4700}, [])
    assert not broken.sound


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_p_value_is_one(one: int, other: int) -> None:
    assert 0 <= ratio_mismatch([one, other], [0.3, 0.7]) <= 1


def test_before_each_arm_has_enough_nothing_is_said() -> None:
    random = np.random.default_rng(7)
    outcome, past, _ = world(random, 2 * FEWEST - 1, 0.0)
    treated = np.array([float(place % 2) for place in range(2 * FEWEST - 1)])
    early = told(outcome, past, treated).comparisons[0]
    assert (early.finding, early.points, early.lift) == (Finding.EARLY, (), None)
    assert verdict(ARMS, {}, []).comparisons[0].finding is Finding.EARLY
    assert radius(0, 1.0, 0.05) == float("inf")


def test_several_arms_share_the_risk_and_stray_units_are_left_out() -> None:
    random = np.random.default_rng(8)
    arms = (Arm("control"), Arm("same"), Arm("worse"))
    outcome, past, _ = world(random, 1500, 0.0)
    treated = random.integers(0, 3, 1500).astype(np.float64)
    outcome -= 40 * (treated == 2)
    found = told(outcome, past, treated, arms)
    assert [one.finding for one in found.comparisons] == [Finding.NOTHING, Finding.WORSE]
    stray = verdict(arms, {"who": 3}, [Unit("who", NOON, 1.0)])
    assert sum(stray.measured.values()) == 0
