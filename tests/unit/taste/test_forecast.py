"""Expected demand: known rates are found again in a generated stream, and nothing is expected of nothing."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.taste.forecast import forecast, window
from matinee.taste.knowledge import Knowledge
from matinee.taste.popularity import HALF_LIFE_SECONDS
from plays import NOON, heartbeat, knowledge_of, play

_DAY = 86_400.0
_END = NOON.timestamp() + 30 * _DAY
_REGIONS = {"europe": 1.0, "asia": 0.3}
# Plays a day in a region of size 1.
_RATES = {"hit": 40.0, "usual": 12.0, "slow": 3.0}


def stream(rates: dict[str, float], days: float = 30.0, begin: float = 0.0, seed: int = 1) -> Knowledge:
    """People who come at known rates, each once."""
    random, knowledge, number = Random(seed), Knowledge(), 0
    told = []
    for title_id, rate in rates.items():
        for region, size in _REGIONS.items():
            at = begin * _DAY
            while (at := at + random.expovariate(rate * size / _DAY)) < (begin + days) * _DAY:
                number += 1
                told.append((at, title_id, region, f"p{number}"))
    for at, title_id, region, profile_id in sorted(told):
        for one in play(profile_id, title_id, at, region):
            knowledge.learn(one, NOON.replace(year=2027))
    return knowledge


def deviation(rate: float) -> float:
    """A standard deviation of the estimate with a half-life of a day: faded counts hold 2 T of watching."""
    return math.sqrt(rate / (2 * HALF_LIFE_SECONDS / math.log(2) / _DAY))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_known_rates_are_found_again_by_title_and_region(seed: int) -> None:
    found = forecast(stream(_RATES, seed=seed), _END)
    assert set(found) == set(_REGIONS)
    for region, size in _REGIONS.items():
        assert list(found[region]) == sorted(_RATES, key=lambda one: -found[region][one].day)
        for title_id, rate in _RATES.items():
            expected = found[region][title_id]
            assert expected.day == pytest.approx(rate * size, abs=3 * deviation(rate * size))
            assert expected.hour * 24 == pytest.approx(expected.day)


def test_the_mean_of_many_streams_is_the_rate() -> None:
    days = [forecast(stream({"usual": 12.0}, seed=seed), _END)["europe"]["usual"].day for seed in range(40)]
    assert sum(days) / len(days) == pytest.approx(12.0, rel=0.05)


def test_a_title_of_yesterday_is_not_taken_for_one_of_a_month() -> None:
    found = forecast(stream({"new": 40.0}, days=1.0, begin=29.0), _END)
    # Without its age a day's plays would be taken for half as many.
    assert found["europe"]["new"].day == pytest.approx(40.0, rel=0.4)


def test_what_nobody_plays_any_more_fades() -> None:
    knowledge = stream(_RATES, days=10.0)
    days = [forecast(knowledge, NOON.timestamp() + after * _DAY)["europe"]["hit"].day for after in (10, 14, 30)]
    assert days[1] < days[0] / 2
    assert days[2] < days[0] / 6
    assert forecast(knowledge, NOON.timestamp() + 200 * _DAY)["europe"] == {}


def test_nothing_is_expected_of_nothing_and_no_more_is_told_than_is_asked_for() -> None:
    assert forecast(Knowledge(), _END) == {}
    assert forecast(knowledge_of([heartbeat("ada", "t1")]), _END) == {}
    assert list(forecast(stream(_RATES), _END, most=1)["asia"]) == ["hit"]


@given(half_life=st.floats(1, 1e7), age=st.floats(1e-3, 1e9))
def test_what_was_watched_is_no_longer_than_the_title_is_old(half_life: float, age: float) -> None:
    assert 0 <= window(half_life, age) <= min(age, half_life / math.log(2)) * (1 + 1e-9)
