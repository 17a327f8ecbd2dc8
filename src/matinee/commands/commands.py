"""Command lines for FFmpeg, built of frozen values. Pure: one comment a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matinee.commands.encoders import capped_encoder, encoder_words
from matinee.commands.pictures import reference_of, video_graph
from matinee.commands.stretches import Stretch
from matinee.inspection.codecs import DECODERS
from matinee.inspection.frames import TICKS
from matinee.inspection.inspection import Film
from matinee.inspection.probe import DEMUXERS, MOST_PIXELS
from matinee.ladder.quality import OUT, quality_graph
from matinee.ladder.recipes import Recipe
from matinee.ladder.zones import zones
from matinee.model.media import Codec, Rung

AUDIO_RATE_HZ = 48_000
# With a lookahead that the preset leaves out, superfast makes what veryfast makes in two thirds of the time.
PRESET = "superfast"
CRF = 23.0
_LOOKAHEAD = {"superfast": ":rc-lookahead=20:mbtree=1"}
_LOOK_FRAMES = 8


@dataclass(frozen=True, slots=True)
class Look:
    """Which of a run's outputs is compared with the source while it is encoded, every so many frames, and the log."""

    output: int
    every: int
    log: Path


def look_command(ffmpeg: str, source: Path, video: int, audio: int | None) -> list[str]:
    """Describe the first frames as FFmpeg will see them: rotated, with colours, times and fields."""
    return [
        *start(ffmpeg, "info"),
        *open_source(source),
        *("-map", f"0:{video}", "-frames:v", str(_LOOK_FRAMES), "-fps_mode", "passthrough"),
        *("-vf", "showinfo=checksum=0", "-f", "null", "-"),
        *(keep_time(audio, "-frames:a", str(_LOOK_FRAMES)) if audio is not None else ()),
    ]


def copy_command(ffmpeg: str, source: Path, film: Film, output: Path) -> list[str]:
    """Copy the picture's packets into Matroska, which knows where they are: not every container can be sought in."""
    audio = film.source.audio
    return [
        *start(ffmpeg, "error"),
        *open_source(source),
        *("-map", f"0:{film.source.video.index}", "-c", "copy", *clean(), "-f", "matroska", str(output)),
        *(keep_time(audio.index) if audio is not None else ()),
    ]


def video_command(
    ffmpeg: str,
    source: Path,
    film: Film,
    stretch: Stretch,
    recipes: Sequence[Recipe],
    outputs: Sequence[Path],
    stamps: Path,
    preset: str,
    *,
    is_copy: bool = False,
    seeks: bool = True,
    cores: int | None = None,
    look: Look | None = None,
) -> list[str]:
    """Encode a stretch to rungs of one codec (smallest first) out of one decode, each into an MP4 file of its own.

    Recipes are those of the stretch. The times of the frames that the first encoder gets go into ``stamps``. On all
    cores or so many. A ``look`` at one of them comes out of the same decode.
    """
    rungs = [recipe.rung for recipe in recipes]
    threads = ("-threads", str(cores)) if cores else ()
    track = 0 if is_copy else film.source.video.index
    command = [
        # verbose: its last lines count what was decoded and encoded.
        *start(ffmpeg, "verbose"),
        *(("-filter_complex_threads", str(cores), *threads) if cores else ()),
        *(seek_in(stretch.seek_microseconds) if seeks else ()),
        *open_source(source),
        *("-filter_complex", video_graph(film, stretch, rungs, track, seeks=seeks)),
    ]
    for place, (recipe, output) in enumerate(zip(recipes, outputs, strict=True)):
        told = ("-stats_enc_pre", str(stamps), "-stats_enc_pre_fmt", "{pts}") if place == 0 else ()
        encoder = _video_encoder(film, stretch, recipe, preset, cores)
        command += ["-map", f"[v{place}]", *encoder, *threads, *told, "-f", "mp4", str(output)]
    if look is not None:
        graph = quality_graph(reference_of(film, stretch, (), track, seeks=seeks), "dec:0", look.log, look.every)
        command += [*threads, "-dec", f"{look.output}:0", "-filter_complex", graph]
        command += ["-map", f"[{OUT}]", "-fps_mode", "passthrough", "-f", "null", "-"]
    if film.source.audio is not None and not is_copy and not film.has_places:
        command += keep_time(film.source.audio.index)
    return command


def glimpse_command(
    ffmpeg: str,
    source: Path,
    film: Film,
    glimpse: Stretch,
    rungs: Sequence[Rung],
    outputs: Sequence[Path],
    *,
    is_copy: bool = False,
    cores: int | None = None,
) -> list[str]:
    """Write the light of a few frames as rungs of one codec (smallest first) show them: 10 bits, and nothing else."""
    threads = ("-threads", str(cores)) if cores else ()
    track = 0 if is_copy else film.source.video.index
    command = [
        *start(ffmpeg, "error"),
        *(("-filter_complex_threads", str(cores), *threads) if cores else ()),
        *seek_in(glimpse.seek_microseconds),
        *open_source(source),
        *("-filter_complex", video_graph(film, glimpse, rungs, track)),
    ]
    for place, output in enumerate(outputs):
        command += ["-map", f"[v{place}]", "-fps_mode", "passthrough", "-pix_fmt", "gray10le", "-f", "rawvideo"]
        command += ["-y", str(output)]
    return command


