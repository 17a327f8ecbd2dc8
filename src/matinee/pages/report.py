"""The report of an encode as operators see it: what stands out in sentences, plots, and tables of the same. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matinee.catalogue.titles import Title
from matinee.model.errors import NotFound
from matinee.pages.report_plots import Ladder, Over, ladder_plot, quality_plot, rate_plot
from matinee.reports.report import Report, report_from_json, report_key

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MINUTE = 60
_LOOKED_AT = frozenset({"surveying", "measuring", "grain", "verifying"})
_SEEN = 6.0  # VMAF: a just-noticeable difference
_TENTH = 0.1


@dataclass(frozen=True, slots=True)
class Shot:
    """A line of the shots' table; VMAF and rate where they are known. ``crf`` is the best rung's at its end."""

    start: str
    seconds: float
    first: float | None
    expected: float | None
    verified: float | None
    bps: float
    crf: float | None
    is_again: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """A line of what was spent; ``share`` is of the dearest stage, for its bar."""

    name: str
    cpu_seconds: float
    seconds: float | None
    share: float


@dataclass(frozen=True, slots=True)
class ReportPage:
    """All that the page shows. ``verdicts`` are a finding (``better``, ``worse`` or ``nothing``) and a sentence."""

    report: Report
    verdicts: tuple[tuple[str, str], ...]
    normalised: tuple[str, ...]
    ladder: Ladder | None
    quality: Over | None
    rates: Over | None
    shots: tuple[Shot, ...]
    costs: tuple[Cost, ...]


def title_report(rooms: "Rooms", title: Title) -> Report:
    """The report of what a title shows now; NotFound with a sentence if there is none."""
    if title.revision is None:
        raise NotFound(f"{title.name} has no encode yet, so that there is no report.")
    try:
        content = rooms.objects.get(report_key(title.id, title.revision)).bytes()
    except FileNotFoundError as error:
        raise NotFound(
            f"There is no report of this encode of {title.name}: it is not finished, or an earlier release made it."
        ) from error
    return report_from_json(bytes(content))


def report_page(report: Report) -> ReportPage:
    """The page of a report."""
    return ReportPage(
        report=report,
        verdicts=tuple(
            filter(
                None, (_on_ladder(report), _on_quality(report), _on_bits(report), on_grain(report), _on_cost(report))
            )
        ),
        normalised=_normalised(report),
        ladder=ladder_plot(report),
        quality=quality_plot(report),
        rates=rate_plot(report),
        shots=_shots(report),
        costs=_costs(report),
    )


def clock(seconds: float) -> str:
    """A time in the film: ``1:02:03.4``."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, _MINUTE * 10)
    hours, minutes = divmod(minutes, _MINUTE)
    head = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{head}:{rest // 10:02}.{rest % 10}"


def _on_ladder(report: Report) -> tuple[str, str] | None:
    gaps = [(rung.hull_gap, rung.name) for rung in report.rungs if rung.hull_gap is not None]
    if not gaps:
        return "nothing", "The ladder is the fixed one, whatever the film: nothing was measured."
    worst, name = max(gaps)
    count = f"{len(report.rungs)} rungs"
    if worst < 1:
        return (
            "better",
            f"{count}, each within {max(worst, 0.1):.1f} VMAF of the best foretold of any size for its bits.",
        )
    return "worse", f"{count}, of which {name} lies {worst:.1f} VMAF below what its bits could give: caps hold it back."


def _on_quality(report: Report) -> tuple[str, str] | None:
    best = report.best
    if report.verified is None or best.vmaf is None:
        return None
    found = report.verified
    lowest, shot = min((vmaf, shot) for shot, vmaf in enumerate(found.shot_vmaf))
    short = best.vmaf - found.vmaf
    again = f" {len(report.again)} of its shots were encoded again." if report.again else ""
    told = (
        f"The best rung was measured at VMAF {found.vmaf:.1f}, where {best.vmaf:.1f} was expected. Its lowest shot, "
        f"at {clock(report.starts_seconds[shot])}, came to {lowest:.1f}.{again}"
    )
    return ("worse" if short > _SEEN / 2 else "better"), told


def _on_bits(report: Report) -> tuple[str, str] | None:
    best = report.best
    if not best.shot_bits or len(best.shot_bits) != len(report.starts_seconds):
        return None
    told = ""
    if best.expected_bps:
        more = best.bps / best.expected_bps - 1
        told = f", {_percent(abs(more))} {'more' if more >= 0 else 'less'} than expected"
    share = _percent(dearest_share(report))
    sentence = f"The best rung takes {best.bps / 1000:,.0f} kbit/s{told}. The dearest tenth of the film takes {share}"
    return "nothing", f"{sentence} of its bits."


def dearest_share(report: Report, part: float = _TENTH) -> float:
    """Which share of the best rung's bits goes to the dearest part of the film's time, from 0 to 1."""
    bits = report.best.shot_bits
    left, taken = part * sum(report.lengths_seconds), 0.0
    for length, count in sorted(
        zip(report.lengths_seconds, bits, strict=True), key=lambda shot: -shot[1] / max(shot[0], 0.001)
    ):
        used = min(left, length)
        taken += count * used / length if length else 0.0
        left -= used
    return taken / max(sum(bits), 1)


def on_grain(report: Report) -> tuple[str, str] | None:
    """What was found of grain and what became of it; None where nobody looked for any."""
    looked = [rung for rung in report.rungs if rung.noise is not None]
    if not looked:
        return None
    most = max(rung.noise or 0.0 for rung in looked)
    drawn = [f"{rung.name} ({rung.grain} of 50)" for rung in looked if rung.grain]
    if not drawn:
        return "nothing", f"Noise of {most:.1f} of 255 was found: grain stays in the picture, for it would save little."
    return "better", f"Noise of {most:.1f} of 255 was found: players draw the grain again on {', '.join(drawn)}."


def _on_cost(report: Report) -> tuple[str, str]:
    spent = report.cpu_seconds
    looked_at = sum(stage.cpu_seconds for stage in report.stages if stage.name in _LOOKED_AT)
    clocked = sum(stage.seconds or 0.0 for stage in report.stages)
    share = _percent(looked_at / spent) if spent else "None"
    each = spent / max(report.length_seconds, 0.001)
    told = (
        f"It took {spent:,.0f} s of processors, {each:.2f} for each second of film, and {clocked:,.0f} s on the clock.",
        f"{share} went into the survey with its first rung, and measuring.",
        "The best rung was verified while it was encoded." if report.verified is not None else "",
        "An earlier run had made some of it, which is not counted." if report.reused else "",
    )
    return "nothing", " ".join(filter(None, told))


def _normalised(report: Report) -> tuple[str, ...]:
    """What was done to the source, in sentences."""
    done, found = report.normalised, list(report.normalised.notes)
    if done.pixel_aspect != "1":
        found.append(f"Pixels were {done.pixel_aspect.replace('/', ':')} and are square now.")
    if done.pixel_format not in {"", "yuv420p", "yuvj420p"}:
        found.append(f"The picture came as {done.pixel_format}.")
    if done.is_variable:
        found.append("Frames differ in length, and each keeps its time.")
    if done.shift_seconds:
        found.append(f"Time stamps began at {done.shift_seconds:.3f} s and begin at zero now.")
    found += [
        f"{sound.name} measured {_signed(sound.lufs)} LUFS and was turned by {_signed(sound.gain_db)} dB."
        for sound in done.sounds
    ]
    return tuple(found)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _shots(report: Report) -> tuple[Shot, ...]:
    best = report.best
    again = {one.shot: one.crf for one in report.again}

    def at(values: Sequence[float], place: int) -> float | None:
        return values[place] if place < len(values) else None

    return tuple(
        Shot(
            start=clock(start),
            seconds=length,
            first=None if report.first is None else at(report.first.shot_vmaf, place),
            expected=at(best.shot_vmaf, place),
            verified=None if report.verified is None else at(report.verified.shot_vmaf, place),
            bps=(at(best.shot_bits, place) or 0) / length if length else 0.0,
            crf=again.get(place, at(best.crfs, place)),
            is_again=place in again,
        )
        for place, (start, length) in enumerate(zip(report.starts_seconds, report.lengths_seconds, strict=True))
    )


def _costs(report: Report) -> tuple[Cost, ...]:
    most = max((stage.cpu_seconds for stage in report.stages), default=0.0) or 1.0
    return tuple(
        Cost(stage.name, stage.cpu_seconds, stage.seconds, stage.cpu_seconds / most) for stage in report.stages
    )
