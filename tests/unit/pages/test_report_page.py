"""The page of a report: its sentences, and plots whose points stand within their frames."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.pages.plots import Frame
from matinee.pages.report import clock, dearest_share, on_grain, report_page
from matinee.pages.report_plots import Line, rate_label, rate_ticks, time_ticks
from reported import fixed, per_title


def numbers(line: Line) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (point.split(",") for point in line.points.split())]


def test_what_stands_out_is_said_first() -> None:
    ladder, quality, bits, cost = report_page(per_title()).verdicts
    assert ladder == ("better", "2 rungs, each within 0.2 VMAF of the best foretold of any size for its bits.")
    assert quality[0] == "better"
    assert "VMAF 82.0, where 83.0 was expected" in quality[1]
    assert "at 0:04.0, came to 70.5. 1 of its shots were encoded again." in quality[1]
    assert "700 kbit/s, 10 % more than expected" in bits[1]
    assert "12 s of processors, 1.00 for each second of film, and 7 s on the clock. 33 % went" in cost[1]


def test_what_went_wrong_is_told_as_such() -> None:
    report = per_title()
    held = replace(report.rungs[-1], hull_gap=2.4, vmaf=90.0)
    ladder, quality, *_ = report_page(replace(report, rungs=(report.rungs[0], held))).verdicts
    assert (ladder[0], quality[0]) == ("worse", "worse")
    assert "360p-vmaf83 lies 2.4 VMAF below" in ladder[1]


def test_what_was_normalised_is_said_in_sentences() -> None:
    assert report_page(per_title()).normalised == (
        "There is no sound.",
        "Pixels were 4:3 and are square now.",
        "The picture came as yuv422p10le.",
        "Frames differ in length, and each keeps its time.",
        "Time stamps began at 1.500 s and begin at zero now.",
        "a-und measured \N{MINUS SIGN}13.2 LUFS and was turned by \N{MINUS SIGN}9.8 dB.",
    )
    assert report_page(fixed()).normalised == ()


def test_grain_is_told_where_it_was_looked_for() -> None:
    report = fixed()
    assert on_grain(report) is None
    clean = replace(report.rungs[-1], name="360p-av1", codec="av1", noise=0.4)
    assert on_grain(replace(report, rungs=(*report.rungs, clean))) == (
        "nothing",
        "Noise of 0.4 of 255 was found: grain stays in the picture, for it would save little.",
    )
    grainy = replace(clean, noise=4.9, grain=20)
    page = report_page(replace(report, rungs=(*report.rungs, grainy)))
    sentence = "Noise of 4.9 of 255 was found: players draw the grain again on 360p-av1 (20 of 50)."
    assert ("better", sentence) in page.verdicts


def test_a_fixed_ladder_has_bits_and_costs_and_no_quality() -> None:
    page = report_page(fixed())
    assert (page.ladder, page.quality) == (None, None)
    assert page.rates is not None
    assert "fixed one" in page.verdicts[0][1]
    (shot,) = page.shots
    assert (shot.first, shot.expected, shot.verified, shot.crf, shot.bps) == (None, None, None, None, 400_000)


def test_plots_stand_within_their_frames_and_shots_in_their_table() -> None:
    page = report_page(per_title())
    assert page.ladder is not None
    assert page.quality is not None
    assert page.rates is not None
    for plot, lines in (
        (page.ladder, page.ladder.curves),
        (page.quality, page.quality.lines),
        (page.rates, page.rates.lines),
    ):
        assert lines
        for x, y in (point for line in lines for point in numbers(line)):
            assert plot.frame.left <= x <= plot.frame.right
            assert plot.frame.top <= y <= plot.frame.bottom
    assert len(page.ladder.rungs) == len(page.ladder.measured) == 2
    (again,) = page.quality.dots
    assert "encoded again at CRF 22" in again.says
    assert [(shot.start, shot.crf, shot.is_again) for shot in page.shots] == [
        ("0:00.0", 26.0, False),
        ("0:04.0", 22.0, True),
        ("0:06.0", 26.0, False),
    ]


def test_a_rung_with_more_bits_stands_higher_up_and_to_the_right() -> None:
    plot = report_page(per_title()).ladder
    assert plot is not None
    low, high = plot.rungs
    assert low.x < high.x
    assert low.y > high.y


@given(st.floats(0.01, 1))
def test_the_dearest_part_takes_at_least_its_share(part: float) -> None:
    share = dearest_share(per_title(), part)
    assert part - 1e-9 <= share <= 1 + 1e-9


def test_all_of_the_film_takes_all_of_its_bits() -> None:
    assert dearest_share(per_title(), 1.0) == pytest.approx(1.0)
    # Half of the bits are in the two dearest of twelve seconds.
    assert dearest_share(per_title(), 2 / 12) == pytest.approx(0.5)


@given(st.floats(0, 100_000))
def test_an_axis_of_time_names_few_round_times(seconds: float) -> None:
    frame = Frame((0.0, max(seconds, 1e-6)), (0.0, 1.0))
    told = time_ticks(seconds, frame)
    assert 1 <= len(told) <= 6
    assert told[0].label == "0:00"


@given(st.floats(20_000, 1e7), st.floats(2, 500))
def test_an_axis_of_rates_names_doublings_within_it(least: float, times: float) -> None:
    told = rate_ticks(least, least * times)
    assert 1 <= len(told) <= 7
    assert all(least * 0.999 <= rate <= least * times * 1.001 for rate in told)


def test_times_and_rates_as_people_read_them() -> None:
    assert [clock(at) for at in (0, 59.96, 61.25, 3725.0)] == ["0:00.0", "1:00.0", "1:01.2", "1:02:05.0"]
    assert [rate_label(bps) for bps in (0, 800_000, 1_600_000)] == ["0", "800 k", "1.6 M"]


def test_what_is_said_of_the_best_rung_is_not_another_codecs() -> None:
    report = per_title()
    other = replace(fixed().rungs[0], name="360p-av1", codec="av1", shot_bits=(1, 1, 1), bps=1.0)
    both = replace(report, rungs=(*report.rungs, other))
    assert both.best == report.rungs[-1]
    assert report_page(both).verdicts[1:] == report_page(report).verdicts[1:]
    assert report_page(both).shots == report_page(report).shots
