"""Ladders: what every one of them promises."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.fixed import fixed_ladder, needs_bars
from matinee.model.media import Ladder

_SIDES = st.integers(min_value=2, max_value=8192)
_RATES = st.floats(min_value=1, max_value=240)


def _sizes(ladder: Ladder) -> list[tuple[str, int, int]]:
    return [(rung.name, rung.width, rung.height) for rung in ladder.rungs]


def test_a_film_of_720_lines_gets_four_rungs() -> None:
    assert _sizes(fixed_ladder(1280, 720, 24)) == [
        ("240p", 426, 240),
        ("360p", 640, 360),
        ("480p", 854, 480),
        ("720p", 1280, 720),
    ]


def test_a_film_beyond_1080_lines_ends_there() -> None:
    assert _sizes(fixed_ladder(3840, 2160, 60))[-1] == ("1080p", 1920, 1080)


def test_a_small_film_keeps_its_size() -> None:
    assert _sizes(fixed_ladder(320, 180, 24)) == [("240p", 320, 180)]


def test_a_film_nearly_as_large_as_a_box_keeps_its_size() -> None:
    assert _sizes(fixed_ladder(1276, 716, 30))[-1] == ("720p", 1276, 716)
    assert _sizes(fixed_ladder(856, 482, 30))[-1] == ("480p", 856, 482)


def test_a_wide_film_is_fitted_by_its_width() -> None:
    assert _sizes(fixed_ladder(798, 332, 24)) == [("240p", 426, 178), ("360p", 640, 266), ("480p", 798, 332)]


def test_an_upright_film_gets_upright_rungs() -> None:
    assert _sizes(fixed_ladder(720, 1280, 30)) == [
        (name, height, width) for name, width, height in _sizes(fixed_ladder(1280, 720, 30))
    ]


def test_a_film_too_narrow_for_decoders_stands_between_bars() -> None:
    rungs = fixed_ladder(16, 4000, 30).rungs
    assert all(min(rung.width, rung.height) >= 32 for rung in rungs)
    assert all(needs_bars(rung, 16, 4000) for rung in rungs)


@given(_SIDES, _SIDES, _RATES)
def test_rungs_are_even_climb_and_never_pass_the_source(width: int, height: int, rate: float) -> None:
    rungs = fixed_ladder(width, height, rate).rungs
    assert rungs
    assert len({rung.name for rung in rungs}) == len(rungs)
    for rung in rungs:
        assert rung.width % 2 == rung.height % 2 == 0
        assert rung.width <= max(width, 32)
        assert rung.height <= max(height, 32)
        assert min(rung.width, rung.height) <= 1080
        assert max(rung.width, rung.height) <= 1920
    for below, above in pairwise(rungs):
        assert below.width * below.height < above.width * above.height
        assert below.bitrate_bps <= above.bitrate_bps


@given(st.integers(min_value=64, max_value=8192), st.integers(min_value=64, max_value=8192), _RATES)
def test_a_rung_keeps_the_films_shape_or_stands_between_bars(width: int, height: int, rate: float) -> None:
    for rung in fixed_ladder(width, height, rate).rungs:
        # Rounding to even sizes moves an edge by a pixel at most.
        off = abs(rung.width * height - rung.height * width) / (width * height)
        allowed = (rung.width + rung.height) / (width * height) * max(width, height)
        assert off <= allowed or needs_bars(rung, width, height)


@given(_SIDES, _SIDES, _RATES)
def test_a_peak_is_at_most_twice_the_average(width: int, height: int, rate: float) -> None:
    for rung in fixed_ladder(width, height, rate).rungs:
        assert 0 < rung.bitrate_bps < rung.peak_bps <= 2 * rung.bitrate_bps
