"""Command lines for FFmpeg, built of frozen values. Pure: one comment a reason."""

from collections.abc import Sequence
from pathlib import Path

from matinee.inspection.inspection import Film, Picture
from matinee.inspection.probe import DECODERS, DEMUXERS
from matinee.ladder.fixed import KEY_FRAME_SECONDS, needs_bars
from matinee.model.media import Rung

TICKS = 90_000  # finer than any frame step, and the unit of MPEG-2 systems: VFR time stamps survive in it
AUDIO_RATE_HZ = 48_000
# With a lookahead that the preset leaves out, superfast makes what veryfast makes in two thirds of the time.
PRESET = "superfast"
CRF = 23.0
_LOOKAHEAD = {"superfast": ":rc-lookahead=20:mbtree=1"}
_LOOK_FRAMES = 8
_WHITE_NITS = 203  # ITU-R BT.2408: what white paper shows in HDR
_ONE_MILLISECOND = 0.001


def look_command(ffmpeg: str, source: Path, video: int, audio: int | None) -> list[str]:
    """Describe the first frames as FFmpeg will see them: rotated, with colours, times and fields."""
    return [
        *start(ffmpeg, "info"),
        *open_source(source),
        *("-map", f"0:{video}", "-frames:v", str(_LOOK_FRAMES), "-fps_mode", "passthrough"),
        *("-vf", "showinfo=checksum=0", "-f", "null", "-"),
        *(keep_time(audio, "-frames:a", str(_LOOK_FRAMES)) if audio is not None else ()),
    ]


def video_command(
    ffmpeg: str,
    source: Path,
    film: Film,
    rungs: Sequence[Rung],
    outputs: Sequence[Path],
    preset: str,
    crf: float,
    cores: int | None = None,
) -> list[str]:
    """Encode rungs (smallest first) out of one decode, each into an MP4 file of its own; on all cores or so many."""
    threads = ("-threads", str(cores)) if cores else ()
    command = [
        # verbose: its last lines count what was decoded and encoded.
        *start(ffmpeg, "verbose"),
        *(("-filter_complex_threads", str(cores), *threads) if cores else ()),
        *open_source(source),
        *("-filter_complex", video_graph(film, rungs)),
    ]
    for place, (rung, output) in enumerate(zip(rungs, outputs, strict=True)):
        command += ["-map", f"[v{place}]", *_video_encoder(film, rung, preset, crf), *threads, str(output)]
    audio = film.source.audio
    return [*command, *(keep_time(audio.index) if audio is not None else ())]


def first_frame_command(ffmpeg: str, rendition: Path, output: Path) -> list[str]:
    """Take the first frame of a rendition of ours as a picture."""
    return [*start(ffmpeg, "error"), "-i", str(rendition), "-frames:v", "1", "-q:v", "2", "-y", str(output)]


def video_graph(film: Film, rungs: Sequence[Rung]) -> str:
    """The filters from the decoded picture to one pad ``[vN]`` a rung; each rung is scaled from the largest."""
    picture, largest = film.picture, rungs[-1]
    chain = []
    if picture.is_interlaced:
        # send_frame: one frame for one frame; progressive frames in between pass untouched.
        chain.append("bwdif=mode=send_frame:parity=auto:deint=interlaced")
    chain += _name_colours(picture)
    chain += _tone_map(picture, largest) if picture.is_wide_gamut else [_scale(picture, largest), "format=yuv420p"]
    chain += [
        "setsar=1",
        # One colour space for all rungs (HLS authoring specification, 1.27).
        "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709",
        f"settb=1/{TICKS}",
        f"setpts='{_time_stamps(film)}'",
    ]
    graph = f"[0:{film.source.video.index}]{','.join(chain)}"
    if len(rungs) == 1:
        return f"{graph}[v0]"
    pads = "".join(f"[s{place}]" for place in range(len(rungs)))
    smaller = [
        f"[s{place}]scale={rung.width}:{rung.height},setsar=1[v{place}]" for place, rung in enumerate(rungs[:-1])
    ]
    last = len(rungs) - 1
    return ";".join([f"{graph},split={len(rungs)}{pads}", *smaller, f"[s{last}]null[v{last}]"])


def key_frames() -> str:
    """Where every rung has an IDR frame: the first frame of each two-second cell of the film's time.

    The expression looks at time alone, so that rungs agree whatever else differs; a long gap between frames forces one
    key frame and not a burst of them. The small term keeps a frame on the edge of a cell inside it.
    """
    cell = f"floor(t/{KEY_FRAME_SECONDS:g}+0.000001)"
    return f"expr:if(isnan(prev_forced_t),1,gt({cell},{cell.replace('t/', 'prev_forced_t/')}))"


