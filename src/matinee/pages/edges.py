"""Edges as operators see them: how each is, what it sent and from where, what it wants, what is to be looked at. Pure.

Every word that an edge says of itself is somebody else's: ``shown`` makes it safe to look at, templates escape it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from matinee.delivery.edges import Edge, EdgeState
from matinee.delivery.oversight import Newest
from matinee.model.plans import EdgeReport, Origin
from matinee.model.text import printable

ORIGINS = tuple(origin.value for origin in Origin)
FROM_DISK = frozenset({Origin.PLACED.value, Origin.DEMAND.value})
# Tokens are checked by an edge's own clock; what it bears is bounded, and less is worth a word.
_CLOCK_SECONDS = 5.0
_FULL = 0.98
_LONGEST = 120
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sum: its bytes, and its share from 0 to 1."""

    name: str
    size_bytes: int
    share: float


@dataclass(frozen=True, slots=True)
class EdgePlace:
    """An edge on the map and in tables: x and y in percent of an equirectangular world, load from 0 to 1.

    ``clock_seconds``: how far its clock is ahead of ours; None while it says no time. ``concerns``: sentences.
    """

    edge: Edge
    x: float
    y: float
    load: float
    silent_seconds: float = 0.0
    clock_seconds: float | None = None
    generation: int = 0
    concerns: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """Where the bytes of its answers came from, since its process began."""
        return parts(sent(self.edge.report))

    @property
    def served_bytes(self) -> int:
        """All bytes it sent since it started."""
        return sum(sent(self.edge.report).values())

    @property
    def hit_share(self) -> float | None:
        """The part of its bytes that it held already; None before the first."""
        return disk_share(self.parts)

    @property
    def disk_used(self) -> float:
        """How full its part of the disk is, from 0 to 1."""
        report = self.edge.report
        return min(1.0, report.cached_bytes / report.cache_limit_bytes) if report.cache_limit_bytes else 0.0

    @property
    def site(self) -> str:
        """Where it stands, fit to be shown."""
        return shown(self.edge.report.site)

    @property
    def region(self) -> str:
        """Whom it serves first, fit to be shown."""
        return shown(self.edge.report.region)

    @property
    def tier(self) -> str:
        """``edge`` or ``parent``, or whatever it says."""
        return shown(self.edge.report.tier)

    @property
    def dataplane(self) -> str:
        """What moves its bytes."""
        return shown(self.edge.report.dataplane)

    @property
    def url(self) -> str:
        """Its address as it tells it."""
        return shown(self.edge.report.url)

    @property
    def disk(self) -> str:
        """``well``, or what is wrong with its disk."""
        return shown(self.edge.report.disk)

    @property
    def keys_version(self) -> str:
        """Which keys it opens tokens with."""
        return shown(self.edge.report.keys_version, 40)


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that tables can be narrowed to, how many have it, and the address that does so."""

    name: str
    count: int
    address: str
    chosen: bool


def shown(text: str, longest: int = _LONGEST) -> str:
    """Somebody else's words as one short line: nothing that reorders, hides or breaks what stands around them."""
    safe = printable(text[: longest + 1])
    return safe if len(safe) <= longest else f"{safe[: longest - 1]}…"


def sent(report: EdgeReport) -> dict[str, int]:
    """Bytes by where they came from."""
    return {
        Origin.PLACED.value: report.placed_hit_bytes,
        Origin.DEMAND.value: report.demand_hit_bytes,
        Origin.PEER.value: report.peer_bytes,
        Origin.PARENT.value: report.parent_bytes,
        Origin.ORIGIN.value: report.origin_bytes,
    }


def summed(places: Iterable[EdgePlace]) -> dict[str, int]:
    """Bytes of several edges by where they came from."""
    whole: Counter[str] = Counter()
    for found in places:
        whole.update(sent(found.edge.report))
    return dict(whole)


