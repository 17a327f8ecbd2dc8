"""The command that decodes all of a source once: it lists and looks at every frame, and encodes the first rung.

That rung is what people can play while the others are made, and what those are chosen by. It has no share in the grid
of the others, which is known only when all frames have been seen, and is not in the presentation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matinee.commands.commands import (
    AUDIO_RATE_HZ,
    PRESET,
    clean,
    encode_frames,
    keep_time,
    open_source,
    start,
    x264_params,
)
from matinee.commands.pictures import first_size, light_alone, picture_chain
from matinee.commands.sound import BITRATES_BPS, sound_graph
from matinee.inspection.frames import TICKS, look_size
from matinee.inspection.inspection import Film
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.prediction import PROBE_CRF, probe_size
from matinee.ladder.quality import reference_size
from matinee.model.media import Rung
from matinee.packaging.sound import STEREO, Sound

FIRST, EARLY, EARLY_PLAYLIST, FIRST_STILL = "first.mp4", "early", "main.m3u8", "first.jpg"
"""In the folder where the command runs: the rung, and the folder of what can be played of it so far."""

_CUT_SCORE = 8  # scdet's, of 100: fewer cuts than a viewer would name, and hardly one that is none
_BARS_EVERY_SECONDS = 5
_STILL_SHARE, _STILL_FRAMES = 0.35, 24
# The first segment is short, so that it is soon there. Key frames also stand where x264 finds cuts.
_SEGMENT_SECONDS, _FIRST_SEGMENT_SECONDS = 4, 2


@dataclass(frozen=True, slots=True)
class EarlySound:
    """The sound of what can be played early, and when the film begins by its container's clock, in seconds.

    ``source`` is where it is, if it does not lie beside the picture that is decoded.
    """

    sound: Sound
    zero_seconds: float
    source: Path | None = None


def first_rung(film: Film) -> Rung:
    """The first rung of a film: small enough to be quick, large enough to be looked at."""
    rungs = fixed_ladder(film.picture.display_width, film.picture.height, float(film.shown_rate)).rungs
    size = probe_size([(rung.width, rung.height) for rung in rungs])
    return next(rung for rung in rungs if (rung.width, rung.height) == size)


def first_time_command(ffmpeg: str, source: Path, film: Film) -> list[str]:
    """Tell the time of the first frame by the container's clock."""
    return [
        *start(ffmpeg, "info"),
        "-copyts",
        *open_source(source),
        *("-map", f"0:{film.source.video.index}", "-frames:v", "1", "-fps_mode", "passthrough"),
        *("-vf", "showinfo=checksum=0", "-f", "null", "-"),
    ]


def still_command(ffmpeg: str, source: Path, film: Film, output: Path) -> list[str]:
    """Take the most usual picture of a moment well inside a film: its first ones are black, or a card with its name."""
    width, height = reference_size(film.picture.display_width, film.picture.height)
    chain = picture_chain(film, Rung("still", width, height, 0, 0))
    return [
        *start(ffmpeg, "error"),
        *("-ss", f"{film.length_seconds * _STILL_SHARE:.3f}"),
        *open_source(source),
        *("-map", f"0:{film.source.video.index}", "-vf", ",".join([*chain, f"thumbnail={_STILL_FRAMES}"])),
        *("-frames:v", "1", "-q:v", "2", "-y", str(output)),
    ]


