"""Encoders beside x264, which ``commands`` has: SVT-AV1 and x265, and the pictures they get. Pure.

Both make 10 bits, also of 8: rounding inside the encoder is finer, gradients do not band, and AV1's main profile and
every decoder of it have them. High dynamic range stays as it is; nothing ordinary is stretched to it.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

from matinee.commands.stretches import Stretch
from matinee.inspection.inspection import Film
from matinee.ladder.codecs import chunk_crf, with_codecs
from matinee.ladder.recipes import Recipe
from matinee.model.media import Codec, Rung, VideoRange

# 9 takes a quarter less time and 6 to 11 % more bits at VMAF 93; those above are not for films, says SVT-AV1.
AV1_PRESET = "8"
HEVC_PRESET = "superfast"
_MOST_PARALLEL = 6  # SVT-AV1's own scale of parallelism
# Frames of eight bits that wait in an encoder's filters and lookahead, measured: five rungs up to 1080p in AV1 take
# 1.1 GiB on one core, 2.1 on four.
_HELD_FRAMES = {Codec.H264: 90, Codec.HEVC: 180, Codec.AV1: 300}
_TRANSFERS = {VideoRange.PQ: "smpte2084", VideoRange.HLG: "arib-std-b67"}


def in_codecs(film: Film, recipes: Sequence[Recipe], codecs: Collection[Codec]) -> tuple[Recipe, ...]:
    """A film's H.264 with its rungs of other codecs behind it; they keep the light as the film has it."""
    transfers = {name: video_range for video_range, name in _TRANSFERS.items()}
    return with_codecs(recipes, codecs, transfers.get(film.picture.colour_transfer, VideoRange.SDR))


def held_pixels(rung: Rung) -> int:
    """Pixels that wait in memory while a rung is encoded on all cores."""
    return rung.width * rung.height * _HELD_FRAMES[rung.codec]


def encoder_words(recipe: Recipe, stretch: Stretch, x264_preset: str) -> tuple[str, float]:
    """What is told to a rung's encoder for a stretch: its preset, and its CRF, of x264 the first shot's."""
    preset = {Codec.AV1: AV1_PRESET, Codec.HEVC: HEVC_PRESET}.get(recipe.rung.codec)
    if preset is None:
        return x264_preset, recipe.crfs[0]
    lengths = [following - start for start, following in pairwise((*stretch.starts, stretch.encoded))]
    return preset, chunk_crf(recipe.rung.codec, recipe.crfs, lengths)


def capped_encoder(film: Film, rung: Rung, starts: str, crf: float, cores: int | None) -> list[str]:
    """The encoder of a rung that is not H.264's, with its caps; ``starts`` is where its key frames are.

    One CRF for the whole chunk: neither encoder has zones of it.
    """
    rate = film.shown_rate
    if rung.codec is Codec.AV1:
        # Of the rate SVT-AV1 makes the level; without it, it takes the time base for one.
        # The cap is meant: by itself SVT-AV1 goes a half beyond it.
        more = f"fps-num={rate.numerator}:fps-denom={rate.denominator}:mbr-overshoot-pct=10"
        if rung.grain:
            # Grain is taken out and drawn again by the decoder (AV1 specification §7.18.3).
            more += f":film-grain={rung.grain}:film-grain-denoise=1"
        options = av1_options(AV1_PRESET, crf, cores, more)
    else:
        more = f"fps={rate.numerator}/{rate.denominator}"
        if rung.video_range is VideoRange.PQ:
            # FFmpeg hands over what the source says of its mastering display; this has it written.
            more += ":hdr10=1"
        options = hevc_options(HEVC_PRESET, crf, cores, more)
        # As for x264: where frames differ in length, none is reordered.
        options += ["-forced-idr", "1", *(() if film.is_steady else ("-bf", "0"))]
    return [
        *options,
        *("-maxrate", str(rung.bitrate_bps), "-bufsize", str(rung.peak_bps - rung.bitrate_bps)),
        *("-g", "100000", "-force_key_frames", starts),
    ]


def av1_options(preset: str, crf: float, cores: int | None, more: str = "") -> list[str]:
    """SVT-AV1 without caps, on so many cores or all; ``more`` are further parameters."""
    params = [
        # No key frames but those that are forced; all of them are closed.
        "keyint=-1",
        # Pictures are filmed: no tools for desktops.
        "scm=0",
        # How many pictures are worked on at once; the stream is the same whatever it is.
        *([f"lp={min(cores, _MOST_PARALLEL)}"] if cores else []),
        *([more] if more else []),
    ]
    return ["-c:v", "libsvtav1", "-preset", preset, "-crf", f"{crf:g}", "-svtav1-params", ":".join(params)]


def hevc_options(preset: str, crf: float, cores: int | None, more: str = "") -> list[str]:
    """x265 without caps, on so many cores or all; ``more`` are further parameters."""
    params = [
        "log-level=error",
        # Key frames where they are forced and nowhere else, closed.
        "open-gop=0:scenecut=0:keyint=-1",
        # Parameters stand in the sample entry alone, as hvc1 promises (ISO/IEC 14496-15 §8.3); without info, which
        # tells the CRF, they are the same in all chunks.
        "repeat-headers=0:info=0",
        # x265 would take the whole machine.
        *([f"pools={cores}:frame-threads={min(cores, 4)}"] if cores else []),
        *([more] if more else []),
    ]
    # Apple's players want hvc1, and not hev1.
    return [
        "-c:v",
        "libx265",
        "-preset",
        preset,
        "-crf",
        f"{crf:g}",
        "-tag:v",
        "hvc1",
        "-x265-params",
        ":".join(params),
    ]


def kept_range(rung: Rung) -> list[str]:
    """The filters that bring a picture of high dynamic range to a rung's size, with its light as it is."""
    transfer = _TRANSFERS[rung.video_range]
    return [
        # Whatever its matrix and primaries are, they become those that players know (ITU-R BT.2100).
        f"zscale=w={rung.width}:h={rung.height}:p=bt2020:m=bt2020nc:r=tv",
        "format=yuv420p10le",
        "setsar=1",
        f"setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}",
    ]


def pixel_format(rung: Rung) -> str:
    """FFmpeg's word for what a rung's encoder is given."""
    return "yuv420p10le" if rung.depth > 8 else "yuv420p"  # noqa: PLR2004 - bits