def start(ffmpeg: str, loglevel: str) -> list[str]:
    """How every command of ours begins."""
    return [ffmpeg, "-hide_banner", "-nostdin", "-loglevel", loglevel, "-progress", "pipe:1", "-stats_period", "0.5"]


def open_source(source: Path) -> list[str]:
    """Open what was uploaded, and nothing else."""
    return [
        # A playlist or a reference inside the file opens nothing else.
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", ",".join(DEMUXERS)),
        *("-codec_whitelist", ",".join(DECODERS)),
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


def _video_encoder(film: Film, rung: Rung, preset: str, crf: float) -> list[str]:
    rate = film.frame_rate
    return [
        # Every decoded frame once, at its own time.
        *("-fps_mode", "passthrough", "-enc_time_base", f"1:{TICKS}"),
        *("-c:v", "libx264", "-preset", preset, "-profile:v", "high", "-crf", f"{crf:g}"),
        # Capped CRF: within any second at most rate + buffer = peak bits.
        *("-maxrate", str(rung.bitrate_bps), "-bufsize", str(rung.peak_bps - rung.bitrate_bps)),
        # Key frames on the common grid and nowhere else; closed GOPs, so that players may switch there.
        *("-g", "100000", "-sc_threshold", "0", "-forced-idr", "1", "-flags", "+cgop"),
        *("-force_key_frames", key_frames()),
        # Reordering starts decoding early by the length of the first frames. Where frames differ in length, decoding
        # times and with them the lengths of segments would be wrong.
        *(() if film.is_steady else ("-bf", "0")),
        # Without it x264 takes the time base for the rate and picks an absurd level.
        *("-x264-params", f"fps={rate.numerator}/{rate.denominator}{_LOOKAHEAD.get(preset, '')}"),
        *clean(),
        *("-video_track_timescale", str(TICKS), "-f", "mp4"),
    ]


def _time_stamps(film: Film) -> str:
    """New time stamps: shifted to zero, the first frame from zero on, strictly rising.

    The first frame is known by its time, not by its number: a change of size in mid-film starts the filters anew.
    """
    first = film.picture.first_seconds + _ONE_MILLISECOND
    shifted = f"if(lt(T,{first:.6f}),0,PTS-({film.shift_seconds:.6f})/TB)"
    return f"st(0,{shifted});if(isnan(PREV_OUTPTS),ld(0),max(ld(0),PREV_OUTPTS+1))"


def _name_colours(picture: Picture) -> list[str]:
    """Words for colours that nothing names: converters refuse to guess."""
    if picture.pixel_format.startswith(("rgb", "bgr", "gbr", "pal", "gray", "argb", "abgr", "0", "x2")):
        return []
    words = []
    if picture.colour_space in {"unknown", "reserved"}:
        words.append(f"colorspace={picture.usual_matrix}")
    if picture.is_wide_gamut and picture.colour_primaries in {"unknown", "reserved"}:
        words.append("color_primaries=bt2020")
    if picture.is_wide_gamut and not picture.is_high_dynamic_range and picture.colour_transfer == "unknown":
        words.append("color_trc=bt709")
    return [f"setparams={':'.join(words)}"] if words else []


def _scale(picture: Picture, rung: Rung) -> str:
    colours = "out_color_matrix=bt709:out_range=tv"
    if not needs_bars(rung, picture.display_width, picture.height):
        return f"scale={rung.width}:{rung.height}:{colours}"
    inside = picture.display_width / picture.height
    width = max(2 * round(min(rung.width, rung.height * inside) / 2), 2)
    height = max(2 * round(min(rung.height, rung.width / inside) / 2), 2)
    return f"scale={width}:{height}:{colours},pad={rung.width}:{rung.height}:-1:-1"


def _tone_map(picture: Picture, rung: Rung) -> list[str]:
    return [
        # Scaled first, where it is cheap; then to linear light, where colours may be converted.
        f"zscale=w={rung.width}:h={rung.height}:t=linear:npl={_WHITE_NITS}",
        "format=gbrpf32le",
        "zscale=p=bt709",
        # mobius leaves the darker third as it is and bends what is brighter; hable darkens the whole picture.
        *(["tonemap=tonemap=mobius:desat=0"] if picture.is_high_dynamic_range else []),
        "zscale=t=bt709:m=bt709:r=tv",
        "format=yuv420p",
    ]
