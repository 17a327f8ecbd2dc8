"""Experiments as operators read them: arms out of a form, sentences, and a plot whose axes are honest."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.experiments.lifecycle import Arm
from matinee.experiments.verdict import Comparison, Finding, Point
from matinee.model.errors import Invalid
from matinee.pages.experiments import plot, read_arms, sentence, signed, span
from matinee.pages.plots import HEIGHT, WIDTH

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_arms_are_read_from_lines() -> None:
    text = "control ranking=current\n\n  fresh ranking=recent diversity=0.4 weight=2 \n"
    assert read_arms(text) == (
        Arm("control", {"ranking": "current"}),
        Arm("fresh", {"ranking": "recent", "diversity": "0.4"}, 2.0),
    )
    for wrong, said in (("a b", "line 1 of the arms, 'b'"), ("a\nb =c", "line 2"), ("a weight=x", "no number")):
        with pytest.raises(Invalid, match=said):
            read_arms(wrong)


def comparison(finding: Finding, low: float, high: float) -> Comparison:
    point = Point(100, NOON, (low + high) / 2, low, high)
    return Comparison("fresh", 50.0, 60.0, 0.3, () if finding is Finding.EARLY else (point,), finding)


def test_a_sentence_says_what_may_be_said() -> None:
    better = comparison(Finding.BETTER, 5.0, 15.0)
    assert sentence(better, "s", sound=True) == "fresh is better: +10.0 s (+5.00 to +15.0), +20%."
    assert sentence(better, "s", sound=False).endswith("but the arms' sizes are wrong.")
    assert sentence(comparison(Finding.NOTHING, -5.0, 15.0), "s", sound=True).startswith("No difference found so far")
    assert sentence(comparison(Finding.EARLY, 0, 0), "s", sound=True).startswith("Too early: each arm needs 25")
    assert signed(-1234.5) == "\N{MINUS SIGN}1234"
    assert [span(one) for one in (86_400.0, 7200.0, 60.0, 90.0)] == ["1 day", "2 hours", "1 minute", "90 s"]


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6)), min_size=1, max_size=30))
def test_a_plot_stays_in_its_frame_and_shows_no_difference(found: list[tuple[float, float]]) -> None:
    points = [Point(10 * (n + 1), NOON, mid, mid - half, mid + half) for n, (mid, half) in enumerate(found)]
    drawn = plot(points)
    assert drawn is not None
    for x, y in re.findall(r"([\d.e+-]+),([\d.e+-]+)", f"{drawn.band} {drawn.line}"):
        assert drawn.frame.left <= float(x) <= WIDTH
        assert drawn.frame.top <= float(y) <= HEIGHT
    assert drawn.frame.top <= drawn.zero <= drawn.frame.bottom
    assert plot([]) is None
