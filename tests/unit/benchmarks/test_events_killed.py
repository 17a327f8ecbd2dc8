"""When the benchmark of kills may say that nothing was lost."""

from dataclasses import replace

import pytest
from benchmarks.events_killed import Outcome, faults

WELL = Outcome(
    kills={"serve": 25, "nats 1": 25},
    accepted=1000,
    lost=0,
    twice=0,
    samples=1000,
    watched_seconds=5000.0,
    sent_seconds=5000.0,
    again={},
    longest_seconds=1.0,
    seconds=100.0,
    behind_seconds=0.1,
)


def test_a_run_of_all_kills_in_which_all_is_counted_once_is_right() -> None:
    assert faults(WELL, 50) == []


def test_a_run_that_had_time_for_fewer_kills_than_were_asked_says_nothing_of_them() -> None:
    assert faults(WELL, 51) == ["There was time for 50 of 51 kills."]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(WELL, lost=1),
        replace(WELL, twice=1),
        replace(WELL, samples=999),
        replace(WELL, watched_seconds=5005.0),
        replace(WELL, accepted=0, samples=0, watched_seconds=0.0, sent_seconds=0.0),
    ],
)
def test_whatever_is_lost_or_counted_twice_or_never_sent_is_named(wrong: Outcome) -> None:
    assert len(faults(wrong, 50)) == 1
