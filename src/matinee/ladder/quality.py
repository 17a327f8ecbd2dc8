"""How good an encode looks beside what it was made from: VMAF, frame by frame, at one reference size. Pure.

VMAF (Li, Aaron, Katsavounidis, Moorthy and Manohara: Toward a Practical Perceptual Video Quality Metric, 2016; model
v0.6.1) goes from 0 to 100; about 93 is taken for the original, and three of four people see a step of six. All encodes
of a film are scaled up to one size and compared there, for that is how a player shows them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from matinee.model.errors import EncodingFailed

OUT = "compared"
"""The pad at the end of a comparison."""
EVERY = 6  # frames; the mean of every sixth is within .1 of the mean of all
_LEAST_SIDE = 32  # four scales, each half of the last
_TALLEST = 1080  # the model was taught on 1080 lines seen from three heights away
_WORST, _BEST = 0.0, 100.0
_NEIGHBOURS = 3  # a scored frame with the one before and the one behind it
# What libvmaf writes of each frame beside its score; these, and the score, predict the other rungs.
_FEATURES = {
    "integer_adm2": "detail",
    "integer_vif_scale0": "fine",
    "integer_vif_scale1": "middle",
    "integer_vif_scale2": "coarse",
    "integer_vif_scale3": "coarsest",
    "integer_motion2": "motion",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """What an encode is compared with.

    ``inputs`` are FFmpeg's arguments up to and with the source's ``-i``. Filters make of its picture what the encoder
    was given, except for the size: ``chain`` those that must see every frame, ``each`` those of single frames, which
    frames that are not compared are spared. ``frames`` is how many there are, from the first one on.
    """

    inputs: tuple[str, ...]
    chain: str
    width: int
    height: int
    frames: int
    stream: str = "0:v:0"
    each: str = ""


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """One measured frame, counted from the first one compared.

    Beside VMAF stand the measures it is made of: ``detail`` kept (ADM), information kept from the finest scale to the
    coarsest (VIF), each 1 where nothing is lost, and ``motion``, the mean change of luma against the neighbours.
    """

    frame: int
    vmaf: float
    detail: float
    fine: float
    middle: float
    coarse: float
    coarsest: float
    motion: float


def reference_size(width: int, height: int) -> tuple[int, int]:
    """The size to compare at, even, for a film of this display size: its own, fitted into 1920 x 1080 either way."""
    long_side, short_side = max(width, height), min(width, height)
    scale = min(Fraction(1), Fraction(_TALLEST * 16, 9 * long_side), Fraction(_TALLEST, short_side))
    return max(2 * round(width * scale / 2), 2), max(2 * round(height * scale / 2), 2)


def can_be_compared(width: int, height: int) -> bool:
    """Whether VMAF works at a film's display size: libvmaf 3 crashes where a side has fewer than about 20 pixels."""
    return min(reference_size(width, height)) >= _LEAST_SIDE


