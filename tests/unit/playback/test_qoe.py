from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.playback.qoe import CMCD, EVENTS, Course, Sample, Share, percentile, summarise
from playing import NOON


def share(playback_id: str = "p", edge_id: str | None = "europe-1", source: str = EVENTS, **summed: Any) -> Share:
    return Share(playback_id, source, edge_id, **summed)


def a_play(playback_id: str = "p", startup_seconds: float = 0.8, edge_id: str = "europe-1") -> Share:
    return share(
        playback_id,
        edge_id,
        startup_seconds=startup_seconds,
        watched_seconds=23.0,
        stalls=1,
        stalled_seconds=2.0,
        bits=23 * 3e6,
        bits_seconds=23.0,
    )


def test_a_play_becomes_figures() -> None:
    quality = summarise([a_play()], [], hours=2, started=3).overall
    assert quality.playbacks == 1
    assert quality.startup_p50_seconds == 0.8
    assert (quality.watched_seconds, quality.stalls, quality.stalled_seconds) == (23, 1, 2)
    assert quality.rebuffer_ratio == pytest.approx(2 / 25)
    assert quality.stalls_per_hour == pytest.approx(3600 / 23)
    assert quality.bitrate_bps == pytest.approx(3e6)


def test_each_edge_has_the_figures_of_what_was_played_from_it() -> None:
    told = [a_play(), share(edge_id="asia-1", watched_seconds=7.0, switches=1), share(edge_id=None, stalls=4)]
    summary = summarise(told, [("asia-1", 0.5)], 1, 1)
    assert list(summary.by_edge) == ["asia-1", "europe-1"]
    assert summary.by_edge["europe-1"].watched_seconds == 23
    assert summary.by_edge["asia-1"].watched_seconds == 7
    assert (summary.by_edge["asia-1"].switched, summary.by_edge["asia-1"].first_byte_p95_seconds) == (1, 0.5)
    assert (summary.overall.playbacks, summary.overall.stalls) == (1, 5)


def test_start_up_is_told_by_its_median_and_its_slow_end() -> None:
    told = [a_play(f"p{number}", startup_seconds=number / 10) for number in range(1, 101)]
    summary = summarise(told, [], hours=2, started=120)
    assert (summary.hours, summary.started, summary.overall.playbacks) == (2, 120, 100)
    assert summary.overall.startup_p50_seconds == 5.0
    assert summary.overall.startup_p95_seconds == 9.5


def test_failures_count_playbacks_not_reports() -> None:
    told = [share(failures=3), share(edge_id="asia-1", failures=1), share("q", failures=0)]
    assert summarise(told, [], 1, 2).overall.failed == 1


def test_who_tells_both_ways_counts_once_and_its_responses_all_the_same() -> None:
    reports = share(source=CMCD, watched_seconds=20.0, stalls=9, startup_seconds=9.0, failed_responses=2)
    quality = summarise([a_play(), reports], [("europe-1", 0.03)], 1, 1).overall
    assert (quality.stalls, quality.watched_seconds, quality.startup_p95_seconds) == (1, 23, 0.8)
    assert (quality.first_byte_p95_seconds, quality.failed_responses) == (0.03, 2)


def test_who_tells_by_cmcd_alone_counts_too() -> None:
    reports = share("q", source=CMCD, watched_seconds=20.0, stalls=2)
    assert summarise([a_play(), reports], [], 1, 2).overall.stalls == 3


def test_nothing_is_nothing() -> None:
    summary = summarise([], [], 24, 0)
    assert summary.overall.playbacks == 0
    assert summary.overall.rebuffer_ratio == 0
    assert summary.overall.startup_p50_seconds is None
    assert summary.by_edge == {}


def report(seconds: float, **told: Any) -> Sample:
    return Sample("p", NOON + timedelta(seconds=seconds), CMCD, "t", **told)


def test_time_is_taken_between_reports_while_it_plays() -> None:
    course = Course()
    told = [
        report(0, playing=False),
        report(2, playing=True, bitrate_bps=1e6),
        report(12),
        report(22, playing=True),
        report(30, playing=False),
        report(300, playing=False),
    ]
    added = [course.increment(one) for one in told]
    assert [one.watched_seconds for one in added] == [0, 0, 10, 10, 8, 0]
    assert [one.bitrate_bps for one in added] == [None, 1e6, 1e6, 1e6, 1e6, 1e6]


def test_totals_become_increments_and_increments_stay() -> None:
    course = Course(stalls=1, stalled_seconds=0.5)
    told = [
        report(0, stalls_total=1, stalled_total_seconds=0.5),
        report(1, stalls_total=3, stalled_total_seconds=2.0),
        report(2, stalls=1, stalled_seconds=0.25),
        report(3, stalls_total=2),
    ]
    added = [course.increment(one) for one in told]
    assert [one.stalls for one in added] == [0, 2, 1, 0]
    assert [one.stalled_seconds for one in added] == [0, 1.5, 0.25, 0]


def test_a_long_silence_was_not_watched() -> None:
    course = Course(time=NOON, playing=True)
    assert course.increment(report(3600)).watched_seconds == 60


def test_a_late_report_adds_no_time_and_takes_none_away() -> None:
    course = Course(time=NOON + timedelta(seconds=100), playing=True)
    assert course.increment(report(50, playing=False)).watched_seconds == 0
    assert course.increment(report(110)).watched_seconds == 10


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_percentile_is_one_of_the_values_with_that_share_at_or_below(values: list[float], part: float) -> None:
    found = percentile(values, part)
    assert found in values
    assert sum(value <= found for value in values) >= part * len(values) - 1e-9


@given(st.permutations(range(6)))
def test_the_order_shares_are_read_in_does_not_matter(order: list[int]) -> None:
    told = [a_play(), a_play("q", 2.0, "asia-1"), share("r", source=CMCD, stalls=3)]
    told += [replace(one, edge_id="america-1", startup_seconds=None) for one in told]
    assert summarise([told[place] for place in order], [], 1, 2) == summarise(told, [], 1, 2)
