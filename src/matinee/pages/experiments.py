"""Experiments as operators see them: a list; one with its verdict, its plot and who did what. Pure but for asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from matinee.experiments.experiments import Line, Report
from matinee.experiments.lifecycle import Arm, Experiment, Metric, Source, State
from matinee.experiments.verdict import FEWEST, Comparison, Finding, Point
from matinee.exploration.parameters import check
from matinee.model.errors import Invalid
from matinee.pages.plots import Frame, Tick, ticks

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_UNITS: Mapping[Metric, str] = {Metric.WATCHED_SECONDS: "seconds watched a profile", Metric.STARTS: "plays a profile"}
_HOUR, _DAY = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Plot:
    """A difference with its interval over the profiles measured, in the SVG's own units; ``zero`` is no difference.

    ``band`` is a polygon's points, ``line`` a polyline's. What the interval had beyond the frame, early on, is cut.
    """

    band: str
    line: str
    zero: float
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    frame: Frame


@dataclass(frozen=True, slots=True)
class Finished:
    """A treated arm with its sentence; ``plot`` is None before the first look."""

    comparison: Comparison
    sentence: str
    plot: Plot | None


@dataclass(frozen=True, slots=True)
class ExperimentPage:
    """One experiment. ``warning``: why nothing of it is to be believed; ``who``: e-mail addresses by member."""

    report: Report
    unit: str
    warning: str | None
    arms: tuple["ArmLine", ...]
    findings: tuple[Finished, ...]
    sources: tuple[tuple[Source, int], ...]
    who: Mapping[str, str]

    @property
    def experiment(self) -> Experiment:
        """What it is about."""
        return self.report.experiment

    @property
    def window(self) -> str:
        """How long each profile is measured."""
        return span(self.experiment.window_seconds)


@dataclass(frozen=True, slots=True)
class ArmLine:
    """An arm in a table: parts from 0 to 1."""

    arm: Arm
    wanted: float
    exposed: int
    measured: int
    got: float | None
    mean: float | None


def experiment_lines(rooms: "Rooms") -> tuple[Line, ...]:
    """Every experiment, running ones first, then newest first."""
    return tuple(sorted(rooms.experiments.lines(), key=lambda line: line.experiment.state is not State.RUNNING))


def experiment_page(rooms: "Rooms", experiment_id: str, source: Source | None = None) -> ExperimentPage:
    """One experiment as it stands. NotFound if there is none of that id."""
    report = rooms.experiments.report(experiment_id, source)
    found, told = report.experiment, report.verdict
    unit = _UNITS[found.metric]
    members = {one for one in (found.created_by, found.started_by, found.stopped_by) if one}
    return ExperimentPage(
        report=report,
        unit=unit,
        warning=None if told.sound else mismatch_warning(report),
        arms=_arm_lines(report),
        findings=tuple(
            Finished(one, sentence(one, unit, sound=told.sound), plot(one.points)) for one in told.comparisons
        ),
        sources=tuple((one, count) for one, count in report.sizes.items() if count or one is report.source),
        who=rooms.accounts.emails(members),
    )


def mismatch_warning(report: Report) -> str:
    """What arms of the wrong sizes mean."""
    sizes = ", ".join(f"{name} {count}" for name, count in report.verdict.exposed.items())
    return (
        f"The arms' sizes are no chance (p {report.verdict.mismatch:.1g}, at every look): {sizes}. Something loses or "
        "doubles profiles of one arm, so the differences below are not to be believed until it is found."
    )


def sentence(found: Comparison, unit: str, *, sound: bool) -> str:
    """What may be said of an arm."""
    if found.finding is Finding.EARLY or found.last is None:
        return f"Too early: each arm needs {FEWEST} profiles whose window is over."
    last = found.last
    interval = f"{signed(last.difference)} {unit} ({signed(last.low)} to {signed(last.high)})"
    lift = "" if found.lift is None else f", {found.lift:+.0%}"
    if not sound:
        return f"{interval}{lift}, but the arms' sizes are wrong."
    if found.finding is Finding.NOTHING:
        return f"No difference found so far: {interval}{lift}."
    return f"{found.arm} is {found.finding}: {interval}{lift}."


def signed(value: float) -> str:
    """A difference with its sign and three digits or so."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3  # noqa: PLR2004 - digits that are read
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def span(seconds: float) -> str:
    """A length of time in its largest whole unit."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (60.0, "minute")):
        if seconds >= unit and seconds % unit == 0:
            count = int(seconds // unit)
            return f"{count} {name}{'s' * (count != 1)}"
    return f"{seconds:g} s"


def plot(points: Sequence[Point]) -> Plot | None:
    """The interval over the profiles measured; None before the first look."""
    if not points:
        return None
    # The first looks are so wide that nothing else would be seen: the later half decides how high the frame is.
    later = points[len(points) // 2 :]
    low, high = min(0.0, *(one.low for one in later)), max(0.0, *(one.high for one in later))
    margin = (high - low) * 0.08 or 1.0
    low, high = low - margin, high + margin
    most = points[-1].count

    frame = Frame((0, most), (low, high))
    x, y = frame.x, frame.y
    upper = [f"{x(one.count)},{y(one.high)}" for one in points]
    lower = [f"{x(one.count)},{y(one.low)}" for one in reversed(points)]
    return Plot(
        band=" ".join(upper + lower),
        line=" ".join(f"{x(one.count)},{y(one.difference)}" for one in points),
        zero=y(0.0),
        across=tuple(Tick(x(value), f"{value:g}") for value in ticks(0, most)),
        up=tuple(Tick(y(value), f"{value:g}".replace("-", "\N{MINUS SIGN}")) for value in ticks(low, high)),
        frame=frame,
    )


def read_arms(text: str) -> tuple[Arm, ...]:
    """Arms out of a form, one a line: its name, then ``parameter=value``; ``weight=2`` is an arm twice the size.

    Invalid names the line that is none.
    """
    arms = []
    for number, line in enumerate(text.splitlines(), start=1):
        name, *settings = line.split()[:50] or [""]
        if not name:
            continue
        values = {}
        for setting in settings:
            key, sign, value = setting.partition("=")
            if not sign or not key:
                raise Invalid(f"In line {number} of the arms, {setting!r:.60} is not of the form parameter=value.")
            values[key] = value
        weight = values.pop("weight", "1")
        try:
            arms.append(Arm(name, values, float(weight)))
        except ValueError as error:
            raise Invalid(f"In line {number} of the arms, the weight {weight!r:.20} is no number.") from error
    return tuple(arms)


def settable(arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """The arms, if pages can be made by what they set; Invalid with a sentence if not."""
    for arm in arms:
        check(arm.parameters)
    return arms


def times(found: Experiment) -> tuple[tuple[str, datetime, str], ...]:
    """What was done to an experiment: what, when, and by whom."""
    done = (
        ("created", found.created_at, found.created_by),
        ("started", found.started_at, found.started_by),
        ("stopped", found.stopped_at, found.stopped_by),
    )
    return tuple((what, at, by or "") for what, at, by in done if at is not None)


def _arm_lines(report: Report) -> tuple[ArmLine, ...]:
    told, arms = report.verdict, report.experiment.arms
    whole, exposed = sum(arm.weight for arm in arms), sum(told.exposed.values())
    means = {one.arm: one.treated_mean for one in told.comparisons if told.measured.get(one.arm)}
    control = report.experiment.control.name
    if told.comparisons and told.measured.get(control):
        means[control] = told.comparisons[0].control_mean
    return tuple(
        ArmLine(
            arm=arm,
            wanted=arm.weight / whole,
            exposed=told.exposed[arm.name],
            measured=told.measured[arm.name],
            got=told.exposed[arm.name] / exposed if exposed else None,
            mean=means.get(arm.name),
        )
        for arm in arms
    )
