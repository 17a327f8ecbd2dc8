"""The ladder of a film: rungs a just-noticeable difference apart, none above what anybody sees."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.hull import Point
from matinee.ladder.rungs import BEST, LEAST_BPS, ChosenRung, choose_again, choose_rungs, level_bps, targets
from matinee.ladder.slopes import Shot

_SIZES = ((426, 240), (640, 360), (1280, 720))
_RATE = 24.0


def _shot(hardness: float, frames: int = 96) -> Shot:
    """Curves as encoders have them: six CRF double the bits, small sizes cost less and never look whole."""
    points = []
    for place, (width, height) in enumerate(_SIZES):
        for crf in range(16, 46, 2):
            bits = hardness * frames * (width * height) ** 0.9 * 2 ** ((26 - crf) / 6)
            loss = (22, 10, 0)[place] + 4 * hardness**0.2 * 2 ** ((crf - 26) / 7)
            points.append(Point(width, height, float(crf), bits, max(99 - loss, 0)))
    return Shot(frames, tuple(points))


_SHOTS = st.lists(
    st.builds(_shot, st.floats(min_value=0.01, max_value=3), st.integers(min_value=24, max_value=144)),
    min_size=1,
    max_size=6,
)


def _ladder(shots: list[Shot]) -> tuple[ChosenRung, ...]:
    return choose_rungs(shots, _RATE)


@given(_SHOTS)
def test_rungs_climb_in_quality_and_bits_and_never_shrink(shots: list[Shot]) -> None:
    rungs = _ladder(shots)
    assert rungs
    for below, above in pairwise(rungs):
        assert below.vmaf < above.vmaf
        assert below.average_bps < above.average_bps
        assert below.rung.width <= above.rung.width
    assert len({one.rung.name for one in rungs}) == len(rungs)


@given(_SHOTS)
def test_every_shot_has_a_crf_and_the_whole_is_the_sum_of_its_shots(shots: list[Shot]) -> None:
    frames = sum(shot.frames for shot in shots)
    for one in _ladder(shots):
        assert len(one.crfs) == len(one.shot_vmaf) == len(one.shot_bits) == len(shots)
        assert one.average_bps == pytest.approx(sum(one.shot_bits) * _RATE / frames)
        assert one.vmaf <= BEST + 3


@given(_SHOTS)
def test_no_shot_takes_what_the_encoder_may_not_spend(shots: list[Shot]) -> None:
    for one in _ladder(shots):
        share, burst = one.rung.bitrate_bps, one.rung.peak_bps - one.rung.bitrate_bps
        for shot, bits in zip(shots, one.shot_bits, strict=True):
            least = min(point.bits for point in shot.points if point.width == one.rung.width)
            assert bits <= max((share * shot.frames / _RATE + burst) * 1.001, least)


def test_a_film_that_half_stands_still_is_not_made_worse_for_its_average() -> None:
    still, hard = _shot(1e-4), _shot(2)
    top = _ladder([still, hard])[-1]
    assert top.vmaf > 94
    assert top.rung.bitrate_bps > 1.6 * top.average_bps


def test_rungs_stand_a_just_noticeable_difference_apart() -> None:
    assert targets(99) == (65, 71, 77, 83, 89, 95)
    assert targets(90) == (60, 66, 72, 78, 84, 90)


@given(_SHOTS)
def test_one_rung_is_enough_for_the_slowest_network(shots: list[Shot]) -> None:
    all_of_them, kept = choose_rungs(shots, _RATE, least_bps=0), _ladder(shots)
    assert kept == all_of_them[len(all_of_them) - len(kept) :]
    assert sum(one.average_bps <= LEAST_BPS for one in kept) == any(one.average_bps <= LEAST_BPS for one in all_of_them)


def test_a_film_that_cannot_look_good_has_one_rung() -> None:
    assert targets(50) == (50,)


def test_small_rungs_are_small_and_the_best_is_large() -> None:
    rungs = _ladder([_shot(0.5), _shot(0.1)])
    assert rungs[0].rung.height < rungs[-1].rung.height == 720


def test_a_hard_shot_looks_worse_than_an_easy_one() -> None:
    top = _ladder([_shot(0.05), _shot(2)])[-1]
    assert top.shot_vmaf[0] > top.shot_vmaf[1]


def test_a_size_that_no_rung_needs_is_not_made() -> None:
    shots = [Shot(96, tuple(point for point in _shot(0.3).points if point.height != 720 or point.vmaf < 80))]
    assert {one.rung.height for one in _ladder(shots)} <= {240, 360}


def test_shots_of_two_seconds_are_planned_to_take_twice_the_average_at_most() -> None:
    shots = [_shot(0.3), _shot(1), _shot(1.5, 48)]
    for one in _ladder(shots):
        for shot, bits in zip(shots, one.shot_bits, strict=True):
            assert bits <= 2 * one.average_bps * shot.frames / _RATE


@pytest.mark.parametrize(
    ("width", "height", "rate", "megabits"),
    [
        (1280, 720, 30, 17.5),
        (1920, 1080, 30, 62.5),
        (1920, 1080, 60, 62.5),
        (352, 288, 30, 2.5),
        (8192, 8192, 120, 300),
    ],
)
def test_the_level_of_a_size_caps_its_rate(width: int, height: int, rate: float, megabits: float) -> None:
    assert level_bps(width, height, rate) == pytest.approx(megabits * 1e6)


@given(_SHOTS)
def test_where_nothing_new_is_known_the_same_rungs_are_chosen_again(shots: list[Shot]) -> None:
    rungs = _ladder(shots)
    assert choose_again(rungs, shots, _RATE) == rungs


@given(_SHOTS, st.floats(min_value=0.5, max_value=2), st.data())
def test_sizes_targets_and_the_best_rung_stay_when_more_is_known(
    shots: list[Shot], more: float, data: st.DataObject
) -> None:
    rungs, place = _ladder(shots), data.draw(st.integers(min_value=0, max_value=len(shots) - 1))
    dearer = tuple(replace(point, bits=point.bits * more) for point in shots[place].points)
    again = choose_again(rungs, [*shots[:place], replace(shots[place], points=dearer), *shots[place + 1 :]], _RATE)
    assert again[-1] == rungs[-1]
    assert [(one.rung.name, one.rung.width, one.target) for one in again] == [
        (one.rung.name, one.rung.width, one.target) for one in rungs
    ]
