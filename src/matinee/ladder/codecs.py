"""What a film's H.264 rungs become in other codecs: which sizes, at which CRF, under which caps. Pure.

They are made of H.264's, so that a film is looked at once: the same sizes, and about the same quality of each shot.
Small sizes bring little by themselves, and are there all the same. hls.js keeps to one codec, and leaves out one whose
smallest rung is above its first guess of the bandwidth; shaka-player takes the best codec of each size, and would
change between codecs with sizes.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from matinee.ladder.recipes import Recipe
from matinee.model.errors import Invalid
from matinee.model.media import Codec, Rung, VideoRange

PICTURE_CODECS = (Codec.H264, Codec.HEVC, Codec.AV1)
# CRF of equal VMAF, as slope * x264's + offset: medians over films, at production's presets, which
# ``benchmarks/encoding_codecs.py`` measures. Films differ by some 4 of AV1's CRF to either side.
_CRF = {Codec.HEVC: (1.13, -3.4), Codec.AV1: (2.25, -15.2)}
_CRF_RANGE = {Codec.HEVC: (0.0, 51.0), Codec.AV1: (1.0, 63.0)}
# What they took for that quality of H.264's bits, and a little: caps are a net.
_BITS = {Codec.H264: 1.0, Codec.HEVC: 0.8, Codec.AV1: 0.65}
_LEAST_BPS = 64_000


def read_codecs(text: str) -> tuple[Codec, ...]:
    """Codecs of pictures out of their names, comma separated, in order of making; Invalid names one that is none.

    H.264 is always among them: it is the floor that everything plays.
    """
    named = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in named:
        if name not in {codec.value for codec in PICTURE_CODECS}:
            known = ", ".join(codec.value for codec in PICTURE_CODECS)
            raise Invalid(f"There is no codec {name!r} for pictures: Matinee makes {known}.")
    return tuple(codec for codec in PICTURE_CODECS if codec is Codec.H264 or codec.value in named)


def av1_crf(x264_crf: float) -> float:
    """The CRF at which SVT-AV1 looks about as x264 does at this one, by VMAF."""
    return mapped_crf(Codec.AV1, x264_crf)


def hevc_crf(x264_crf: float) -> float:
    """The CRF at which x265 looks about as x264 does at this one, by VMAF."""
    return mapped_crf(Codec.HEVC, x264_crf)


def mapped_crf(codec: Codec, x264_crf: float) -> float:
    """The CRF of a codec's encoder that looks about as x264's does, in steps of a quarter, which encoders keep."""
    if codec is Codec.H264:
        return x264_crf
    slope, offset = _CRF[codec]
    lowest, highest = _CRF_RANGE[codec]
    return min(max(round((slope * x264_crf + offset) * 4) / 4, lowest), highest)


def chunk_crf(codec: Codec, x264_crfs: Sequence[float], frames: Sequence[int]) -> float:
    """One CRF for a chunk out of those of its shots: SVT-AV1 and x265 have no zones of CRF. Their mean by length."""
    whole = sum(frames)
    return mapped_crf(codec, sum(crf * length for crf, length in zip(x264_crfs, frames, strict=True)) / whole)


def with_codecs(
    recipes: Sequence[Recipe], codecs: Collection[Codec], video_range: VideoRange = VideoRange.SDR
) -> tuple[Recipe, ...]:
    """H.264's recipes with those of other codecs behind them, each from the smallest up; CRFs stay those of x264.

    ``video_range`` is the film's: those keep it, where H.264's are mapped down. They never get more than the film has.
    """
    floor = tuple(recipe for recipe in recipes if recipe.rung.codec is Codec.H264)
    others = [codec for codec in PICTURE_CODECS if codec in codecs and codec is not Codec.H264]
    added = [replace(one, rung=in_codec(one.rung, codec, video_range)) for codec in others for one in floor]
    return (*floor, *added)


def in_codec(rung: Rung, codec: Codec, video_range: VideoRange = VideoRange.SDR) -> Rung:
    """The rung of another codec that looks about as an H.264 one does."""
    average = max(round(rung.bitrate_bps * _BITS[codec]), _LEAST_BPS)
    peak = max(round(rung.peak_bps * _BITS[codec]), 2 * _LEAST_BPS)
    name = f"{rung.name}-{codec.value}"
    return replace(rung, name=name, bitrate_bps=average, peak_bps=peak, codec=codec, video_range=video_range)
