"""How good each day's ranking was, as operators see it: the last day's table, a line a model over the days. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from matinee.pages.plots import WIDTH, Frame, Tick, ticks
from matinee.teaching.nightly import DayReport

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

# Wider than usual for its labels: percents, and dates that stand out to the right.
_LEFT, _RIGHT = 76, WIDTH - 40
_DAYS = 30
_LABELS = 6
_NAMED: Mapping[str, str] = {"matinee": "Matinee", "popularity": "All-time popularity", "trending": "Trending"}
_MEASURE = "hr@10"


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model's row; shares from 0 to 1, novelty in bits. ``low`` and ``high`` hold with 95 %, by measure."""

    name: str
    model: str
    hits: float
    gain: float
    low: Mapping[str, float]
    high: Mapping[str, float]
    coverage: float
    novelty: float
    miscalibration: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A model over the days: a polyline's points, each of its days for a dot, and the polygon of its intervals."""

    name: str
    model: str
    line: str
    dots: tuple[tuple[float, float], ...]
    band: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Hits over the days, in the SVG's own units."""

    drawn: tuple[Drawn, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    frame: Frame


@dataclass(frozen=True, slots=True)
class QualityPage:
    """The last report that could ask something, and the days; ``verdicts`` are sentences about each rival."""

    day: str
    made_at: datetime
    body: Mapping[str, Any]
    lines: tuple[ModelLine, ...]
    verdicts: tuple[tuple[str, str], ...]
    plot: Plot | None
    newest: DayReport

    @property
    def ranked_by(self) -> str:
        """What ranked the day's pages, for the report."""
        return f"version {self.body['ranker']} of the ranker" if self.body["ranker"] else "the formula"


def quality_page(rooms: "Rooms") -> QualityPage | None:
    """What the nights found; None before the first one."""
    return of_reports(rooms.reports.last(_DAYS))


def of_reports(reports: Sequence[DayReport]) -> QualityPage | None:
    """What reports say, newest first; None for none."""
    if not reports:
        return None
    told = [report for report in reports if report.body["rows"]]
    last = told[0] if told else reports[0]
    return QualityPage(
        day=last.day,
        made_at=last.made_at,
        body=last.body,
        lines=tuple(map(_line, last.body["rows"])),
        verdicts=tuple(
            _verdict(model, found[_MEASURE], last.body["asked"]) for model, found in last.body["differences"].items()
        ),
        plot=_plot(list(reversed(told))),
        newest=reports[0],
    )


def _line(row: Mapping[str, Any]) -> ModelLine:
    bounds = row["ci95"]
    return ModelLine(
        name=_NAMED.get(row["model"], row["model"]),
        model=row["model"],
        hits=row["hr@10"],
        gain=row["ndcg@10"],
        low={name: low for name, (low, _) in bounds.items()},
        high={name: high for name, (_, high) in bounds.items()},
        coverage=row["coverage"],
        novelty=row["novelty"],
        miscalibration=row["miscalibration"],
    )


def _verdict(rival: str, found: Sequence[float], asked: int) -> tuple[str, str]:
    """Whether ours is better than a rival beyond chance, as a finding and a sentence."""
    mean, low, high = found
    name = _NAMED.get(rival, rival)
    interval = f"{_points(mean)} points ({_points(low)} to {_points(high)}) over {asked} plays"
    if low > 0:
        return "better", f"Better than {name.lower()} by {interval}."
    if high < 0:
        return "worse", f"Worse than {name.lower()}: {interval}."
    return "nothing", f"No difference found from {name.lower()}: {interval}."


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")


def _plot(days: Sequence[DayReport]) -> Plot | None:
    """Hits by day, oldest first; days without a report leave a gap as wide as they are."""
    if not days:
        return None
    dates = [datetime.fromisoformat(report.day).toordinal() for report in days]
    rows = [{row["model"]: row for row in report.body["rows"]} for report in days]
    high = max(row["ci95"][_MEASURE][1] for models in rows for row in models.values()) * 1.08 or 1.0
    frame = Frame((dates[0], dates[-1]), (0.0, high), _LEFT, _RIGHT)
    x, y = frame.x, frame.y
    drawn = []
    for model in rows[-1]:
        dots = [(x(date), y(of[model][_MEASURE])) for date, of in zip(dates, rows, strict=True) if model in of]
        bounds = [(x(date), *of[model]["ci95"][_MEASURE]) for date, of in zip(dates, rows, strict=True) if model in of]
        upper = [f"{at},{y(top)}" for at, _, top in bounds]
        lower = [f"{at},{y(bottom)}" for at, bottom, _ in reversed(bounds)]
        line = " ".join(f"{at},{height}" for at, height in dots)
        drawn.append(Drawn(_NAMED.get(model, model), model, line, tuple(dots), " ".join(upper + lower)))
    step = max(1, -(-(dates[-1] - dates[0] + 1) // _LABELS))
    marked = range(dates[-1], dates[0] - 1, -step)
    across = [Tick(x(date), datetime.fromordinal(date).strftime("%m-%d")) for date in marked]
    up = [Tick(y(value), f"{100 * value:g} %") for value in ticks(0.0, high)]
    return Plot(tuple(drawn), tuple(reversed(across)), tuple(up), frame)