def quality_command(
    ffmpeg: str, reference: Reference, encoded: Sequence[str], log: Path, every: int = EVERY, threads: int = 1
) -> list[str]:
    """Compare an encode with its reference; FFmpeg leaves what it measured in the file ``log``.

    ``encoded`` are FFmpeg's arguments up to and with the encode's ``-i``. It has the reference's frames, one for one.
    """
    return [
        *(ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-progress", "pipe:1"),
        *reference.inputs,
        *encoded,
        *("-filter_complex", quality_graph(reference, f"{reference.inputs.count('-i')}:v:0", log, every)),
        # The filter has a thread pool of its own; without a number it takes the whole machine.
        *("-filter_complex_threads", str(threads)),
        *("-map", f"[{OUT}]", "-fps_mode", "passthrough", "-f", "null", "-"),
    ]


def quality_graph(reference: Reference, shown: str, log: Path, every: int = EVERY) -> str:
    """The filters that compare the pad ``shown``, an encode's frames, with its reference; what goes on is nothing."""
    # Frames are paired by their number: time stamps of an MP4 are rounded, those of a source may have gaps.
    numbered = "settb=1/1000,setpts=N"
    if every > _NEIGHBOURS:
        # Of frames that are not scored, only those beside a scored one are scaled: motion is measured against them.
        numbered = f"select='lt(mod(n+1,{every}),{_NEIGHBOURS})',{numbered}"
    size = f"scale={reference.width}:{reference.height}:flags=bicubic,format=yuv420p,setsar=1"
    before, each = (f"{chain}," if chain else "" for chain in (reference.chain, reference.each))
    source = f"[{reference.stream}]{before}trim=end_frame={reference.frames},{numbered},{each}{size}[reference]"
    # Bicubic, as VMAF's authors scale, and near to what players do.
    compared = f"[{shown}]{numbered},{size}[shown]"
    # n_subsample leaves out scores, but not the neighbours that motion is measured against.
    options = f"n_subsample={min(every, _NEIGHBOURS)}:log_fmt=json:log_path={_escaped(log)}:shortest=1:repeatlast=0"
    return f"{source};{compared};[shown][reference]libvmaf={options}:n_threads=1,settb=1/1000[{OUT}]"


def _escaped(path: Path) -> str:
    """A path inside a filter's option inside a graph: both levels read colons, quotes and backslashes."""
    text = str(path)
    for mark in ("\\", "'", ":"):
        text = text.replace(mark, f"\\{mark}")
    for mark in ("\\", "'", "[", "]", ",", ";"):
        text = text.replace(mark, f"\\{mark}")
    return text


def read_quality(log: str, frames: int, every: int = EVERY) -> tuple[FrameQuality, ...]:
    """The measured frames out of libvmaf's log; EncodingFailed unless it holds every ``every``-th of ``frames``.

    The first frame is left out where there are others: nothing moved before it, and its score is up to ten too low.
    """
    try:
        measured = tuple(_frame(one, every) for one in json.loads(log)["frames"] if "vmaf" in one["metrics"])
    except (ValueError, KeyError, TypeError) as error:
        raise EncodingFailed(f"VMAF left a log that cannot be read: {type(error).__name__} {error}.") from error
    if [one.frame for one in measured] != list(range(0, frames, every)):
        raise EncodingFailed(f"VMAF measured {len(measured)} frames where {-(-frames // every)} were expected.")
    return measured[1:] or measured


def _frame(values: Mapping[str, object], every: int) -> FrameQuality:
    metrics = values["metrics"]
    if not isinstance(metrics, dict):
        raise TypeError("metrics")
    features = {name: float(metrics[key]) for key, name in _FEATURES.items()}
    place = int(str(values["frameNum"])) // min(every, _NEIGHBOURS) * every
    return FrameQuality(frame=place, vmaf=float(metrics["vmaf"]), **features)


def mean_quality(scores: Sequence[float]) -> float:
    """The arithmetic mean, which ladders are made by: 0 for no scores."""
    return math.fsum(scores) / len(scores) if scores else 0.0


def harmonic_quality(scores: Sequence[float]) -> float:
    """The harmonic mean, in which a few bad frames weigh more; of scores plus one, as libvmaf has it."""
    if not scores:
        return 0.0
    return min(max(len(scores) / math.fsum(1 / (score + 1) for score in scores) - 1, _WORST), _BEST)


def by_shot(
    measured: Sequence[FrameQuality], starts: Sequence[int], frames: int
) -> tuple[tuple[FrameQuality, ...], ...]:
    """The measured frames of each shot; ``starts`` are first frames, rising from 0, below ``frames``.

    A shot so short that none of its frames was measured gets the one measured nearest to its first.
    """
    ends = [*starts[1:], frames]
    shots = []
    for start, end in zip(starts, ends, strict=True):
        inside = tuple(one for one in measured if start <= one.frame < end)
        shots.append(inside or (_nearest(measured, start),))
    return tuple(shots)


def _nearest(measured: Sequence[FrameQuality], frame: int) -> FrameQuality:
    return min(measured, key=lambda one: abs(one.frame - frame))
