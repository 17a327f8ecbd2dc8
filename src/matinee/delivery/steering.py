"""Which edges serve a viewer, nearest first, and whether a running player is moved. Pure: same inputs, same answer.

Edges that are silent or drained are left out while others serve. The rest are ranked by region (the viewer's own, then
the others by great-circle distance), and inside a region by weighted rendezvous on the title, so that one title's
viewers meet at the same few disks, with bounded loads (consistent hashing with bounded loads, Mirrokni, Thorup and
Zadimoghaddam 2018): an edge that carries more than 1.25 times its share waits behind its neighbours. Distinct sites
come first, so that a player's second choice does not fail together with its first.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from matinee.delivery.edges import Edge, EdgeState
from matinee.model.topology import Region, distance_km

EPSILON = 0.25
"""How much more than its share of a region's load an edge may carry before it waits behind its neighbours."""

_LIGHT_SHARE = 0.05
# Below this part of its capacity an edge is never put back: spreading a few viewers over cold disks helps nobody.
_FULL_SHARE = 1.0
_OVERLOADED_SHARE = 0.9
_LEAST_MOVED_SHARE = 0.25
_RETURNING_SHARE = 0.1
_SETTLED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a decision looks at of an edge; recorded with the decision, so that it can be replayed."""

    edge_id: str
    site: str
    region: str
    url: str
    latitude: float
    longitude: float
    capacity_bps: int
    state: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """An edge at its place in a viewer's list; ``reason`` says in words why it is there."""

    edge_id: str
    region: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class Steered:
    """What a running player is told: pathways in order of preference, and why the first is first."""

    priority: tuple[str, ...]
    reason: str


def candidate(edge: Edge) -> Candidate:
    """What matters of an edge to the ranking."""
    return Candidate(
        edge_id=edge.id,
        # An edge that names no site stands alone.
        site=edge.report.site or edge.id,
        region=edge.report.region,
        url=edge.report.url,
        latitude=edge.report.latitude,
        longitude=edge.report.longitude,
        capacity_bps=edge.capacity_bps,
        state=edge.state.value,
    )


def rank(
    edges: Sequence[Edge], viewer: Region, title_key: str, committed_bps: Mapping[str, float]
) -> tuple[Ranked, ...]:
    """The edges for a viewer of a title, best first. ``committed_bps`` is what running plays may ask of each edge."""
    return rank_candidates([candidate(edge) for edge in edges], viewer, title_key, committed_bps)


def rank_candidates(
    candidates: Sequence[Candidate], viewer: Region, title_key: str, committed_bps: Mapping[str, float]
) -> tuple[Ranked, ...]:
    """``rank`` on what it looks at, which is what a recorded decision holds."""
    well = [one for one in candidates if one.state == EdgeState.SERVING]
    # While nobody serves, who is drained or was silent a moment ago may do; who was taken down answers nobody.
    chosen = well or [one for one in candidates if one.state != EdgeState.DOWN] or candidates
    regions = _regions_by_distance(chosen, viewer)
    over = {region: _over_their_share(chosen, region, committed_bps) for region in regions}

    def place(one: Candidate) -> tuple[bool, int, bool, float, str]:
        full = committed_bps.get(one.edge_id, 0.0) >= _FULL_SHARE * one.capacity_bps
        back = one.edge_id in over[one.region]
        return full, regions.index(one.region), back, -_affinity(one, title_key), one.edge_id

    ordered = _sites_first(sorted(chosen, key=place))
    return tuple(
        Ranked(one.edge_id, one.region, one.url, _reason(one, viewer, committed_bps, over, alone=not well))
        for one in ordered
    )


