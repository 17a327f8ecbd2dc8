"""Bjøntegaard's delta rate, and what is read off a measured grid."""

from typing import Any

import pytest
from benchmarks.encoding_grid import find_shots
from benchmarks.encoding_ladder import bd_rate, default, exhaustive, measured, one_crf
from benchmarks.ladder_fit import errors, teach
from hypothesis import given
from hypothesis import strategies as st

_ANCHOR = [(406e3, 70.0), (853e3, 86.3), (1450e3, 91.9), (3175e3, 96.9)]
_TEST = [(185e3, 64.6), (246e3, 70.9), (336e3, 76.8), (493e3, 82.9), (775e3, 89.0), (1706e3, 95.0)]


def _grid(title: str, hardness: tuple[float, ...]) -> dict[str, Any]:
    """A film whose curves are those of a formula."""
    points = []
    for width, height in ((320, 180), (640, 360), (1280, 720)):
        for crf in (18, 22, 26, 30, 34, 38, 42):
            shots = [
                {
                    "bits": 1e5 * hard * (width / 640) ** 1.7 * 2 ** ((26 - crf) / 6),
                    "vmaf": max(98 - 9 * (1280 / width - 1) ** 0.7 - 3 * hard**0.3 * 2 ** ((crf - 26) / 7), 0),
                    "fine": 0.5,
                }
                for hard in hardness
            ]
            points.append({"width": width, "height": height, "crf": crf, "shots": shots})
    starts = [48 * place for place in range(len(hardness))]
    grid = {"name": title, "title": title, "rate": 24.0, "frames": 48 * len(hardness), "starts": starts}
    return {**grid, "points": points, "fixed": []}


def test_the_rate_is_what_the_library_of_the_field_says() -> None:
    # bjontegaard 1.3.0, bd_rate(…, method="pchip")
    assert bd_rate(_ANCHOR, _TEST, 0, 100) == pytest.approx(-30.027339331111946)


@given(st.floats(min_value=0.1, max_value=10))
def test_a_curve_of_other_bits_everywhere_differs_by_just_that(factor: float) -> None:
    other = [(bits * factor, vmaf) for bits, vmaf in _ANCHOR]
    assert bd_rate(_ANCHOR, other) == pytest.approx((factor - 1) * 100)


def test_curves_without_qualities_in_common_cannot_be_compared() -> None:
    assert bd_rate(_ANCHOR, [(1e5, 20.0), (2e5, 40.0)]) is None
    assert bd_rate(_ANCHOR, [(1e5, 80.0)]) is None


def test_one_slope_beats_one_crf() -> None:
    film = measured(_grid("mixed", (0.1, 1.0, 8.0)))
    saved = bd_rate(one_crf(film), exhaustive(film))
    assert saved is not None
    assert saved < -5


def test_what_other_titles_teach_is_nearly_as_good_as_the_whole_grid() -> None:
    taught = teach([_grid("one", (0.1, 0.5, 2.0, 6.0)), _grid("two", (0.2, 1.0, 3.0, 9.0))])
    judged = _grid("three", (0.3, 1.5, 5.0))
    film = measured(judged)
    curve, _ = default(film, taught)
    distance = bd_rate(exhaustive(film), curve)
    assert distance is not None
    assert -1 < distance < 3
    assert float(errors(judged, taught)["VMAF"]) < 3


def test_shots_are_a_second_at_least_and_six_at_most() -> None:
    said = "".join(f"lavfi.scd.time: {time}\n" for time in (0.5, 2.0, 2.25, 20.0))
    starts = find_shots(said, frames=500, rate=24.0)
    ends = [*starts[1:], 500]
    lengths = [end - start for start, end in zip(starts, ends, strict=True)]
    assert starts[:2] == [0, 48]
    assert 480 not in starts
    assert all(24 <= length <= 144 for length in lengths[:-1])
    assert sum(lengths) == 500