def survey_command(
    ffmpeg: str,
    source: Path,
    film: Film,
    rung: Rung | None,
    stamps: Path,
    *,
    is_copy: bool,
    keeps_stamps: bool,
    cores: int | None = None,
    early: bool = False,
    sound: EarlySound | None = None,
) -> list[str]:
    """Decode all of a source: the list of every frame's time into ``stamps``, and in the messages what filters found.

    The rung, if there is one, goes into ``first.mp4`` of the folder that this runs in; also into ``early/``, as
    segments that can be played as they come, with a ``sound``, if that is asked for. Time stamps are the container's
    own where it ``keeps_stamps``; else they are mended as for the sound.
    """
    audio, track = film.source.audio, 0 if is_copy else film.source.video.index
    graph = [f"[0:{track}]{_look(film)}"]
    if rung is not None:
        picture = ",".join([*picture_chain(film, rung), *_film_times(film)])
        graph = [f"[0:{track}]split[whole][first];[whole]{_look(film)}", f"[first]{picture}[picture]"]
    if sound is not None:
        graph.append(sound_graph(film, [sound.sound], ["anull"], sound.zero_seconds, 0 if sound.source is None else 1))
    threads = ("-threads", str(cores)) if cores else ()
    return [
        *start(ffmpeg, "verbose"),
        *((*threads, "-filter_complex_threads", str(cores)) if cores else ()),
        *(("-copyts",) if keeps_stamps else ()),
        *open_source(source),
        *(() if sound is None or sound.source is None else open_source(sound.source)),
        *("-filter_complex", ";".join(graph)),
        *("-map", "[seen]", "-fps_mode", "passthrough", "-enc_time_base", f"1:{TICKS}"),
        *("-stats_enc_pre", str(stamps), "-stats_enc_pre_fmt", "{pts}", "-f", "null", "-"),
        *(() if rung is None else _encoded(film, threads)),
        *(_sound_words(sound) if early else ()),
        *(() if rung is None else clean()),
        *(_outputs() if early else () if rung is None else ("-video_track_timescale", str(TICKS), "-f", "mp4", FIRST)),
        *(keep_time(audio.index) if audio is not None and not keeps_stamps else ()),
    ]


def _encoded(film: Film, threads: Sequence[str]) -> Sequence[str]:
    """The first rung's encoder."""
    return (
        *("-map", "[picture]", *encode_frames(PRESET, PROBE_CRF), *threads),
        *("-g", "100000", "-forced-idr", "1", "-flags", "+cgop+global_header"),
        *("-force_key_frames", f"expr:gte(t,if(n_forced,{_FIRST_SEGMENT_SECONDS}+{_SEGMENT_SECONDS}*(n_forced-1),0))"),
        *("-x264-params", x264_params(film, PRESET)),
    )


def _look(film: Film) -> str:
    """What is looked at, from whole pictures on."""
    width, height = look_size(film)
    first = ",".join([*light_alone(film.picture), first_size(film.picture)])
    return (
        # Fields are seen in whole lines alone.
        f"{first},idet,scale={width}:{height}:flags=fast_bilinear,split[all][few];"
        f"[all]scdet=threshold={_CUT_SCORE}[seen];"
        # It tells of every frame it sees; bars that stand for the whole film are in few as well.
        f"[few]select='isnan(prev_selected_t)+gte(t-prev_selected_t,{_BARS_EVERY_SECONDS})',"
        "cropdetect=round=2,nullsink"
    )


def _film_times(film: Film) -> Sequence[str]:
    """Times from the film's start on, strictly rising; the first frame stands from zero, as in ``film_times``."""
    lead = round((film.picture.first_seconds - film.shift_seconds) * TICKS)
    shifted = f"st(0,PTS-STARTPTS+{lead})"
    return (f"settb=1/{TICKS}", f"setpts='{shifted};if(isnan(PREV_OUTPTS),0,max(ld(0),PREV_OUTPTS+1))'")


def _sound_words(sound: EarlySound | None) -> Sequence[str]:
    if sound is None:
        return ()
    return (
        "-map",
        f"[{sound.sound.name}]",
        "-c:a",
        "aac",
        "-b:a",
        str(BITRATES_BPS[STEREO]),
        "-ar",
        str(AUDIO_RATE_HZ),
    )


def _outputs() -> Sequence[str]:
    """One encode, twice written: whole, and in segments that are never changed once they stand in the playlist."""
    segments = {
        "f": "hls",
        "hls_time": str(_FIRST_SEGMENT_SECONDS),
        "hls_list_size": "0",
        "hls_playlist_type": "event",
        # Audio and video in one file each; TS needs no edit lists, which players read differently.
        "hls_segment_type": "mpegts",
        "start_number": "1",
        "hls_flags": "independent_segments+temp_file",
        "hls_segment_filename": f"{EARLY}/%05d.ts",
    }
    told = ":".join(f"{name}={value}" for name, value in segments.items())
    whole = f"[select=v:f=mp4:video_track_timescale={TICKS}]{FIRST}"
    return ("-f", "tee", f"{whole}|[{told}]{EARLY}/{EARLY_PLAYLIST}")
