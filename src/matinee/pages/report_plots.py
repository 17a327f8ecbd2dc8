"""The plots of an encode's report, in an SVG's own units: ladder against hull, quality and rates by time. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matinee.pages.plots import WIDTH, Frame, Tick, ticks
from matinee.reports.report import CurvePoint, Report

# Room for labels that grow on narrow screens; the SVG is 360 high.
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, WIDTH - 24, 24, 318
_COLOURS = 5  # of tokens.css
_KILO, _MINUTE, _HOUR = 1000.0, 60, 3600
_LABELS = 6
# Round steps of a clock, in seconds.
_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18_000)


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline: its name for the key, the class of its colour and dash, its points, and an area below it if any."""

    name: str
    kind: str
    points: str
    area: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point with what is said of it."""

    x: float
    y: float
    says: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """Mean VMAF over rate: a curve a size, the hull of all, rungs as expected, and what was measured."""

    frame: Frame
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    curves: tuple[Line, ...]
    hull: str
    rungs: tuple[Dot, ...]
    measured: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Over:
    """Something by time: steps a shot."""

    frame: Frame
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    lines: tuple[Line, ...]
    dots: tuple[Dot, ...] = ()


def ladder_plot(report: Report) -> Ladder | None:
    """The ladder against the hull; None where nothing was predicted. The axis of rates is logarithmic."""
    chosen = [rung for rung in report.rungs if rung.expected_bps and rung.vmaf is not None]
    if not chosen or not report.hull:
        return None
    low = math.floor(min(rung.vmaf or 0.0 for rung in chosen) / 10) * 10 - 10
    points = [(rung.expected_bps or 1, rung.vmaf or 0.0) for rung in chosen]
    measured = []
    if report.first is not None:
        measured.append((report.first.bps, report.first.vmaf, "first rung"))
    if report.verified is not None:
        measured.append((report.best.bps, report.verified.vmaf, "best rung"))
    rates = [rate for rate, _ in points] + [rate for rate, *_ in measured]
    least, most = min(rates) / 1.5, max(rates) * 1.5
    frame = Frame((math.log2(least), math.log2(most)), (low, 100.0), _LEFT, _RIGHT, _TOP, _BOTTOM)

    def place(rate: float, vmaf: float) -> tuple[float, float]:
        return frame.x(math.log2(rate)), frame.y(vmaf)

    def drawn(curve: Sequence[CurvePoint]) -> str:
        inside = [point for point in curve if least <= point.bps <= most and point.vmaf >= low]
        return " ".join(f"{x},{y}" for x, y in (place(point.bps, point.vmaf) for point in inside))

    return Ladder(
        frame=frame,
        across=tuple(Tick(frame.x(math.log2(rate)), rate_label(rate)) for rate in rate_ticks(least, most)),
        up=tuple(Tick(frame.y(value), f"{value:g}") for value in ticks(low, 100.0)),
        curves=tuple(
            Line(
                f"{curve.width} \N{MULTIPLICATION SIGN} {curve.height}",
                f"report-{number % _COLOURS + 1}",
                drawn(curve.points),
            )
            for number, curve in enumerate(report.curves)
            if drawn(curve.points)
        ),
        hull=drawn(report.hull),
        rungs=tuple(
            Dot(*place(rate, vmaf), f"{rung.name}: VMAF {vmaf:.1f} expected at {rate_label(rate)}bit/s")
            for rung, (rate, vmaf) in zip(chosen, points, strict=True)
        ),
        measured=tuple(
            Dot(*place(rate, vmaf), f"{name}: VMAF {vmaf:.1f} measured at {rate_label(rate)}bit/s")
            for rate, vmaf, name in measured
        ),
    )


def quality_plot(report: Report) -> Over | None:
    """VMAF by time: the first rung measured, the best as it was expected and measured; None where nothing was."""
    best = report.best
    told = [
        (best.shot_vmaf, "Best rung, expected", "report-3 report-dashed"),
        (() if report.first is None else report.first.shot_vmaf, "First rung, measured", "report-1"),
        (() if report.verified is None else report.verified.shot_vmaf, "Best rung, measured", "report-2"),
    ]
    lines = [one for one in told if len(one[0]) == len(report.starts_seconds) and one[0]]
    if not lines:
        return None
    low = min(90.0, math.floor(min(min(values) for values, _, _ in lines) / 10) * 10)
    frame = Frame((0.0, report.length_seconds), (low, 100.0), _LEFT, _RIGHT, _TOP, _BOTTOM)
    return Over(
        frame=frame,
        across=time_ticks(report.length_seconds, frame),
        up=tuple(Tick(frame.y(value), f"{value:g}") for value in ticks(low, 100.0)),
        lines=tuple(Line(name, kind, steps(report, values, frame)) for values, name, kind in lines),
        dots=tuple(
            Dot(
                frame.x(report.starts_seconds[one.shot] + report.lengths_seconds[one.shot] / 2),
                frame.y(one.vmaf),
                f"VMAF {one.vmaf:.1f} where {one.expected:.1f} was expected: encoded again at CRF {one.crf:g}",
            )
            for one in report.again
        ),
    )


def rate_plot(report: Report) -> Over | None:
    """The rate of each shot, rung by rung; None where nobody knows where shots begin."""
    lengths = report.lengths_seconds
    known = [rung for rung in report.rungs if rung.shot_bits and len(rung.shot_bits) == len(lengths)]
    if not known or not report.length_seconds:
        return None
    rates = {
        rung.name: [bits / length if length else 0.0 for bits, length in zip(rung.shot_bits, lengths, strict=True)]
        for rung in known
    }
    high = max(max(values) for values in rates.values()) * 1.08 or 1.0
    frame = Frame((0.0, report.length_seconds), (0.0, high), _LEFT, _RIGHT, _TOP, _BOTTOM)
    best = report.best if report.best in known else known[-1]
    lines = []
    for rung in known:
        points, kind = steps(report, rates[rung.name], frame), "report-rest"
        if rung is best:
            foot = f"{frame.x(report.length_seconds)},{frame.bottom} {frame.x(0.0)},{frame.bottom}"
            lines.append(Line(rung.name, "report-2", points, f"{points} {foot}"))
        else:
            lines.append(Line(rung.name, kind, points))
    average = " ".join(f"{frame.x(time)},{frame.y(best.bps)}" for time in (0.0, report.length_seconds))
    lines.append(Line("its average", "report-2 report-dashed", average))
    up = tuple(Tick(frame.y(value), rate_label(value)) for value in ticks(0.0, high))
    return Over(frame, time_ticks(report.length_seconds, frame), up, tuple(lines))


def steps(report: Report, values: Sequence[float], frame: Frame) -> str:
    """A level a shot, as long as it lasts."""
    found = []
    for start, length, value in zip(report.starts_seconds, report.lengths_seconds, values, strict=True):
        level = frame.y(value)
        found += [f"{frame.x(start)},{level}", f"{frame.x(start + length)},{level}"]
    return " ".join(found)


def time_ticks(seconds: float, frame: Frame) -> tuple[Tick, ...]:
    """At most six round times."""
    step = next((step for step in _STEPS if seconds / step < _LABELS), _STEPS[-1])
    return tuple(Tick(frame.x(time), _time(time)) for time in range(0, int(seconds) + 1, step))


def rate_ticks(least: float, most: float) -> tuple[float, ...]:
    """Powers of two hundred kbit/s between two rates: each a doubling, every other where there are many."""
    first, last = math.ceil(math.log2(least / 100_000)), math.floor(math.log2(most / 100_000))
    step = 1 if last - first < _LABELS else 2
    return tuple(100_000 * 2.0**power for power in range(first, last + 1, step))


def rate_label(bps: float) -> str:
    """A rate without its unit's end: ``800 k``, ``1.6 M``."""
    if bps >= _KILO * _KILO:
        return f"{bps / _KILO / _KILO:.3g} M"
    return f"{bps / _KILO:.3g} k" if bps else "0"


def _time(seconds: int) -> str:
    hours, rest = divmod(seconds, _HOUR)
    return f"{hours}:{rest // _MINUTE:02}:{rest % _MINUTE:02}" if hours else f"{rest // _MINUTE}:{rest % _MINUTE:02}"
