"""One edge's page as a value: how it is, what it sent day by day, how far it has its plan, what was done to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matinee.delivery.accounts import Miss, Sum
from matinee.delivery.edges import Load
from matinee.delivery.oversight import Newest, PlanProgress
from matinee.pages.acts import ActLine, act_lines
from matinee.pages.edges import EdgePlace, Part, disk_share, parts, place, sent
from matinee.pages.rooms import Rooms

_DAYS = 14
_ACTS = 10
MISSES = (Miss.CONTENT.value, Miss.HEALTH.value, Miss.OTHER.value)


@dataclass(frozen=True, slots=True)
class Day:
    """A day's bytes of an edge: by where they came from, and by the class of their miss."""

    day: str
    size_bytes: int
    parts: tuple[Part, ...]
    misses: tuple[Part, ...]

    @property
    def from_disk(self) -> float | None:
        """The share that lay on its own disk; None without bytes."""
        return disk_share(self.parts)


@dataclass(frozen=True, slots=True)
class PlannedTitle:
    """A title in an edge's plan; ``missing`` None: the edge has not told yet."""

    title_id: str
    name: str
    revision: str
    worth: float
    files: int
    size_bytes: int
    missing: int | None


@dataclass(frozen=True, slots=True)
class EdgePage:
    """Everything the page of one edge shows."""

    place: EdgePlace
    now: datetime
    newest: Newest
    history: tuple[Load, ...]
    days: tuple[Day, ...]
    plan: PlanProgress | None
    titles: tuple[PlannedTitle, ...]
    enrolled_at: datetime | None
    revoked: bool
    acts: tuple[ActLine, ...]

    @property
    def most_bytes(self) -> int:
        """The most that it sent on a day."""
        return max((day.size_bytes for day in self.days), default=0)

    @property
    def loads(self) -> list[dict[str, float]]:
        """Its egress over the last minutes, for the plot."""
        return [{"time": load.time.timestamp(), "egress_bps": load.egress_bps} for load in self.history]

    @property
    def reading(self) -> dict[str, Any]:
        """What its last report adds to the plots."""
        report = self.place.edge.report
        return {
            "time": self.place.edge.last_seen.timestamp(),
            "started": report.started,
            "egress_bps": report.egress_bps,
            "sent": sent(report),
        }


def edge_page(rooms: Rooms, edge_id: str) -> EdgePage:
    """One edge's page; NotFound if it never reported."""
    edge = rooms.edges.edge(edge_id)
    now, newest = rooms.clock.now(), rooms.network.oversight.newest()
    plan = rooms.network.oversight.plan(edge_id)
    credential = rooms.network.oversight.credential(edge_id)
    return EdgePage(
        place=place(edge, now, newest),
        now=now,
        newest=newest,
        history=rooms.edges.history(edge_id),
        days=days_of(one for one in rooms.accounting.sums(_DAYS) if one.edge_id == edge_id),
        plan=plan,
        titles=_titles(rooms, plan),
        enrolled_at=credential.enrolled_at if credential is not None else None,
        revoked=credential is not None and credential.revoked_at is not None,
        acts=act_lines(rooms, rooms.network.audit.acts(limit=_ACTS, subject=edge_id)),
    )


def days_of(sums: Iterable[Sum]) -> tuple[Day, ...]:
    """Sums by day, the newest first."""
    origins: dict[str, dict[str, int]] = {}
    misses: dict[str, dict[str, int]] = {}
    for one in sums:
        _add(origins.setdefault(one.day, {}), one.origin, one.size_bytes)
        _add(misses.setdefault(one.day, {}), one.miss, one.size_bytes)
    return tuple(
        Day(day, sum(sizes.values()), parts(sizes), _misses(misses[day], sum(sizes.values())))
        for day, sizes in sorted(origins.items(), reverse=True)
    )


def _misses(sizes: Mapping[str, int], whole: int) -> tuple[Part, ...]:
    """Each class's share is that of all bytes: those without a miss count, too."""
    return tuple(Part(name, sizes.get(name, 0), sizes.get(name, 0) / whole if whole else 0.0) for name in MISSES)


def _add(sums: dict[str, int], name: str, size_bytes: int) -> None:
    sums[name] = sums.get(name, 0) + size_bytes


def _titles(rooms: Rooms, plan: PlanProgress | None) -> tuple[PlannedTitle, ...]:
    names = {title.id: title.name for title in rooms.catalogue.titles()} if plan else {}
    lines = []
    for one in plan.folders if plan else ():
        title_id, revision, _ = one.folder.split("/", 2)
        name = names.get(title_id, "")
        lines.append(PlannedTitle(title_id, name, revision, one.worth, one.files, one.size_bytes, one.missing))
    return tuple(lines)
