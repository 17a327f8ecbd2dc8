"""Grain is drawn where that pays, and nowhere else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.codecs import PICTURE_CODECS, with_codecs
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.grain import (
    LEAST_LINES,
    LEAST_SAVING,
    grain_level,
    may_have_grain,
    rung_crf,
    saving,
    with_grain,
)
from matinee.ladder.recipes import Recipe, fixed_recipes
from matinee.model.media import Codec, VideoRange

GRAINY, CLEAN = 6.0, 0.4
HIGHEST = 50
_NOISES = st.floats(0, 40)
_CRFS = st.floats(15, 40)  # of x264


def _recipes(crf: float, video_range: VideoRange = VideoRange.SDR) -> tuple[Recipe, ...]:
    return with_codecs(fixed_recipes(fixed_ladder(1920, 1080, 24), crf, 2), PICTURE_CODECS, video_range)


def _noise(recipes: tuple[Recipe, ...], noise: float) -> dict[str, float]:
    return {one.rung.name: noise for one in recipes}


@given(noise=_NOISES, crf=_CRFS)
def test_only_av1_has_grain_and_nothing_else_of_a_recipe_changes(noise: float, crf: float) -> None:
    plain = _recipes(crf)
    made = with_grain(plain, _noise(plain, noise))
    assert tuple(replace(one, rung=replace(one.rung, grain=0)) for one in made) == plain
    assert {one.rung.grain for one in made if one.rung.codec is not Codec.AV1} == {0}


@given(noise=_NOISES, crf=_CRFS)
def test_it_is_on_large_rungs_alone_and_where_it_saves_a_tenth(noise: float, crf: float) -> None:
    plain = _recipes(crf)
    for one in with_grain(plain, _noise(plain, noise)):
        assert 0 <= one.rung.grain <= HIGHEST
        if one.rung.grain:
            assert one.rung.height >= LEAST_LINES
            assert saving(noise, rung_crf(one)) >= LEAST_SAVING


@given(noise=_NOISES, more=_NOISES, crf=_CRFS)
def test_more_noise_never_has_weaker_grain(noise: float, more: float, crf: float) -> None:
    best = _recipes(crf)[-1]
    weak, strong = (grain_level(best.rung, one, rung_crf(best)) for one in sorted((noise, more)))
    assert weak <= strong or not strong


@given(noise=_NOISES, crf=st.floats(1, 63))
def test_nothing_saves_more_than_all_bits(noise: float, crf: float) -> None:
    assert saving(noise, crf) < 1


@pytest.mark.parametrize("video_range", [VideoRange.PQ, VideoRange.HLG])
def test_high_dynamic_range_has_none(video_range: VideoRange) -> None:
    plain = _recipes(23.0, video_range)
    assert with_grain(plain, _noise(plain, GRAINY)) == plain
    assert may_have_grain(plain) == ()


def test_a_clean_film_has_none_whatever_its_quality() -> None:
    for crf in (15.0, 23.0, 30.0):
        plain = _recipes(crf)
        assert with_grain(plain, _noise(plain, CLEAN)) == plain


def test_a_grainy_film_has_some_and_not_where_nobody_looked() -> None:
    plain = _recipes(20.0)
    assert any(one.rung.grain for one in with_grain(plain, _noise(plain, GRAINY)))
    assert with_grain(plain, {}) == plain


@given(noise=_NOISES, crf=_CRFS)
def test_grain_is_drawn_only_on_rungs_that_are_looked_at(noise: float, crf: float) -> None:
    plain = _recipes(crf)
    drawn = {one.rung.name for one in with_grain(plain, _noise(plain, noise)) if one.rung.grain}
    assert drawn <= {rung.name for rung in may_have_grain(plain)}
