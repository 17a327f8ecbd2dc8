"""What one finished encode tells of the others: all of its own error, none of the first rung's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.correction import corrected
from matinee.ladder.hull import Point
from matinee.ladder.prediction import CRFS, PROBE_CRF, Probe, predicted, taught
from matinee.ladder.slopes import Shot

_SIZES = ((426, 240), (640, 360), (1280, 720))
_PROBE = Probe(640, 360, 96, 1_200_000, 80, 0.55)
_SHOT = predicted(_PROBE, _SIZES, CRFS, taught())


def _at(shot: Shot, width: int, crf: float) -> Point:
    return next(point for point in shot.points if (point.width, point.crf) == (width, crf))


def _made(crf: float, dearer: float, better: float) -> Point:
    point = _at(_SHOT, 1280, crf)
    return replace(point, bits=point.bits * dearer, vmaf=point.vmaf + better)


def test_what_came_out_as_expected_changes_nothing() -> None:
    after = corrected(_SHOT, _PROBE, _at(_SHOT, 1280, 22))
    assert [point.bits for point in after.points] == pytest.approx([point.bits for point in _SHOT.points])
    assert [point.vmaf for point in after.points] == [point.vmaf for point in _SHOT.points]


@given(st.sampled_from(CRFS[:30]), st.floats(min_value=0.25, max_value=4), st.floats(min_value=-20, max_value=5))
def test_the_first_rung_stays_and_what_was_made_is_believed(crf: float, dearer: float, better: float) -> None:
    made = _made(crf, dearer, better)
    after = corrected(_SHOT, _PROBE, made)
    assert _at(after, 640, PROBE_CRF) == _at(_SHOT, 640, PROBE_CRF)
    assert _at(after, 1280, crf).bits == pytest.approx(made.bits, rel=0.02)
    assert _at(after, 1280, crf).vmaf == pytest.approx(min(made.vmaf, 100), abs=0.3)


def test_what_lies_between_takes_a_part_of_the_error() -> None:
    after = corrected(_SHOT, _PROBE, _made(22.0, 2.0, -6.0))
    dearer = [_at(after, 1280, crf).bits / _at(_SHOT, 1280, crf).bits for crf in (22.0, 24.0, 26.0)]
    assert dearer == sorted(dearer, reverse=True)
    assert all(1 < one <= 2 for one in dearer)
    lower = [_at(after, 1280, crf).vmaf - _at(_SHOT, 1280, crf).vmaf for crf in (22.0, 24.0, 26.0)]
    assert lower == sorted(lower)
    assert all(-6 <= one < 0 for one in lower)


@given(st.floats(min_value=-60, max_value=20), st.floats(min_value=0.0, max_value=50))
def test_no_measurement_leads_beyond_what_vmaf_and_bits_can_be(better: float, dearer: float) -> None:
    after = corrected(_SHOT, _PROBE, _made(20.0, dearer, better))
    assert all(0 <= point.vmaf <= 100 and point.bits > 0 for point in after.points)


def test_an_encode_at_the_first_rungs_own_place_tells_nothing_of_others() -> None:
    near = replace(_at(_SHOT, 640, PROBE_CRF), bits=9e6, vmaf=95.0)
    assert corrected(_SHOT, _PROBE, near) == _SHOT
