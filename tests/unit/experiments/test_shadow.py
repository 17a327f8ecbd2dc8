"""A candidate beside the current ranker over a log: how different, and whether it would have had what was played."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.experiments.shadow import lines, overlap, rank_biased_overlap, replay
from matinee.model.errors import Invalid
from matinee.model.events import Event, PlaybackHeartbeat, PlaybackStarted

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TITLES = [f"t{number}" for number in range(20)]
orders = st.permutations(TITLES)


class Fixed:
    """Always the same order."""

    def __init__(self, order: Sequence[str]) -> None:
        self.order = order

    def rank(self, profile_id: str, candidates: Sequence[str], at: datetime) -> Sequence[str]:
        return [title for title in self.order if title in candidates]


class Knowing(Fixed):
    """Puts first what is played at even profiles, and never at odd ones."""

    def rank(self, profile_id: str, candidates: Sequence[str], at: datetime) -> Sequence[str]:
        return self.order if int(profile_id) % 2 else self.order[::-1]


def play(profile: int, title: str, second: int = 0) -> Event:
    facts = PlaybackStarted(playback_id="p", profile_id=str(profile), title_id=title)
    return Event(f"{profile}-{second}", NOON + timedelta(seconds=second), "player", facts)


def everything(profile_id: str, at: datetime) -> Sequence[str]:
    return TITLES


def test_a_ranker_beside_itself_differs_in_nothing() -> None:
    log = [play(number, TITLES[number % 20]) for number in range(100)]
    found = replay(log, Fixed(TITLES), Fixed(TITLES), everything, k=5)
    assert (found.overlap, found.difference, found.low, found.high) == (1, 0, 0, 0)
    assert found.rank_biased_overlap == pytest.approx(1)
    assert (found.plays, found.profiles, found.hits_current) == (100, 100, 0.25)


def test_the_better_ranker_shows_and_its_interval_is_over_profiles() -> None:
    # Every play is of the last title, which the candidate puts first for even profiles.
    log = [play(profile, TITLES[-1], second) for profile in range(40) for second in range(25)]
    found = replay(log, Fixed(TITLES), Knowing(TITLES), everything, k=5)
    assert (found.plays, found.profiles, found.hits_current, found.hits_candidate) == (1000, 40, 0, 0.5)
    # 40 profiles, each all or nothing: 0.5 +- 1.96 * 0.5 / sqrt(39).
    assert found.low == pytest.approx(0.343, abs=0.001)
    assert found.high == pytest.approx(0.657, abs=0.001)
    assert "difference +50.0% (+34.3% to +65.7%)" in lines(found)[-1]


def test_what_was_no_candidate_is_left_out_and_other_events_are_passed_over() -> None:
    beat = PlaybackHeartbeat("p", "1", TITLES[0], position_seconds=1.0, watched_seconds=1.0)
    log = [play(1, "elsewhere"), Event("b", NOON, "player", beat)]
    found = replay(log, Fixed(TITLES), Fixed(TITLES), everything)
    assert (found.plays, found.left_out, found.low, found.high) == (0, 1, -1, 1)
    assert replay([play(1, TITLES[0])], Fixed(TITLES), Fixed(TITLES), everything).high == 1
    with pytest.raises(Invalid, match="1 or more places"):
        replay([], Fixed(TITLES), Fixed(TITLES), everything, k=0)


@given(orders, orders, st.integers(1, 25))
def test_likeness_is_from_none_to_all_and_the_same_both_ways(one: list[str], other: list[str], k: int) -> None:
    assert 0 <= overlap(one, other, k) == overlap(other, one, k) <= 1
    assert 0 <= rank_biased_overlap(one, other) <= 1 + 1e-9
    assert rank_biased_overlap(one, other) == pytest.approx(rank_biased_overlap(other, one))
    assert rank_biased_overlap(one, one) == pytest.approx(1)


def test_early_places_count_most() -> None:
    first, last = [*TITLES], [*TITLES]
    first[0], first[1] = first[1], first[0]
    last[-1], last[-2] = last[-2], last[-1]
    assert rank_biased_overlap(TITLES, first) < rank_biased_overlap(TITLES, last)
    assert rank_biased_overlap(TITLES, [f"other{number}" for number in range(20)]) == 0
    assert rank_biased_overlap([], []) == overlap([], [], 3) == 1
