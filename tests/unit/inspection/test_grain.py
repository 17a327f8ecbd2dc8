"""Grain is what is new in every frame; nothing that is drawn, stands or moves is taken for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from matinee.inspection.grain import film_noise, noise_of

HEIGHT, WIDTH, FRAMES = 180, 320, 3
FINER = 4  # textures are drawn so much finer than they are shown, so that they move by parts of pixels
_SEEDS = st.integers(0, 2**32 - 1)
_DEVIATIONS = st.floats(1.0, 12.0)

Planes = NDArray[np.float64]


def _seen(light: Planes) -> float | None:
    """What is measured of light from 0 to 255."""
    return noise_of(np.clip(np.round(light * 4), 0, 1023).astype(np.uint16))


def _grain(seed: int, deviation: float, blur: float = 0.0) -> Planes:
    noise = np.random.default_rng(seed).standard_normal((FRAMES, HEIGHT, WIDTH))
    noise = ndimage.gaussian_filter(noise, (0, blur, blur))
    grain: Planes = noise * deviation / noise.std()
    return grain


def _texture(seed: int, moves: tuple[int, int], deviation: float = 12.0) -> Planes:
    """Leaves without a gap, that move by so many quarters of a pixel down and to the right."""
    margin = 2 * max(map(abs, moves)) + FINER
    shape = (HEIGHT * FINER + 2 * margin, WIDTH * FINER + 2 * margin)
    fine = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 4)
    shown = []
    for frame in range(FRAMES):
        top, left = (margin + frame * move for move in moves)
        part = fine[top : top + HEIGHT * FINER, left : left + WIDTH * FINER]
        shown.append(part.reshape(HEIGHT, FINER, WIDTH, FINER).mean((1, 3)))
    light: Planes = np.stack(shown) * deviation / np.std(shown)
    return light


def _slope() -> Planes:
    """A sky: light that changes slowly."""
    return np.broadcast_to(np.linspace(60, 190, WIDTH), (FRAMES, HEIGHT, WIDTH))


@settings(max_examples=10, deadline=None)
@given(seed=_SEEDS, deviation=_DEVIATIONS)
def test_the_strength_of_noise_is_measured_on_flat_parts(seed: int, deviation: float) -> None:
    assert _seen(_slope() + _grain(seed, deviation)) == pytest.approx(deviation, rel=0.1)


@settings(max_examples=5, deadline=None)
@given(seed=_SEEDS, deviation=st.floats(2.0, 12.0))
def test_grain_over_a_picture_that_moves_is_measured_where_that_is_flat(seed: int, deviation: float) -> None:
    light = _slope() + _grain(seed, deviation)
    light[:, : HEIGHT // 2] += _texture(seed, (3, 7))[:, : HEIGHT // 2]
    assert _seen(light) == pytest.approx(deviation, rel=0.15)


@pytest.mark.parametrize("blur", [0.5, 0.8, 1.2])
def test_blurred_grain_is_grain_of_less_strength(blur: float) -> None:
    found = _seen(_slope() + _grain(1, 6.0, blur))
    assert found is not None
    assert 1.0 < found < 6.0


@settings(max_examples=10, deadline=None)
@given(seed=_SEEDS, down=st.integers(-20, 20), right=st.integers(-20, 20))
def test_a_texture_that_stands_or_moves_is_none(seed: int, down: int, right: int) -> None:
    assert _seen(120 + _texture(seed, (down, right))) == 0.0


def test_waves_that_run_through_each_other_are_none() -> None:
    assert _seen(120 + _texture(1, (6, 0)) + _texture(2, (-5, 3))) == 0.0


@pytest.mark.parametrize("light", [60.0, 120.0, 200.0])
def test_a_flat_picture_has_none(light: float) -> None:
    assert _seen(np.full((FRAMES, HEIGHT, WIDTH), light)) == 0.0


@pytest.mark.parametrize("light", [0.0, 16.0, 235.0, 255.0])
def test_of_black_and_of_white_nothing_is_known(light: float) -> None:
    assert _seen(np.full((FRAMES, HEIGHT, WIDTH), light) + _grain(1, 1.0)) is None


def test_black_bars_do_not_hide_it() -> None:
    light = _slope() + _grain(3, 4.0)
    light[:, :40], light[:, -40:] = 16, 16
    assert _seen(light) == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize("size", [(2, 2), (16, 16), (64, 64)])
def test_pictures_too_small_to_judge_are_not_judged(size: tuple[int, int]) -> None:
    assert _seen(np.full((FRAMES, *size), 120.0)) is None


def test_a_films_noise_is_the_median_of_what_could_be_judged() -> None:
    assert film_noise([None, 3.0, 0.0, 4.0, None]) == 3.0
    assert film_noise([0.0, 0.0, 5.0]) == 0.0
    assert film_noise([None, None]) == 0.0
    assert film_noise([]) == 0.0
