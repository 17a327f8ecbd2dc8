"""Command lines of SVT-AV1 and x265: what must be in them, and that light is kept or mapped as the codec has it."""

from dataclasses import replace
from fractions import Fraction

import pytest

from matinee.commands.encoders import capped_encoder, encoder_words, in_codecs
from matinee.commands.pictures import video_graph
from matinee.commands.stretches import Stretch
from matinee.inspection.inspection import Film, Picture
from matinee.ladder.codecs import av1_crf
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.recipes import Recipe, fixed_recipes
from matinee.model.media import Codec, Rung, Source, SourceTrack, TrackKind, VideoRange

CRF = 23.0
_STARTS = "expr:eq(n,0)"
_VIDEO = SourceTrack(0, TrackKind.VIDEO, "hevc", None, 1920, 1080, 24.0, 48)
_PICTURE = Picture(
    *(1920, 1080, Fraction(1), "yuv420p10le", False, 0.0),
    colour_space="bt2020nc",
    colour_primaries="bt2020",
    colour_transfer="smpte2084",
)
_SOURCE = Source("mov", 2.0, 1000, _VIDEO, None)
_FILM = Film("night", _SOURCE, _PICTURE, Fraction(24), 0.0, 2.0, is_steady=True, notes=())
_SDR = replace(_FILM, picture=replace(_PICTURE, colour_primaries="bt709", colour_transfer="bt709"))
_STRETCH = Stretch(0, 0, tuple(range(0, 48 * 3750, 3750)), (0,))


def _rungs(film: Film, codec: Codec) -> list[Rung]:
    return [recipe.rung for recipe in _recipes(film, codec)]


def _recipes(film: Film, codec: Codec) -> list[Recipe]:
    made = in_codecs(film, fixed_recipes(fixed_ladder(1920, 1080, 24), CRF, 1), {codec})
    return [recipe for recipe in made if recipe.rung.codec is codec]


@pytest.mark.parametrize(
    ("transfer", "video_range"),
    [("smpte2084", VideoRange.PQ), ("arib-std-b67", VideoRange.HLG), ("bt709", VideoRange.SDR)],
)
def test_light_is_kept_as_the_film_has_it_and_h264_is_ordinary(transfer: str, video_range: VideoRange) -> None:
    film = replace(_FILM, picture=replace(_PICTURE, colour_transfer=transfer))
    assert {rung.video_range for rung in _rungs(film, Codec.AV1)} == {video_range}
    assert {rung.video_range for rung in _rungs(film, Codec.H264)} == {VideoRange.SDR}


def test_high_dynamic_range_is_not_mapped_and_has_ten_bits() -> None:
    graph = video_graph(_FILM, _STRETCH, _rungs(_FILM, Codec.AV1), 0)
    assert "tonemap" not in graph
    assert "format=yuv420p10le" in graph
    assert "color_trc=smpte2084" in graph
    assert "bt709" not in graph


def test_h264_of_it_is_mapped_to_eight_bits() -> None:
    graph = video_graph(_FILM, _STRETCH, _rungs(_FILM, Codec.H264), 0)
    assert "tonemap=" in graph
    assert "format=yuv420p," in graph
    assert "smpte2084" not in graph


def test_an_ordinary_film_is_never_stretched() -> None:
    graph = video_graph(_SDR, _STRETCH, _rungs(_SDR, Codec.AV1), 0)
    assert "format=yuv420p10le" in graph
    assert "color_trc=bt709" in graph
    assert "bt2020:" not in graph


def test_svt_av1_has_key_frames_where_they_are_forced_and_one_crf() -> None:
    rung = _rungs(_SDR, Codec.AV1)[-1]
    command = capped_encoder(_SDR, rung, _STARTS, 23.0, 2)
    assert command[command.index("-force_key_frames") + 1] == _STARTS
    assert command[command.index("-crf") + 1] == "23"
    assert command[command.index("-maxrate") + 1] == str(rung.bitrate_bps)
    params = command[command.index("-svtav1-params") + 1].split(":")
    assert {"keyint=-1", "lp=2", "fps-num=24", "fps-denom=1"} <= set(params)
    assert not any("film-grain" in one for one in params)


def test_cores_beyond_svt_av1s_scale_are_its_most() -> None:
    rung = _rungs(_SDR, Codec.AV1)[-1]
    assert "lp=6" in " ".join(capped_encoder(_SDR, rung, _STARTS, 23.0, 64))
    assert "lp=" not in " ".join(capped_encoder(_SDR, rung, _STARTS, 23.0, None))


def test_grain_is_drawn_again_where_the_rung_says_so() -> None:
    rung = replace(_rungs(_SDR, Codec.AV1)[-1], grain=12)
    assert ":film-grain=12:film-grain-denoise=1" in " ".join(capped_encoder(_SDR, rung, _STARTS, 23.0, 1))


def test_x265_writes_no_words_that_differ_between_chunks_and_hdr10_where_it_is() -> None:
    command = capped_encoder(_FILM, _rungs(_FILM, Codec.HEVC)[-1], _STARTS, 23.0, 1)
    params = command[command.index("-x265-params") + 1].split(":")
    assert {"info=0", "repeat-headers=0", "open-gop=0", "hdr10=1"} <= set(params)
    assert command[command.index("-tag:v") + 1] == "hvc1"
    plain = capped_encoder(_SDR, _rungs(_SDR, Codec.HEVC)[-1], _STARTS, 23.0, 1)
    assert "hdr10=1" not in " ".join(plain)


def test_hevc_is_not_reordered_where_frames_differ_in_length() -> None:
    rung = _rungs(_SDR, Codec.HEVC)[-1]
    assert "-bf" not in capped_encoder(_SDR, rung, _STARTS, 23.0, 1)
    assert "-bf" in capped_encoder(replace(_SDR, is_steady=False), rung, _STARTS, 23.0, 1)


def test_names_of_files_follow_preset_and_crf_of_the_rungs_own_encoder() -> None:
    h264, av1 = _recipes(_SDR, Codec.H264)[0], _recipes(_SDR, Codec.AV1)[0]
    assert encoder_words(h264, _STRETCH, "fast") == ("fast", CRF)
    assert encoder_words(av1, _STRETCH, "fast") == encoder_words(av1, _STRETCH, "slow")
    assert encoder_words(av1, _STRETCH, "fast")[1] == av1_crf(CRF)


def test_a_chunk_of_several_shots_has_their_mean() -> None:
    stretch = replace(_STRETCH, starts=(0, 36))
    recipe = replace(_recipes(_SDR, Codec.AV1)[0], crfs=(22.0, 26.0))
    assert encoder_words(recipe, stretch, "fast")[1] == av1_crf(23.0)
