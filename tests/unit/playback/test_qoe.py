from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.playback.qoe import CMCD, EVENTS, Sample, of_playback, percentile, summarise
from playing import NOON


def sample(seconds: float, kind: str, source: str = EVENTS, playback_id: str = "p", **told: Any) -> Sample:
    return Sample(playback_id, NOON + timedelta(seconds=seconds), source, kind, **told)


def a_play(playback_id: str = "p", startup_seconds: float = 0.8, edge_id: str = "europe-1") -> list[Sample]:
    beat: dict[str, Any] = {"watched_seconds": 10.0, "stalls": 0, "stalled_seconds": 0.0, "bitrate_bps": 2e6}
    return [
        sample(0, "playback.started", playback_id=playback_id, edge_id=edge_id, startup_seconds=startup_seconds),
        sample(10, "playback.heartbeat", playback_id=playback_id, **beat),
        sample(
            22,
            "playback.heartbeat",
            playback_id=playback_id,
            **{**beat, "stalls": 1, "stalled_seconds": 2.0, "bitrate_bps": 4e6},
        ),
        sample(25, "playback.stopped", playback_id=playback_id, watched_seconds=3.0),
    ]


def test_a_play_adds_up() -> None:
    quality = of_playback(a_play())
    assert quality.startup_p50_seconds == 0.8
    assert quality.watched_seconds == 23
    assert (quality.stalls, quality.stalled_seconds) == (1, 2)
    assert quality.rebuffer_ratio == pytest.approx(2 / 25)
    assert quality.stalls_per_hour == pytest.approx(3600 / 23)
    assert quality.bitrate_bps == pytest.approx(3e6)


def test_what_names_no_edge_happened_at_the_one_named_last() -> None:
    told = [*a_play(), sample(11, "playback.switched", edge_id="asia-1")]
    by_edge = summarise(told, 1, 1).by_edge
    assert by_edge["europe-1"].watched_seconds == 10
    assert by_edge["asia-1"].watched_seconds == 13
    assert by_edge["asia-1"].switched == 1


def test_start_up_is_told_by_its_median_and_its_slow_end() -> None:
    told = [one for number in range(1, 101) for one in a_play(f"p{number}", startup_seconds=number / 10)]
    summary = summarise(told, hours=2, started=120)
    assert summary.started == 120
    assert summary.overall.playbacks == 100
    assert summary.overall.startup_p50_seconds == 5.0
    assert summary.overall.startup_p95_seconds == 9.5


def test_failures_count_playbacks_not_reports() -> None:
    told = [sample(1, "playback.failed"), sample(2, "playback.failed"), *a_play("q")]
    assert summarise(told, 1, 2).overall.failed == 1


def test_cmcd_totals_count_once_and_time_is_taken_between_reports() -> None:
    told = [
        sample(0, "ps", CMCD, playing=False, startup_seconds=0.5),
        sample(2, "ps", CMCD, playing=True, bitrate_bps=1e6, edge_id="europe-1"),
        sample(12, "t", CMCD, playing=True, stalls_total=1, stalled_total_seconds=0.5, edge_id="europe-1"),
        sample(22, "t", CMCD, playing=True, stalls_total=1, stalled_total_seconds=0.5, edge_id="europe-1"),
        sample(30, "ps", CMCD, playing=False),
        sample(300, "t", CMCD, playing=False),
    ]
    quality = of_playback(told)
    assert quality.watched_seconds == 28
    assert (quality.stalls, quality.stalled_seconds) == (1, 0.5)
    assert quality.startup_p50_seconds == 0.5
    assert quality.bitrate_bps == 1e6


def test_cmcd_increments_add_up() -> None:
    told = [sample(number, "request", CMCD, stalls=1, stalled_seconds=0.25) for number in range(4)]
    quality = of_playback(told)
    assert (quality.stalls, quality.stalled_seconds) == (4, 1.0)


def test_a_long_silence_was_not_watched() -> None:
    told = [sample(0, "t", CMCD, playing=True), sample(3600, "t", CMCD, playing=True)]
    assert of_playback(told).watched_seconds == 60


def test_who_tells_both_ways_counts_once() -> None:
    reports = [
        sample(1, "t", CMCD, playing=True, stalls_total=5, startup_seconds=9.0),
        sample(20, "t", CMCD, playing=True, stalls_total=9),
        sample(21, "rr", CMCD, first_byte_seconds=0.03, status=200, edge_id="europe-1"),
        sample(22, "rr", CMCD, status=503, edge_id="europe-1"),
    ]
    quality = of_playback([*a_play(), *reports])
    assert (quality.stalls, quality.watched_seconds, quality.startup_p95_seconds) == (1, 23, 0.8)
    assert quality.first_byte_p95_seconds == 0.03
    assert quality.failed_responses == 1


def test_nothing_is_nothing() -> None:
    summary = summarise([], 24, 0)
    assert summary.overall.playbacks == 0
    assert summary.overall.rebuffer_ratio == 0
    assert summary.overall.startup_p50_seconds is None
    assert summary.by_edge == {}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_percentile_is_one_of_the_values_with_that_share_at_or_below(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


@given(st.permutations(range(8)))
def test_the_order_samples_are_read_in_does_not_matter(order: list[int]) -> None:
    told = [*a_play(), *a_play("q", 2.0, "asia-1")]
    assert summarise([told[place] for place in order], 1, 2) == summarise(told, 1, 2)
