"""What each edge is to hold: a plain greedy rule over what was played lately, by region, and what is pinned. Pure.

A file's worth is how many bytes a day each of its bytes saves on the way to the edge, which is how often it is expected
to be asked for there. Files that are asked for together are chosen together (a *group*: one rendition's segments, or
all that every player reads), the most worthy first, until the placed share of the disk is full. What was planned
before counts a quarter more than it is worth, so that a plan changes little from one minute to the next. Placement will
choose better, through the same types.
"""

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from matinee.model.plans import PlannedFile, Tier

PLACED_SHARE = 0.85
"""How much of an edge's disk a plan may fill; the rest is the demand cache's, and room for what is on its way."""

HALF_LIFE_DAYS = 3.0
PINNED_PLAYS = 1_000_000.0
"""What a pinned title counts as played a day, before anything that is only liked."""

_KEPT_FACTOR = 1.25
_ELSEWHERE = 0.05
_BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Group:
    """Files of a title that are asked for together: name under the folder, size, SHA-256 (or empty).

    ``share`` of the title's plays ask for it.
    """

    name: str
    files: tuple[tuple[str, int, str], ...]
    share: float = 1.0

    @property
    def footprint_bytes(self) -> int:
        """What they take on a disk, in whole blocks."""
        return sum(_footprint(size) for _, size, _ in self.files)


@dataclass(frozen=True, slots=True)
class Offer:
    """A title that can be played: all of its published revision's files, in groups."""

    title_id: str
    revision: str
    groups: tuple[Group, ...]

    @property
    def folder(self) -> str:
        """Where its files lie: ``<title>/<revision>/``."""
        return f"{self.title_id}/{self.revision}/"


@dataclass(frozen=True, slots=True)
class Plays:
    """How often a title was played in a region on one day, so many days ago (0: the last 24 hours)."""

    title_id: str
    region: str
    age_days: int
    count: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """What matters of an edge to its plan. ``planned`` are the folders of the plan it has."""

    edge_id: str
    site: str
    region: str
    tier: str
    limit_bytes: int
    planned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The first ``count`` files of a group, which an edge is to hold. ``elected``: it fetches them for its site."""

    offer: Offer
    group: Group
    count: int
    worth: float
    elected: bool = True


def expected_plays(plays: Iterable[Plays]) -> Mapping[str, Mapping[str, float]]:
    """Plays a day by region and title; a day counts half of one that is three days younger."""
    expected: dict[str, dict[str, float]] = {}
    weights: set[int] = set()
    for one in plays:
        weights.add(one.age_days)
        region = expected.setdefault(one.region, {})
        region[one.title_id] = region.get(one.title_id, 0.0) + one.count * _weight(one.age_days)
    whole = sum(_weight(age) for age in range(max(weights, default=0) + 1))
    return {region: {title: sum_ / whole for title, sum_ in of.items()} for region, of in expected.items()}


def with_demand(
    expected: Mapping[str, Mapping[str, float]], told: Mapping[str, Mapping[str, float]]
) -> Mapping[str, Mapping[str, float]]:
    """Plays a day as they were told, where they were; what was played, for all other titles and regions."""
    return {region: {**expected.get(region, {}), **told.get(region, {})} for region in {*expected, *told}}


def choose(
    shelves: Sequence[Shelf],
    offers: Sequence[Offer],
    expected: Mapping[str, Mapping[str, float]],
    pins: Collection[tuple[str, str]],
) -> Mapping[str, tuple[Chosen, ...]]:
    """Each edge's plan, most worthy first. ``pins`` are (title, region); an empty region is everywhere."""
    everywhere: dict[str, float] = {}
    for of in expected.values():
        for title_id, count in of.items():
            everywhere[title_id] = everywhere.get(title_id, 0.0) + count
    chosen = {}
    for shelf in shelves:
        sharing = sum(other.region == shelf.region and other.tier == shelf.tier for other in shelves)
        here = expected.get(shelf.region, {})
        demand = {
            # A parent stands before all regions' edges.
            title_id: (count if shelf.tier == Tier.PARENT else here.get(title_id, 0.0) + _ELSEWHERE * count) / sharing
            for title_id, count in everywhere.items()
        }
        for title_id, region in pins:
            if region in {"", shelf.region}:
                demand[title_id] = demand.get(title_id, 0.0) + PINNED_PLAYS
        chosen[shelf.edge_id] = _fill(shelf, offers, demand)
    return _elect(shelves, chosen)


def signature(chosen: Sequence[Chosen]) -> str:
    """A hash of which files a plan holds and who fetches them, whatever they are worth just now."""
    lines = sorted(f"{one.offer.folder}{one.group.name}\n{one.count}\n{one.elected}\n" for one in chosen)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def files_of(chosen: Iterable[Chosen]) -> Iterator[PlannedFile]:
    """The files themselves, one after the other."""
    for one in chosen:
        for name, size_bytes, digest in one.group.files[: one.count]:
            yield PlannedFile(one.offer.folder + name, size_bytes, one.worth, digest, one.elected)


def _fill(shelf: Shelf, offers: Sequence[Offer], demand: Mapping[str, float]) -> tuple[Chosen, ...]:
    wanted = []
    for offer in offers:
        plays = demand.get(offer.title_id, 0.0)
        kept = _KEPT_FACTOR if offer.folder in shelf.planned else 1.0
        wanted += [(plays * group.share * kept, offer, group) for group in offer.groups if plays * group.share > 0]
    wanted.sort(key=lambda one: (-one[0], one[1].folder, one[2].name))
    room = math.floor(shelf.limit_bytes * PLACED_SHARE)
    chosen = []
    for _, offer, group in wanted:
        count, taken = _fitting(group, room)
        if count:
            room -= taken
            chosen.append(Chosen(offer, group, count, demand[offer.title_id] * group.share))
    return tuple(sorted(chosen, key=lambda one: -one.worth))


def _fitting(group: Group, room: int) -> tuple[int, int]:
    """How many of a group's first files fit, and what they take."""
    whole = group.footprint_bytes
    if whole <= room:
        return len(group.files), whole
    taken = 0
    for count, (_, size, _) in enumerate(group.files):
        if taken + _footprint(size) > room:
            return count, taken
        taken += _footprint(size)
    return len(group.files), taken


def _elect(shelves: Sequence[Shelf], chosen: Mapping[str, tuple[Chosen, ...]]) -> Mapping[str, tuple[Chosen, ...]]:
    """At each site one edge fetches a group from afar, by rendezvous: of those that are to hold it, the highest lot."""
    sites = {shelf.edge_id: shelf.site or shelf.edge_id for shelf in shelves}
    best: dict[tuple[str, str], tuple[int, int, str]] = {}
    for edge_id, plan in chosen.items():
        for one in plan:
            key = (sites[edge_id], one.offer.folder + one.group.name)
            # Who holds more of it first: the others find all they need there.
            best[key] = max(best.get(key, (0, 0, "")), (one.count, _lot(edge_id, key[1]), edge_id))
    return {
        edge_id: tuple(
            Chosen(
                one.offer,
                one.group,
                one.count,
                one.worth,
                best[sites[edge_id], one.offer.folder + one.group.name][2] == edge_id,
            )
            for one in plan
        )
        for edge_id, plan in chosen.items()
    }


def _lot(edge_id: str, group: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{group}\n{edge_id}".encode(), digest_size=8).digest(), "big")


def _weight(age_days: int) -> float:
    return float(0.5 ** (age_days / HALF_LIFE_DAYS))


def _footprint(size_bytes: int) -> int:
    return max(1, -(-size_bytes // _BLOCK_BYTES)) * _BLOCK_BYTES