def steer(
    edges: Sequence[Edge],
    viewer: Region,
    title_key: str,
    committed_bps: Mapping[str, float],
    current: str | None,
    *,
    now: datetime,
    draw: float,
) -> Steered:
    """Where a running player goes on: where it is, while that edge is well; else the best of the others.

    ``draw`` in [0, 1) is the player's lot for this answer: an overloaded edge sends away only so many of its players at
    a time, and an edge that came back gets a tenth of them each time, so that nothing swings to and fro.
    """
    ranked = rank(edges, viewer, title_key, committed_bps)
    if not ranked:
        return Steered((), "No edge is known.")
    order = [entry.edge_id for entry in ranked]
    by_id = {edge.id: edge for edge in edges}
    here = by_id.get(current or "")
    if here is None:
        return Steered(tuple(order), f"{order[0]} is best: {ranked[0].reason}.")
    if here.id not in order:
        return Steered(tuple(order), f"{here.id} is {here.state}; {order[0]} is best: {ranked[0].reason}.")
    if here.state is not EdgeState.SERVING:
        return Steered(_first(order, here.id), f"{here.id} is {here.state}, and no other edge serves now.")
    used = here.report.egress_bps / here.capacity_bps
    if used >= _OVERLOADED_SHARE:
        roomy = [
            other for other in order if other != here.id and _used(by_id[other], committed_bps) < _OVERLOADED_SHARE
        ]
        moved_share = max(_LEAST_MOVED_SHARE, 1 - _OVERLOADED_SHARE / max(used, _used(here, committed_bps)))
        if roomy and draw < moved_share:
            return Steered(_first(order, roomy[0], here.id), f"{here.id} has {used:.0%} of its egress in use.")
        return Steered(_first(order, here.id), f"{here.id} is overloaded, but not every player can leave it at once.")
    best = by_id[order[0]]
    if _nearer_and_settled(best, here, viewer, now) and draw < _RETURNING_SHARE:
        return Steered(
            _first(order, best.id, here.id), f"{best.id} is nearer than {here.id} and has been well for a while."
        )
    return Steered(_first(order, here.id), f"{here.id} is well: a running player stays where it is.")


def _first(order: Sequence[str], *leading: str) -> tuple[str, ...]:
    return (*leading, *(edge_id for edge_id in order if edge_id not in leading))


def _used(edge: Edge, committed_bps: Mapping[str, float]) -> float:
    return max(edge.report.egress_bps, committed_bps.get(edge.id, 0.0)) / edge.capacity_bps


def _nearer_and_settled(best: Edge, here: Edge, viewer: Region, now: datetime) -> bool:
    if best is here or best.report.region == here.report.region or now - best.since < _SETTLED:
        return False
    return _distance(candidate(best), viewer) < _distance(candidate(here), viewer)


def _distance(one: Candidate, viewer: Region) -> float:
    if one.region == viewer.name:
        return 0.0
    return distance_km(viewer.latitude, viewer.longitude, one.latitude, one.longitude)


def _regions_by_distance(candidates: Sequence[Candidate], viewer: Region) -> list[str]:
    """Proximity classes: the viewer's region, then the others by their nearest edge."""
    nearest: dict[str, float] = {}
    for one in candidates:
        nearest[one.region] = min(nearest.get(one.region, math.inf), _distance(one, viewer))
    return sorted(nearest, key=lambda region: (region != viewer.name, nearest[region], region))


def _over_their_share(candidates: Sequence[Candidate], region: str, committed_bps: Mapping[str, float]) -> set[str]:
    """Who in a region carries more than (1 + epsilon) times what its part of the capacity would be."""
    there = [one for one in candidates if one.region == region]
    mean = sum(committed_bps.get(one.edge_id, 0.0) for one in there) / sum(one.capacity_bps for one in there)
    bound = max((1 + EPSILON) * mean, _LIGHT_SHARE)
    return {one.edge_id for one in there if committed_bps.get(one.edge_id, 0.0) > bound * one.capacity_bps}


def _affinity(one: Candidate, title_key: str) -> float:
    """Weighted rendezvous: capacity over the negative logarithm of a hash in (0, 1), highest wins."""
    digest = blake2b(f"{title_key}\n{one.edge_id}".encode(), digest_size=8).digest()
    lot = (int.from_bytes(digest, "big") + 0.5) / 2**64
    # A lot of the very last hash rounds to 1.0, whose logarithm would divide by zero.
    return one.capacity_bps / max(-math.log(lot), 1e-18)


def _sites_first(ordered: Sequence[Candidate]) -> list[Candidate]:
    """The best edge of each site in order, then the rest."""
    seen: set[str] = set()
    firsts: list[Candidate] = []
    rest: list[Candidate] = []
    for one in ordered:
        (rest if one.site in seen else firsts).append(one)
        seen.add(one.site)
    return firsts + rest


def _reason(
    one: Candidate,
    viewer: Region,
    committed_bps: Mapping[str, float],
    over: Mapping[str, set[str]],
    *,
    alone: bool,
) -> str:
    where = "in your region" if one.region == viewer.name else f"in {one.region}, {_distance(one, viewer):,.0f} km away"
    share = committed_bps.get(one.edge_id, 0.0) / one.capacity_bps
    words = f"{where}, {100 * share:.0f} % committed"
    if share >= _FULL_SHARE:
        words += ", which is full"
    elif one.edge_id in over[one.region]:
        words += ", more than its share"
    if alone:
        words += f"; it is {one.state}, and no edge serves now"
    return words
