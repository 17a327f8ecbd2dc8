"""What one finished encode tells of the others: all of its own error, none of the first rung's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.correction import Deviation, corrected, deviations, sampled
from matinee.ladder.hull import Point
from matinee.ladder.prediction import CRFS, PROBE_CRF, Probe, predicted, taught
from matinee.ladder.rungs import choose_rungs
from matinee.ladder.slopes import Shot

_SIZES = ((426, 240), (640, 360), (1280, 720))
_PROBE = Probe(640, 360, 96, 1_200_000, 80, 0.55)
_SHOT = predicted(_PROBE, _SIZES, CRFS, taught())


def _at(shot: Shot, width: int, crf: float) -> Point:
    return next(point for point in shot.points if (point.width, point.crf) == (width, crf))


def test_a_deviation_is_what_came_out_beside_what_was_expected() -> None:
    (rung,) = choose_rungs([_SHOT], 24, wanted=(88,))
    (same,) = deviations(rung, {0: rung.shot_bits[0]}, {0: rung.shot_vmaf[0]})
    assert (same.bits, same.vmaf) == (0, 0)
    (other,) = deviations(rung, {0: 4 * rung.shot_bits[0]}, {0: rung.shot_vmaf[0] - 3})
    assert [other.bits, other.vmaf] == pytest.approx([2, -3])
    assert (other.width, other.height, other.crf) == (rung.rung.width, rung.rung.height, rung.crfs[0])


def test_a_shot_that_was_not_made_is_off_by_a_part_of_what_others_were() -> None:
    (rung,) = choose_rungs([_SHOT] * 4, 24, wanted=(88,))
    cost, score = rung.shot_bits[0], rung.shot_vmaf[0]
    first, second, *others = deviations(rung, {0: 2 * cost, 1: 8 * cost}, {0: score - 6, 1: score})
    assert [(one.bits, one.vmaf) for one in (first, second)] == [pytest.approx((1, -6)), pytest.approx((3, 0))]
    assert [(one.bits, one.vmaf) for one in others] == [pytest.approx((4 / 3, -2))] * 2


@given(st.integers(min_value=1, max_value=2_000))
def test_samples_are_few_and_stand_in_the_middle_of_what_they_are_of(chunks: int) -> None:
    samples = sampled(chunks)
    assert 1 <= len(samples) <= chunks / 16 + 1
    assert all(0 <= number < chunks for number in samples)
    if chunks <= 16:
        assert list(samples) == [chunks // 2]
    else:
        assert max(chunks - samples[-1], samples[0]) <= 24


def test_what_came_out_as_expected_changes_nothing() -> None:
    assert corrected(_SHOT, _PROBE, Deviation(1280, 720, 22.0, 0.0, 0.0)) == _SHOT


@given(st.sampled_from(CRFS[:30]), st.floats(min_value=-2, max_value=2), st.floats(min_value=-20, max_value=5))
def test_the_first_rung_stays_and_what_was_made_is_believed(crf: float, dearer: float, better: float) -> None:
    after = corrected(_SHOT, _PROBE, Deviation(1280, 720, crf, dearer, better))
    assert _at(after, 640, PROBE_CRF) == _at(_SHOT, 640, PROBE_CRF)
    before = _at(_SHOT, 1280, crf)
    assert _at(after, 1280, crf).bits == pytest.approx(before.bits * 2**dearer, rel=0.02)
    assert _at(after, 1280, crf).vmaf == pytest.approx(min(before.vmaf + better, 100), abs=0.3)


def test_what_lies_between_takes_a_part_of_the_error() -> None:
    after = corrected(_SHOT, _PROBE, Deviation(1280, 720, 22.0, 1.0, -6.0))
    dearer = [_at(after, 1280, crf).bits / _at(_SHOT, 1280, crf).bits for crf in (22.0, 24.0, 26.0)]
    assert dearer == sorted(dearer, reverse=True)
    assert all(1 < one <= 2 for one in dearer)
    lower = [_at(after, 1280, crf).vmaf - _at(_SHOT, 1280, crf).vmaf for crf in (22.0, 24.0, 26.0)]
    assert lower == sorted(lower)
    assert all(-6 <= one < 0 for one in lower)


@given(st.floats(min_value=-20, max_value=5), st.floats(min_value=-60, max_value=20))
def test_nothing_seen_leads_beyond_what_vmaf_and_bits_can_be(dearer: float, better: float) -> None:
    after = corrected(_SHOT, _PROBE, Deviation(1280, 720, 20.0, dearer, better))
    assert all(0 <= point.vmaf <= 100 and point.bits > 0 for point in after.points)


def test_an_encode_at_the_first_rungs_own_place_tells_nothing_of_others() -> None:
    assert corrected(_SHOT, _PROBE, Deviation(640, 360, PROBE_CRF, 3.0, 15.0)) == _SHOT
