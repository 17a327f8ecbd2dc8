"""Curves and their hull: what is kept of them is on them, and no rung of the ladder lies above."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.ladder.prediction import CRFS, Probe, predicted, taught
from matinee.ladder.rungs import choose_rungs
from matinee.reports.curves import MOST_POINTS, curves, hull_gap, hull_of, shown
from matinee.reports.report import CurvePoint

_SIZES = [(426, 240), (640, 360), (1280, 720)]
_RATE = 24.0
_PROBES = st.lists(
    st.builds(
        Probe,
        st.just(640),
        st.just(360),
        st.integers(24, 144),
        st.floats(20_000, 4_000_000),
        st.floats(50, 97),
        st.floats(0.1, 0.6),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=25)
@given(_PROBES)
def test_no_rung_lies_above_the_hull_and_no_curve_either(probes: list[Probe]) -> None:
    made = curves(probes, _SIZES, _RATE)
    hull = hull_of(made)
    assert [(curve.width, curve.height) for curve in made] == _SIZES
    for below, above in pairwise(hull):
        assert below.bps < above.bps
        assert below.vmaf < above.vmaf
    for rung in choose_rungs([predicted(probe, _SIZES, CRFS, taught()) for probe in probes], _RATE):
        assert hull_gap(rung, made) > -1e-6


@settings(deadline=None, max_examples=25)
@given(_PROBES)
def test_a_curve_is_the_whole_film_at_one_size(probes: list[Probe]) -> None:
    seconds = sum(probe.frames for probe in probes) / _RATE
    (curve,) = curves(probes, [(640, 360)], _RATE)
    best = [
        max(predicted(probe, [(640, 360)], CRFS, taught()).points, key=lambda point: point.vmaf) for probe in probes
    ]
    frames = sum(probe.frames for probe in probes)
    mean = sum(probe.frames * point.vmaf for probe, point in zip(probes, best, strict=True)) / frames
    assert curve.points[-1].vmaf == pytest.approx(mean)
    assert curve.points[-1].bps <= sum(point.bits for point in best) / seconds * (1 + 1e-9)


@given(st.lists(st.tuples(st.floats(1, 1e3), st.floats(0.01, 5)), max_size=300))
def test_few_points_of_a_curve_are_kept_and_its_ends_always(rises: list[tuple[float, float]]) -> None:
    points = [CurvePoint(0.0, 0.0)]
    for bps, vmaf in rises:
        points.append(CurvePoint(points[-1].bps + bps, points[-1].vmaf + vmaf))
    kept = shown(points)
    assert len(kept) == min(len(points), len(kept)) <= MOST_POINTS
    rounded = [CurvePoint(round(point.bps, 1), round(point.vmaf, 3)) for point in points]
    assert [kept[0], kept[-1]] == [rounded[0], rounded[-1]]
    assert set(kept) <= set(rounded)
