"""Predictions: nothing where the encode itself is asked for, curves that fall as encodes get coarser."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.prediction import (
    CRFS,
    PROBE_CRF,
    Probe,
    Weights,
    level,
    predicted,
    probe_size,
    probed,
    taught,
    terms,
    vmaf_at,
    way,
    weights_from_json,
)
from matinee.ladder.quality import FrameQuality
from matinee.ladder.rungs import choose_rungs
from matinee.model.errors import Invalid

_SIZES = ((426, 240), (640, 360), (854, 480), (1280, 720))
# Shots as they are met: from titles on black to confetti.
_PROBES = st.builds(
    lambda rate, vmaf, fine, frames: Probe(640, 360, frames, 640 * 360 * frames * 2.0**rate, vmaf, fine),
    st.floats(min_value=-7.5, max_value=-2.5),
    st.floats(min_value=60, max_value=92),
    st.floats(min_value=0.3, max_value=0.75),
    st.integers(min_value=24, max_value=150),
)
_PROBE = Probe(640, 360, 96, 1_200_000, 80, 0.55)


def test_the_encode_itself_is_predicted_as_it_was_measured() -> None:
    (point,) = predicted(_PROBE, [(640, 360)], [PROBE_CRF], taught()).points
    assert (point.bits, point.vmaf) == (_PROBE.bits, _PROBE.vmaf)


@given(_PROBES)
def test_coarser_encodes_of_a_size_take_fewer_bits(probe: Probe) -> None:
    for size in _SIZES:
        points = predicted(probe, [size], CRFS, taught()).points
        assert all(finer.bits > coarser.bits > 0 for finer, coarser in pairwise(points))
        assert all(0 <= point.vmaf <= 100 for point in points)


@given(_PROBES)
def test_coarser_encodes_look_worse_wherever_ladders_have_rungs(probe: Probe) -> None:
    points = predicted(probe, [(1280, 720)], CRFS, taught()).points
    used = [point.vmaf for point in points if 60 < point.vmaf < 94]
    assert used == sorted(used, reverse=True)


def test_more_pixels_cost_more_and_hold_more() -> None:
    points = predicted(_PROBE, _SIZES, [24.0], taught()).points
    assert [point.bits for point in points] == sorted(point.bits for point in points)
    assert [point.vmaf for point in points] == sorted(point.vmaf for point in points)


@given(st.lists(_PROBES, min_size=1, max_size=5))
def test_every_prediction_makes_a_ladder(probes: list[Probe]) -> None:
    rungs = choose_rungs([predicted(probe, _SIZES, CRFS, taught()) for probe in probes], 24)
    assert rungs
    assert all(len(one.crfs) == len(probes) for one in rungs)


def test_what_nothing_taught_counts_as_the_nearest_that_was() -> None:
    weights = Weights((0.5,) * 20, (-0.5,) * 20, (0, 1, 2), (1, 2, 3))
    shots = [predicted(Probe(640, 360, 96, bits, 80, 0.55), _SIZES, [30.0], weights) for bits in (1e9, 1e12)]
    growth = [[point.bits / shot.points[0].bits for point in shot.points] for shot in shots]
    assert growth[0] == pytest.approx(growth[1])


def test_a_shot_of_no_bits_and_no_loss_is_still_a_shot() -> None:
    shot = predicted(Probe(640, 360, 24, 0, 100, 1.0), _SIZES, CRFS, taught())
    assert all(math.isfinite(point.bits) and point.bits > 0 for point in shot.points)


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        (_SIZES, (640, 360)),
        (((320, 180),), (320, 180)),
        (((640, 480), (854, 640)), (640, 480)),
        (((360, 640),), (360, 640)),
    ],
)
def test_the_first_rung_is_small(sizes: tuple[tuple[int, int], ...], chosen: tuple[int, int]) -> None:
    assert probe_size(sizes) == chosen


def test_probes_are_the_means_of_what_was_measured() -> None:
    frames = [FrameQuality(at, 80.0 + at, 0.9, 0.5 + at / 100, 0.9, 0.9, 0.9, 3.0) for at in (0, 3, 6)]
    (probe,) = probed(640, 360, [9_000], [9], [frames])
    assert (probe.width, probe.height, probe.frames, probe.bits) == (640, 360, 9, 9_000)
    assert probe.vmaf == pytest.approx(83)
    assert probe.fine == pytest.approx(0.53)


def test_terms_are_nothing_at_the_probe_and_as_many_as_weights() -> None:
    assert set(terms((1.0, 2.0, 3.0), *way(_PROBE, 640, 360, PROBE_CRF))) == {0.0}
    assert len(terms((1.0, 2.0, 3.0), *way(_PROBE, 1280, 720, 30))) == len(taught().bits) == len(taught().vmaf)


@pytest.mark.parametrize(
    "values",
    [{}, {"bits": [1], "vmaf": [1], "lowest": [1], "highest": [1]}, {"bits": 3, "vmaf": 3, "lowest": 3, "highest": 3}],
)
def test_weights_that_are_none_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        weights_from_json(values)


@given(st.floats(min_value=0, max_value=100))
def test_a_level_is_another_way_to_say_a_vmaf(vmaf: float) -> None:
    assert vmaf_at(level(vmaf)) == pytest.approx(vmaf, abs=1e-9)


@given(st.floats(allow_nan=False))
def test_every_level_is_a_vmaf(value: float) -> None:
    assert 0 <= vmaf_at(value) <= 100


def test_one_level_is_less_of_vmaf_near_the_ends() -> None:
    steps = [vmaf_at(level(vmaf) + 0.1) - vmaf for vmaf in (50, 80, 95)]
    assert steps == sorted(steps, reverse=True)
