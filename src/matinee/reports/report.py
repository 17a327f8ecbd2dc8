"""The report of one encode as values, and as JSON. Pure.

Later versions add names; what a reader does not know it passes over, and what an earlier version had not is at its
default. Rates are in bit/s, times in seconds from the film's start, VMAF is at the film's reference size.
"""

from dataclasses import dataclass

import msgspec

from matinee.model.errors import Invalid

VERSION = 1
"""Goes up where a name that was there means something else, or is gone."""


def report_key(title_id: str, revision: str) -> str:
    """A report's name in the object store; edges read only what lies under ``media/``."""
    return f"reports/{title_id}/{revision}.json"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The whole film at one size: its average rate and mean VMAF, as predicted, with all shots at one slope."""

    bps: float
    vmaf: float


@dataclass(frozen=True, slots=True)
class Curve:
    """What one size gives for its bits, from the least to the most."""

    width: int
    height: int
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """The first rung, which was encoded and measured before the others were chosen; shots in order."""

    width: int
    height: int
    crf: float
    bps: float
    vmaf: float
    shot_vmaf: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MadeRung:
    """A rung as it was made: ``bps`` and the bits of each shot are those of its files, the container's included.

    ``expected_bps``, ``vmaf``, ``shot_vmaf`` and ``crfs`` are what it was chosen for, ``target`` the VMAF that was
    asked for; a fixed ladder's has none of them. ``hull_gap`` is how much VMAF lies between what was expected of it and
    the best that any size could give for its bits. ``cpu_seconds`` is its share of the runs that made its parts, also
    of earlier ones; None: not counted. ``noise`` is the picture's at this size, of 255 levels, where it was looked for;
    ``grain`` is SVT-AV1's level, of 50, of what is left out of it and drawn again by decoders.
    """

    name: str
    width: int
    height: int
    codec: str
    bps: float
    size_bytes: int
    shot_bits: tuple[int, ...]
    cpu_seconds: float | None = None
    target: float | None = None
    vmaf: float | None = None
    expected_bps: float | None = None
    hull_gap: float | None = None
    shot_vmaf: tuple[float, ...] = ()
    crfs: tuple[float, ...] = ()
    noise: float | None = None
    grain: int = 0


@dataclass(frozen=True, slots=True)
class Verified:
    """What the best rung came to, by measurement: in all and by shot, before any was encoded again."""

    rung: str
    vmaf: float
    shot_vmaf: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Again:
    """A shot (from 0) of the best rung that came out otherwise than expected, and the CRF that it got then."""

    shot: int
    vmaf: float
    expected: float
    crf: float


@dataclass(frozen=True, slots=True)
class Loudness:
    """A rendition of sound: what it measured (LUFS), and the gain in dB that was added."""

    name: str
    lufs: float
    gain_db: float


@dataclass(frozen=True, slots=True)
class Edges:
    """Black bars, as shares of the picture's width or height."""

    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Normalised:
    """What was odd about the source, and what was done about it. ``notes`` say it in sentences.

    ``pixel_aspect`` is that of the source's pixels; renditions have square ones. ``shift_seconds`` were taken from all
    time stamps. ``is_variable``: frames differ in length, and keep their times.
    """

    notes: tuple[str, ...] = ()
    is_deinterlaced: bool = False
    is_tone_mapped: bool = False
    is_variable: bool = False
    pixel_aspect: str = "1"
    pixel_format: str = ""
    shift_seconds: float = 0.0
    bars: Edges | None = None
    sounds: tuple[Loudness, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage, or a part of one, took of processors; ``seconds`` on the clock, where it was alone."""

    name: str
    cpu_seconds: float
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One encode. ``starts_seconds`` are its shots', ``reused`` what an earlier run had made of it."""

    source: str
    ladder: str
    length_seconds: float
    frames: int
    starts_seconds: tuple[float, ...]
    rungs: tuple[MadeRung, ...]
    stages: tuple[Stage, ...]
    normalised: Normalised
    size_bytes: int
    reused: tuple[str, ...] = ()
    first: Tried | None = None
    verified: Verified | None = None
    again: tuple[Again, ...] = ()
    curves: tuple[Curve, ...] = ()
    hull: tuple[CurvePoint, ...] = ()
    version: int = VERSION

    @property
    def lengths_seconds(self) -> tuple[float, ...]:
        """How long each shot is."""
        ends = (*self.starts_seconds[1:], self.length_seconds)
        return tuple(max(end - start, 0.0) for start, end in zip(self.starts_seconds, ends, strict=True))

    @property
    def best(self) -> MadeRung:
        """The best rung of the first codec, whose ladder was chosen; other codecs' rungs follow from it."""
        return [rung for rung in self.rungs if rung.codec == self.rungs[0].codec][-1]

    @property
    def cpu_seconds(self) -> float:
        """What this run took of processors in all."""
        return sum(stage.cpu_seconds for stage in self.stages)


def report_to_json(report: Report) -> bytes:
    """The report as JSON."""
    return msgspec.json.encode(report)


def report_from_json(content: bytes) -> Report:
    """What ``report_to_json`` wrote, in this release or another; Invalid if it is none."""
    try:
        report = msgspec.json.decode(content, type=Report)
    except msgspec.MsgspecError as error:
        raise Invalid(f"This is not the report of an encode: {error}.") from error
    if report.version != VERSION:
        raise Invalid(f"This report is of version {report.version}, and this release reads version {VERSION}.")
    return report