def first_frame_command(ffmpeg: str, rendition: Path, output: Path) -> list[str]:
    """Take the first frame of a rendition of ours as a picture."""
    return [*start(ffmpeg, "error"), "-i", str(rendition), "-frames:v", "1", "-q:v", "2", "-y", str(output)]


def key_frames(stretch: Stretch) -> str:
    """Where every rung has an IDR frame: the first frame of each segment. Frames are counted, so that rungs agree."""
    return "expr:" + "+".join(f"eq(n,{start})" for start in stretch.starts)


def seek_in(microseconds: int | None) -> list[str]:
    """Begin with the first frame from there on: decode from the key frame before it, and drop what comes too early."""
    if microseconds is None:
        return []
    # By the container's own time stamps: its start may be another track's.
    return ["-seek_timestamp", "1", "-ss", f"{microseconds}us"]


def start(ffmpeg: str, loglevel: str) -> list[str]:
    """How every command of ours begins."""
    return [ffmpeg, "-hide_banner", "-nostdin", "-loglevel", loglevel, "-progress", "pipe:1", "-stats_period", "0.5"]


def open_source(source: Path) -> list[str]:
    """Open what was uploaded, and nothing else."""
    return [
        # A playlist or a reference inside the file opens nothing else.
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", ",".join(DEMUXERS)),
        *("-codec_whitelist", ",".join(DECODERS)),
        # A picture may grow after the first.
        *("-max_pixels", str(MOST_PIXELS)),
        # A picture that becomes another size goes on in the same graph: a new one would lose the frames that filters
        # hold, and count them from zero.
        *("-reinit_filter:v", "0"),
        # file: keeps a name with a colon from being taken for a protocol.
        *("-i", f"file:{source}"),
    ]


def keep_time(other: int, *options: str) -> list[str]:
    """Read the other track too, into nothing.

    FFmpeg counts time from the earliest track in use, and mends jumps by all tracks in use. Picture and sound are
    encoded by different runs, which must agree about both.
    """
    return ["-map", f"0:{other}", "-c", "copy", *options, "-f", "null", "-"]


def clean() -> list[str]:
    """Nothing of the source's metadata, chapters and time codes comes along."""
    return ["-map_metadata", "-1", "-map_chapters", "-1", "-write_tmcd", "0", "-y"]


def encode_frames(preset: str, crf: float) -> list[str]:
    """Every frame once, at its own time, with H.264."""
    return [
        *("-fps_mode", "passthrough", "-enc_time_base", f"1:{TICKS}"),
        *("-c:v", "libx264", "-preset", preset, "-profile:v", "high", "-crf", f"{crf:g}"),
    ]


def x264_params(film: Film, preset: str) -> str:
    """What libx264 cannot be told in FFmpeg's own words."""
    # stitchable: one set of parameters for all stretches, which are joined. Without fps x264 takes the time base for
    # the rate and picks an absurd level.
    rate = film.shown_rate
    return f"stitchable=1:fps={rate.numerator}/{rate.denominator}{_LOOKAHEAD.get(preset, '')}"


def _video_encoder(film: Film, stretch: Stretch, recipe: Recipe, preset: str, cores: int | None) -> list[str]:
    rung, by_shot = recipe.rung, zones(stretch.starts, stretch.encoded, recipe.crfs)
    if rung.codec is not Codec.H264:
        _, crf = encoder_words(recipe, stretch, preset)
        return [
            *("-fps_mode", "passthrough", "-enc_time_base", f"1:{TICKS}"),
            *capped_encoder(film, rung, key_frames(stretch), crf, cores),
            *clean(),
            *("-video_track_timescale", str(TICKS)),
        ]
    return [
        *encode_frames(preset, recipe.crfs[0]),
        # Capped CRF: within any second of a stretch at most rate + buffer = peak bits.
        *("-maxrate", str(rung.bitrate_bps), "-bufsize", str(rung.peak_bps - rung.bitrate_bps)),
        # Key frames where segments begin and nowhere else; closed GOPs, so that players may switch there.
        *("-g", "100000", "-sc_threshold", "0", "-forced-idr", "1", "-flags", "+cgop"),
        *("-force_key_frames", key_frames(stretch)),
        # Reordering starts decoding early by the length of the first frames. Where frames differ in length, decoding
        # times and with them the lengths of segments would be wrong.
        *(() if film.is_steady else ("-bf", "0")),
        *("-x264-params", x264_params(film, preset) + (f":zones={by_shot}" if by_shot else "")),
        *clean(),
        *("-video_track_timescale", str(TICKS)),
    ]
