"""Chunks that missed what was expected of them, and the CRF that should mend it."""

from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.hull import Point
from matinee.ladder.rungs import ChosenRung, choose_rungs
from matinee.ladder.slopes import Shot
from matinee.ladder.verification import misses

_CRFS = tuple(18 + half / 2 for half in range(49))


def _shot(offset: float) -> Shot:
    """Two VMAF a CRF, six CRF double the bits."""
    points = (Point(1280, 720, crf, 1e6 * 2 ** ((26 - crf) / 6), 96 - offset - 2 * (crf - 18)) for crf in _CRFS)
    return Shot(96, tuple(points))


_SHOTS = (_shot(0), _shot(4), _shot(8))


def _rung() -> ChosenRung:
    return choose_rungs(_SHOTS, 24, wanted=(85,))[0]


def test_what_came_out_as_expected_is_left_alone() -> None:
    rung = _rung()
    assert misses(rung, [vmaf + 5.9 for vmaf in rung.shot_vmaf], _SHOTS) == ()


def test_a_chunk_that_looks_worse_gets_a_finer_crf_and_one_that_looks_better_a_coarser_one() -> None:
    rung = _rung()
    worse, better = rung.shot_vmaf[0] - 7, rung.shot_vmaf[2] + 8
    first, last = misses(rung, [worse, rung.shot_vmaf[1], better], _SHOTS)
    assert (first.shot, first.vmaf, first.crf) == (0, worse, rung.crfs[0] - 3.5)
    assert (last.shot, last.crf) == (2, rung.crfs[2] + 4)


def test_a_crf_at_the_end_of_its_curve_stays() -> None:
    best = choose_rungs(_SHOTS, 24, wanted=(200,))[0]
    assert set(best.crfs) == {18}
    assert misses(best, [vmaf - 10 for vmaf in best.shot_vmaf], _SHOTS) == ()


@given(st.lists(st.floats(min_value=-40, max_value=40), min_size=3, max_size=3))
def test_a_new_crf_is_on_the_curve_and_goes_the_right_way(excess: list[float]) -> None:
    rung = _rung()
    measured = [vmaf + more for vmaf, more in zip(rung.shot_vmaf, excess, strict=True)]
    for miss in misses(rung, measured, _SHOTS):
        assert miss.crf in _CRFS
        assert abs(miss.crf - rung.crfs[miss.shot]) <= 6
        assert (miss.crf > rung.crfs[miss.shot]) == (miss.vmaf > miss.expected)