def parts(sizes: Mapping[str, int], names: Sequence[str] = ORIGINS) -> tuple[Part, ...]:
    """Each name's part of the whole, in the names' order; without bytes every share is 0."""
    whole = sum(sizes.get(name, 0) for name in names)
    return tuple(Part(name, sizes.get(name, 0), sizes.get(name, 0) / whole if whole else 0.0) for name in names)


def disk_share(found: Iterable[Part]) -> float | None:
    """The share that lay on the edge's own disk; None without any bytes."""
    found = tuple(found)
    if not any(part.size_bytes for part in found):
        return None
    return sum(part.share for part in found if part.name in FROM_DISK)


def ago(seconds: float) -> str:
    """A length of time as people say it, in one unit: ``4 s``, ``12 min``, ``3 h``, ``9 days``."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.0f} days"


def place(edge: Edge, now: datetime | None = None, newest: Newest | None = None) -> EdgePlace:
    """Where an edge stands on the map, how loaded it is, and how it compares with what it ought to have."""
    report = edge.report
    now = now or edge.last_seen
    clock = report.time - edge.last_seen.timestamp() if report.time else None
    silent = max(0.0, (now - edge.last_seen).total_seconds())
    return EdgePlace(
        edge=edge,
        x=(report.longitude + 180) / 360 * 100,
        y=(90 - report.latitude) / 180 * 100,
        load=0.0 if edge.state is EdgeState.SILENT else min(1.0, report.egress_bps / edge.capacity_bps),
        silent_seconds=silent,
        clock_seconds=clock,
        generation=newest.generations.get(edge.id, 0) if newest else report.plan_generation,
        concerns=tuple(_concerns(edge, silent, clock, newest)),
    )


def _concerns(edge: Edge, silent: float, clock: float | None, newest: Newest | None) -> Iterable[str]:
    report = edge.report
    if edge.state is EdgeState.SILENT:
        yield f"Not heard of for {ago(silent)}: players are steered around it."
        return
    if report.disk != "well":
        yield f"Its disk: {shown(report.disk)}"
    elif report.cache_limit_bytes and report.cached_bytes > report.cache_limit_bytes * _FULL and report.missing_files:
        yield f"Its disk is full, and {report.missing_files} planned files are not there."
    if clock is not None and abs(clock) > _CLOCK_SECONDS:
        yield f"Its clock is {ago(abs(clock))} {'ahead' if clock > 0 else 'behind'}."
    if newest is None:
        return
    if newest.due_keys_version and report.keys_version != newest.due_keys_version:
        yield f"It opens tokens with keys {shown(report.keys_version, 40) or 'of none'}, not {newest.due_keys_version}."
    if report.purges_through < newest.due_purge:
        yield f"It has obeyed purges through {report.purges_through}, not through {newest.due_purge}."


_FIELDS: Mapping[str, Callable[[EdgePlace], str]] = {
    "state": lambda found: str(found.edge.state),
    "tier": lambda found: found.tier,
    "region": lambda found: found.region,
}


def narrowed(
    places: Sequence[EdgePlace], asked: Mapping[str, str], path: str
) -> tuple[tuple[EdgePlace, ...], tuple[Choice, ...]]:
    """The edges that have every value that was asked for, and the values there are with their counts."""
    chosen = {field: value for field, value in asked.items() if value and field in _FIELDS}
    found = tuple(entry for entry in places if all(_FIELDS[field](entry) == value for field, value in chosen.items()))
    choices = [Choice("all", len(places), path, not chosen)]
    for field, value_of in _FIELDS.items():
        counts = Counter(value_of(entry) for entry in places)
        if len(counts) < 2 and field != "state":  # noqa: PLR2004 - a choice is between two
            continue
        choices += [
            Choice(value, count, f"{path}?{urlencode({field: value})}", chosen.get(field) == value)
            for value, count in sorted(counts.items())
            if value
        ]
    return found, tuple(choices)
