"""The studio's screens as values: what operators see of titles, encodes and edges."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from matinee.catalogue.titles import Title, TitleState
from matinee.encodes.jobs import Job
from matinee.pages.arriving import arriving
from matinee.pages.edges import EdgePlace, place
from matinee.pages.rooms import Rooms
from matinee.playback.qoe import QoeSummary

_HOURS = 24.0
_RECENT = 200


@dataclass(frozen=True, slots=True)
class StudioEdges:
    """All edges with their places, and the quality viewers had of each in the last hours."""

    places: tuple[EdgePlace, ...]
    quality: QoeSummary


@dataclass(frozen=True, slots=True)
class TitleLine:
    """One title in the studio's table; sizes in bytes. ``pinned``: the regions where it is, or ``everywhere``.

    ``arriving`` says how much of it is there; "" if it is whole.
    """

    title: Title
    size_bytes: int
    rungs: tuple[str, ...]
    pinned: tuple[str, ...] = ()
    arriving: str = ""


@dataclass(frozen=True, slots=True)
class EncodeLine:
    """One encode in the studio's table, with its title's name."""

    job: Job
    name: str


@dataclass(frozen=True, slots=True)
class StudioOverview:
    """The studio's first screen: counts that link to what they count."""

    titles: dict[str, int]
    encodes: dict[str, int]
    edges: StudioEdges
    running: tuple[EncodeLine, ...]
    failed: tuple[EncodeLine, ...]
    now: datetime


def studio_edges(rooms: Rooms) -> StudioEdges:
    """Edges as the control plane knows them now."""
    now, newest = rooms.clock.now(), rooms.network.oversight.newest()
    return StudioEdges(
        places=tuple(place(edge, now, newest) for edge in rooms.edges.edges()),
        quality=rooms.telemetry.qoe_summary(_HOURS),
    )


def studio_titles(rooms: Rooms) -> tuple[TitleLine, ...]:
    """Every title, newest first."""
    pinned: dict[str, list[str]] = {}
    for title_id, region in rooms.network.plans.pins():
        pinned.setdefault(title_id, []).append(region or "everywhere")
    return tuple(
        _title_line(title, tuple(sorted(pinned.get(title.id, ()))), arriving(rooms, title))
        for title in rooms.catalogue.titles()
    )


def _title_line(title: Title, pinned: tuple[str, ...], arriving: str) -> TitleLine:
    presentation = title.presentation
    if presentation is None:
        return TitleLine(title=title, size_bytes=0, rungs=(), pinned=pinned)
    rungs = tuple(dict.fromkeys(f"{rendition.height}p" for rendition in presentation.video))
    return TitleLine(title=title, size_bytes=presentation.size_bytes, rungs=rungs, pinned=pinned, arriving=arriving)


def studio_encodes(rooms: Rooms) -> tuple[EncodeLine, ...]:
    """The latest encodes, newest first."""
    names = {title.id: title.name for title in rooms.catalogue.titles()}
    return tuple(EncodeLine(job=job, name=names.get(job.title_id, "")) for job in rooms.encoding.jobs(limit=_RECENT))


def studio_overview(rooms: Rooms) -> StudioOverview:
    """How the service is, at a glance."""
    titles = Counter(str(title.state) for title in rooms.catalogue.titles())
    lines = studio_encodes(rooms)
    encodes = Counter(str(line.job.state) for line in lines)
    return StudioOverview(
        titles={str(state): titles[str(state)] for state in TitleState},
        encodes={state: encodes[state] for state in ("queued", "running", "done", "failed")},
        edges=studio_edges(rooms),
        running=tuple(line for line in lines if line.job.state == "running"),
        failed=tuple(line for line in lines if line.job.state == "failed")[:5],
        now=rooms.clock.now(),
    )
