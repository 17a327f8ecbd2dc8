"""Rungs of other codecs: made of H.264's, never instead of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.codecs import (
    PICTURE_CODECS,
    av1_crf,
    chunk_crf,
    hevc_crf,
    in_codec,
    mapped_crf,
    read_codecs,
    with_codecs,
)
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.recipes import Recipe, fixed_recipes, groups
from matinee.model.errors import Invalid
from matinee.model.media import Codec, VideoRange

DEEP = 10
CRF = 23.0
_CODECS = st.sets(st.sampled_from(PICTURE_CODECS))
_SIDES = st.integers(16, 4320)
_CRFS = st.floats(0, 51)


def _plain(width: int, height: int) -> tuple[Recipe, ...]:
    return fixed_recipes(fixed_ladder(width, height, 25), CRF, 2)


@given(width=_SIDES, height=_SIDES, codecs=_CODECS, video_range=st.sampled_from(VideoRange))
def test_h264_stays_as_it_is_and_stands_first(
    width: int, height: int, codecs: set[Codec], video_range: VideoRange
) -> None:
    plain = _plain(width, height)
    made = with_codecs(plain, codecs, video_range)
    assert made[: len(plain)] == plain
    assert {one.rung.codec for one in made} == codecs | {Codec.H264}
    assert {one.crfs for one in made} == {(CRF, CRF)}
    assert len({one.rung.name for one in made}) == len(made)


@given(width=_SIDES, height=_SIDES, codecs=_CODECS, video_range=st.sampled_from(VideoRange))
def test_other_codecs_have_the_sizes_of_h264_under_caps_that_are_no_higher(
    width: int, height: int, codecs: set[Codec], video_range: VideoRange
) -> None:
    plain = _plain(width, height)
    for codec in codecs - {Codec.H264}:
        rungs = [one.rung for one in with_codecs(plain, codecs, video_range) if one.rung.codec is codec]
        sizes = [(rung.width, rung.height) for rung in rungs]
        every = [(one.rung.width, one.rung.height) for one in plain]
        assert sizes == every
        assert all(rung.video_range is video_range and rung.depth == DEEP for rung in rungs)
        for rung, floor in zip(rungs, [one.rung for one in plain], strict=True):
            assert rung.bitrate_bps <= floor.bitrate_bps
            assert rung.bitrate_bps < rung.peak_bps <= floor.peak_bps


def test_names_tell_the_codec() -> None:
    made = with_codecs(_plain(1280, 720), {Codec.AV1})
    names = ["240p", "360p", "480p", "720p", "240p-av1", "360p-av1", "480p-av1", "720p-av1"]
    assert [one.rung.name for one in made] == names


@given(width=_SIDES, height=_SIDES, codecs=_CODECS)
def test_h264_is_made_before_any_other_codec_and_no_run_mixes_two(width: int, height: int, codecs: set[Codec]) -> None:
    recipes = with_codecs(_plain(width, height), codecs)
    made = groups(recipes)
    assert [one for group in made for one in group] == list(recipes)
    assert all(len({one.rung.codec for one in group}) == 1 for group in made)
    assert made[0][0].rung.codec is Codec.H264


@given(codec=st.sampled_from(PICTURE_CODECS), crf=_CRFS, more=_CRFS)
def test_a_worse_crf_is_never_mapped_to_a_better_one(codec: Codec, crf: float, more: float) -> None:
    assert mapped_crf(codec, min(crf, more)) <= mapped_crf(codec, max(crf, more))
    assert 0 <= mapped_crf(codec, crf) <= 63
    if codec is not Codec.H264:
        assert mapped_crf(codec, crf) * 4 == int(mapped_crf(codec, crf) * 4)


def test_each_codec_has_its_name() -> None:
    assert av1_crf(23) == mapped_crf(Codec.AV1, 23)
    assert hevc_crf(23) == mapped_crf(Codec.HEVC, 23)


@given(shots=st.lists(st.tuples(_CRFS, st.integers(1, 500)), min_size=1))
def test_a_chunk_takes_a_crf_between_those_of_its_shots(shots: list[tuple[float, int]]) -> None:
    crfs, frames = [crf for crf, _ in shots], [length for _, length in shots]
    one = chunk_crf(Codec.AV1, crfs, frames)
    assert av1_crf(min(crfs)) - 0.25 <= one <= av1_crf(max(crfs)) + 0.25


def test_a_long_shot_weighs_more() -> None:
    assert chunk_crf(Codec.AV1, [20, 30], [300, 100]) == av1_crf(22.5)


@pytest.mark.parametrize(
    ("text", "codecs"),
    [
        ("h264", (Codec.H264,)),
        ("", (Codec.H264,)),
        ("av1", (Codec.H264, Codec.AV1)),
        ("AV1, hevc,av1", (Codec.H264, Codec.HEVC, Codec.AV1)),
    ],
)
def test_codecs_are_read_with_the_floor_among_them(text: str, codecs: tuple[Codec, ...]) -> None:
    assert read_codecs(text) == codecs


@pytest.mark.parametrize("text", ["vp9", "h264,aac", "h.264"])
def test_an_unknown_codec_is_named(text: str) -> None:
    with pytest.raises(Invalid, match=r"There is no codec .* Matinee makes h264, hevc, av1\."):
        read_codecs(text)


def test_grain_is_none_unless_asked_for() -> None:
    assert in_codec(fixed_ladder(1280, 720, 24).rungs[-1], Codec.AV1).grain == 0
