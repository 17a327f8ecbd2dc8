"""Command lines: what each must and must not say."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from matinee.encoding.commands import key_frames, look_command, video_command, video_graph
from matinee.encoding.sound import measure_command, sound_command, sound_graph
from matinee.inspection.inspection import Film, Picture
from matinee.ladder.fixed import fixed_ladder
from matinee.model.media import Source, SourceTrack, TrackKind
from matinee.packaging.sound import plan_sounds

_PICTURE = Picture(1280, 720, Fraction(1), "yuv420p", is_interlaced=False, first_seconds=0.0)
_FILM = Film(
    name="film.mp4",
    source=Source(
        container="mov",
        duration_seconds=12.0,
        size_bytes=1_000_000,
        video=SourceTrack(0, TrackKind.VIDEO, "h264", width=1280, height=720, frame_rate=24.0, frames=288),
        audio=SourceTrack(1, TrackKind.AUDIO, "aac", channels=2, sample_rate_hz=22_050),
    ),
    picture=_PICTURE,
    frame_rate=Fraction(24),
    shift_seconds=0.0,
    length_seconds=12.0,
    is_steady=True,
    notes=(),
)
_RUNGS = fixed_ladder(1280, 720, 24).rungs
_SOUNDS = plan_sounds(_FILM.source.sounds)
_SOURCE = Path("/kept/a,b:c.mp4")


def _film(**changes: object) -> Film:
    return replace(_FILM, picture=replace(_PICTURE, **changes))  # type: ignore[arg-type]


def _video(film: Film = _FILM) -> list[str]:
    outputs = [Path(f"/kept/{rung.name}.part") for rung in _RUNGS]
    return video_command("ffmpeg", _SOURCE, film, _RUNGS, outputs, "veryfast", 23)


def _values(command: list[str], option: str) -> list[str]:
    return [command[place + 1] for place, word in enumerate(command) if word == option]


def test_every_rung_passes_every_frame_through_on_the_same_clock_and_grid() -> None:
    command = _video()
    assert _values(command, "-fps_mode") == ["passthrough"] * len(_RUNGS)
    assert _values(command, "-enc_time_base") == ["1:90000"] * len(_RUNGS)
    assert set(_values(command, "-force_key_frames")) == {key_frames()}
    assert _values(command, "-sc_threshold") == ["0"] * len(_RUNGS)
    assert _values(command, "-maxrate") == [str(rung.bitrate_bps) for rung in _RUNGS]


def test_what_is_uploaded_opens_nothing_else() -> None:
    for command in (
        _video(),
        measure_command("ffmpeg", _SOURCE, _FILM, _SOUNDS),
        sound_command("ffmpeg", _SOURCE, _FILM, _SOUNDS, [0.0], [Path("o")]),
        look_command("ffmpeg", _SOURCE, 0, 1),
    ):
        before_input = command[: command.index("-i")]
        assert {"-protocol_whitelist", "-format_whitelist", "-codec_whitelist"} <= set(before_input)
        assert command[command.index("-i") + 1] == f"file:{_SOURCE}"
        assert "magicyuv" not in " ".join(before_input)


def test_picture_and_sound_are_read_by_both_runs_so_that_they_agree_about_time() -> None:
    assert _video()[-7:] == ["-map", "0:1", "-c", "copy", "-f", "null", "-"]
    assert measure_command("ffmpeg", _SOURCE, _FILM, _SOUNDS)[-7:] == ["-map", "0:0", "-c", "copy", "-f", "null", "-"]
    other = plan_sounds([replace(_SOUNDS[0].track, index=5)])
    assert _values(measure_command("ffmpeg", _SOURCE, _FILM, other), "-map")[1:] == ["0:0", "0:1"]
    silent = replace(_FILM, source=replace(_FILM.source, audio=None))
    assert "null" not in _video(silent)[-3:]


def test_an_interlaced_picture_gives_one_frame_for_one_frame() -> None:
    assert "bwdif=mode=send_frame" in video_graph(_film(is_interlaced=True), _RUNGS)
    assert "bwdif" not in video_graph(_FILM, _RUNGS)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_a_high_dynamic_range_is_mapped_down_once_for_all_rungs(transfer: str) -> None:
    film = _film(colour_space="bt2020nc", colour_primaries="bt2020", colour_transfer=transfer)
    assert video_graph(film, _RUNGS).count("tonemap=tonemap=mobius") == 1
    assert "tonemap" not in video_graph(_FILM, _RUNGS)


def test_a_wide_gamut_of_standard_range_is_converted_and_not_mapped() -> None:
    graph = video_graph(_film(colour_space="bt2020nc", colour_primaries="bt2020", colour_transfer="bt709"), _RUNGS)
    assert "zscale=p=bt709" in graph
    assert "tonemap" not in graph


def test_colours_that_nothing_names_are_named_by_the_size_of_the_picture() -> None:
    assert "setparams=colorspace=bt709," in video_graph(_FILM, _RUNGS)
    assert "setparams=colorspace=smpte170m," in video_graph(_film(width=640, height=480), _RUNGS)
    assert "smpte170m" not in video_graph(_film(width=640, height=480, pixel_format="gbrp"), _RUNGS)
    assert "setparams=colorspace" not in video_graph(_film(colour_space="bt470bg"), _RUNGS)


def test_all_rungs_leave_with_square_pixels_in_one_colour_space() -> None:
    graph = video_graph(_FILM, _RUNGS)
    assert graph.count("setsar=1") == len(_RUNGS)
    assert "colorspace=bt709:color_primaries=bt709:color_trc=bt709" in graph
    assert graph.endswith("null[v3]")


def test_a_single_rung_needs_no_split() -> None:
    assert video_graph(_FILM, _RUNGS[:1]).endswith("[v0]")
    assert "split" not in video_graph(_FILM, _RUNGS[:1])


def test_frames_of_unequal_length_are_encoded_in_their_order() -> None:
    assert _values(_video(replace(_FILM, is_steady=False)), "-bf") == ["0"] * len(_RUNGS)
    assert "-bf" not in _video()


def test_time_is_shifted_for_picture_and_sound_alike() -> None:
    late = replace(_FILM, shift_seconds=10.25)
    assert "PTS-(10.250000)/TB" in video_graph(late, _RUNGS)
    assert "PTS-(10.250000)/TB" in sound_graph(late, _SOUNDS, ["anull"])
