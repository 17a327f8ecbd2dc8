"""Command lines: what each must and must not say."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from matinee.commands.commands import (
    Look,
    copy_command,
    glimpse_command,
    key_frames,
    look_command,
    video_command,
)
from matinee.commands.first_rung import EarlySound, first_rung, survey_command
from matinee.commands.pictures import video_graph
from matinee.commands.sound import measure_command, sound_command, sound_graph
from matinee.commands.stretches import Stretch
from matinee.inspection.inspection import Film, Picture
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.recipes import Recipe
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
_STRETCH = Stretch(2, 100, tuple(range(0, 150_000, 3_750)), (0, 20), 1, 4_145_000, 1_950)


def _film(**changes: object) -> Film:
    return replace(_FILM, picture=replace(_PICTURE, **changes))  # type: ignore[arg-type]


def _video(film: Film = _FILM, **more: Any) -> list[str]:
    outputs = [Path(f"/kept/{rung.name}.part") for rung in _RUNGS]
    recipes = [Recipe(rung, (23.0, 27.5)) for rung in _RUNGS]
    return video_command("ffmpeg", _SOURCE, film, _STRETCH, recipes, outputs, Path("/kept/stamps"), "fast", **more)


def _survey(**more: Any) -> list[str]:
    words = {"is_copy": False, "keeps_stamps": True, **more}
    return survey_command("ffmpeg", _SOURCE, _FILM, first_rung(_FILM), Path("o"), **words)


def _graph(film: Film = _FILM, stretch: Stretch = _STRETCH) -> str:
    return video_graph(film, stretch, _RUNGS, 0)


def _values(command: list[str], option: str) -> list[str]:
    return [command[place + 1] for place, word in enumerate(command) if word == option]


def test_every_rung_passes_every_frame_through_on_the_same_clock_and_grid() -> None:
    command = _video()
    assert _values(command, "-fps_mode") == ["passthrough"] * len(_RUNGS)
    assert _values(command, "-enc_time_base") == ["1:90000"] * len(_RUNGS)
    assert set(_values(command, "-force_key_frames")) == {key_frames(_STRETCH)}
    assert _values(command, "-sc_threshold") == ["0"] * len(_RUNGS)
    assert _values(command, "-maxrate") == [str(rung.bitrate_bps) for rung in _RUNGS]


def test_what_is_uploaded_opens_nothing_else() -> None:
    for command in (
        _video(),
        measure_command("ffmpeg", _SOURCE, _FILM, _SOUNDS),
        sound_command("ffmpeg", _SOURCE, _FILM, _SOUNDS, [0.0], [Path("o")]),
        look_command("ffmpeg", _SOURCE, 0, 1),
        copy_command("ffmpeg", _SOURCE, _FILM, Path("o")),
        _survey(keeps_stamps=False),
    ):
        before_input = command[: command.index("-i")]
        assert {"-protocol_whitelist", "-format_whitelist", "-codec_whitelist"} <= set(before_input)
        assert command[command.index("-i") + 1] == f"file:{_SOURCE}"
        assert "magicyuv" not in " ".join(before_input)


def test_picture_and_sound_are_read_by_both_runs_so_that_they_agree_about_time() -> None:
    both = ["-map", "0:1", "-c", "copy", "-f", "null", "-"]
    assert copy_command("ffmpeg", _SOURCE, _FILM, Path("o"))[-7:] == both
    mended = _survey(keeps_stamps=False)
    assert mended[-7:] == both
    assert "-copyts" not in mended
    assert measure_command("ffmpeg", _SOURCE, _FILM, _SOUNDS)[-7:] == ["-map", "0:0", "-c", "copy", "-f", "null", "-"]
    other = plan_sounds([replace(_SOUNDS[0].track, index=5)])
    assert _values(measure_command("ffmpeg", _SOURCE, _FILM, other), "-map")[1:] == ["0:0", "0:1"]
    # A container's own time stamps need no other track.
    own = _survey()
    assert "-copyts" in own
    assert "0:1" not in own


def test_a_survey_looks_at_whole_lines_for_fields_and_at_a_small_picture_for_cuts() -> None:
    command = _survey(is_copy=True)
    (graph,) = _values(command, "-filter_complex")
    assert graph.startswith("[0:0]split[whole][first];[whole]scale=1280:720,idet,scale=320:180")
    assert _values(command, "-stats_enc_pre") == ["o"]
    assert set(_values(command, "-enc_time_base")) == {"1:90000"}


def test_the_first_rung_comes_out_of_the_decode_that_looks_at_every_frame() -> None:
    assert first_rung(_FILM).height == 360
    quiet = _survey()
    assert _values(quiet, "-crf") == ["26"]
    assert _values(quiet, "-f") == ["null", "mp4"]
    assert "-c:a" not in quiet
    shown = _survey(early=True, sound=EarlySound(_SOUNDS[0], 1.5))
    assert "PTS-(1.500000)/TB" in _values(shown, "-filter_complex")[0]
    whole, segments = shown[shown.index("tee") + 1].split("|")
    assert whole == "[select=v:f=mp4:video_track_timescale=90000]first.mp4"
    assert "hls_playlist_type=event" in segments


def test_every_frame_is_looked_at_alike_where_no_first_rung_is_wanted() -> None:
    alone, beside = (
        survey_command("ffmpeg", _SOURCE, _FILM, rung, Path("o"), is_copy=False, keeps_stamps=True)
        for rung in (None, first_rung(_FILM))
    )
    assert "-c:v" not in alone
    assert _values(alone, "-f") == ["null"]
    assert _values(alone, "-filter_complex") == [
        _values(beside, "-filter_complex")[0].partition(";[first]")[0].replace("split[whole][first];[whole]", "")
    ]


def test_each_shot_of_a_stretch_has_its_own_crf() -> None:
    command = _video()
    assert _values(command, "-crf") == ["23"] * len(_RUNGS)
    assert all(words.endswith(":zones=0,19,crf=23/20,39,crf=27.5") for words in _values(command, "-x264-params"))


def test_a_stretch_is_sought_midway_before_its_first_frame_and_ends_by_count() -> None:
    command = _video()
    assert command.index("-ss") < command.index("-i")
    assert _values(command, "-ss") == ["4145000us"]
    assert _values(command, "-seek_timestamp") == ["1"]
    assert _graph().startswith("[0:0]trim=start_frame=0:end_frame=40,")
    assert "PTS-(1950)+90000" in _graph()
    assert _values(command, "-stats_enc_pre") == ["/kept/stamps"]


def test_a_glimpse_is_the_light_of_a_few_frames_in_every_rungs_size() -> None:
    outputs = [Path(f"/kept/{rung.name}.grey") for rung in _RUNGS]
    glimpse = replace(_STRETCH, times=_STRETCH.times[:3])
    command = glimpse_command("ffmpeg", _SOURCE, _FILM, glimpse, _RUNGS, outputs, cores=1)
    assert _values(command, "-filter_complex") == [video_graph(_FILM, glimpse, _RUNGS, 0)]
    assert _values(command, "-ss") == [f"{glimpse.seek_microseconds}us"]
    assert _values(command, "-pix_fmt") == ["gray10le"] * len(outputs)
    assert _values(command, "-y") == [str(output) for output in outputs]
    assert command.index("-protocol_whitelist") < command.index("-i")


def test_a_stretch_that_is_not_sought_is_counted_from_the_start() -> None:
    counted = _video(seeks=False)
    assert "-ss" not in counted
    assert "trim=start_frame=100:end_frame=140,setparams" in _values(counted, "-filter_complex")[0]
    first = replace(_STRETCH, first=0, seek_microseconds=None, lead_ticks=0)
    assert "trim=start_frame=0:end_frame=40," in _graph(stretch=first)
    assert "PTS-STARTPTS+90000" in _graph(stretch=first)


def test_key_frames_stand_where_segments_begin() -> None:
    assert key_frames(_STRETCH) == "expr:eq(n,0)+eq(n,20)"
    assert all("stitchable=1" in words for words in _values(_video(), "-x264-params"))


def test_every_field_of_an_interlaced_picture_becomes_a_frame() -> None:
    film = _film(is_interlaced=True)
    assert "end_frame=40,scale=1280:720,bwdif=mode=send_field:parity=tff:deint=all" in _graph(film)
    assert "parity=bff" in _graph(_film(is_interlaced=True, is_bottom_first=True))
    assert "bwdif" not in _graph()
    assert "fps=48/1" in _values(_video(film), "-x264-params")[0]


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_a_high_dynamic_range_is_mapped_down_once_for_all_rungs(transfer: str) -> None:
    film = _film(colour_space="bt2020nc", colour_primaries="bt2020", colour_transfer=transfer)
    assert _graph(film).count("tonemap=tonemap=mobius") == 1
    assert "tonemap" not in _graph()


def test_a_wide_gamut_of_standard_range_is_converted_and_not_mapped() -> None:
    graph = _graph(_film(colour_space="bt2020nc", colour_primaries="bt2020", colour_transfer="bt709"))
    assert "zscale=p=bt709" in graph
    assert "tonemap" not in graph


def test_colours_that_nothing_names_are_named_by_the_size_of_the_picture() -> None:
    assert "setparams=colorspace=bt709," in _graph()
    assert "setparams=colorspace=smpte170m," in _graph(_film(width=640, height=480))
    assert "smpte170m" not in _graph(_film(width=640, height=480, pixel_format="gbrp"))
    assert "setparams=colorspace" not in _graph(_film(colour_space="bt470bg"))


def test_all_rungs_leave_with_square_pixels_in_one_colour_space() -> None:
    graph = _graph()
    assert graph.count("setsar=1") == len(_RUNGS)
    assert "colorspace=bt709:color_primaries=bt709:color_trc=bt709" in graph
    assert graph.endswith("null[v3]")


def test_a_single_rung_needs_no_split() -> None:
    assert video_graph(_FILM, _STRETCH, _RUNGS[:1], 0).endswith("[v0]")
    assert "split" not in video_graph(_FILM, _STRETCH, _RUNGS[:1], 0)


def test_frames_of_unequal_length_are_encoded_in_their_order() -> None:
    assert _values(_video(replace(_FILM, is_steady=False)), "-bf") == ["0"] * len(_RUNGS)
    assert "-bf" not in _video()


def test_sound_is_shifted_as_the_list_of_frames_is() -> None:
    late = replace(_FILM, shift_seconds=10.25)
    assert "PTS-(10.250000)/TB" in sound_graph(late, _SOUNDS, ["anull"])


def test_a_rung_is_looked_at_out_of_the_decode_that_it_is_encoded_by() -> None:
    plain, command = _video(), _video(look=Look(2, 12, Path("/kept/vmaf.json")))
    assert command[: len(plain)] == plain
    words = command[len(plain) :]
    assert words[words.index("-dec") + 1] == "2:0"
    graph = words[words.index("-filter_complex") + 1]
    source, shown, _ = graph.split(";")
    assert source.startswith(f"[0:{_FILM.source.video.index}]trim=start_frame=0:end_frame=40,trim=end_frame=40,select=")
    assert source.index("select=") < source.index("scale=")
    assert shown.startswith("[dec:0]select=")
    assert words[-2:] == ["null", "-"]
