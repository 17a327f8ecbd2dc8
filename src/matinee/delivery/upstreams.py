"""Whom an edge may fetch from: peers of its site, then parents, nearest first. Pure.

A parent is given no parents, so that no request goes in a circle; peers are asked for what they hold alone.
"""

from collections.abc import Sequence

from matinee.delivery.edges import Edge, EdgeState
from matinee.model.plans import EdgeReport, Source, Tier
from matinee.model.topology import distance_km

_MOST_PEERS, _MOST_PARENTS = 16, 3


def sources_of(report: EdgeReport, edges: Sequence[Edge]) -> tuple[Source, ...]:
    """The sources of the edge that reports, in the order in which it asks them."""
    serving = [edge for edge in edges if edge.state is EdgeState.SERVING and edge.id != report.edge_id]
    peers = [edge for edge in serving if report.site and edge.report.site == report.site]
    same = sorted((edge for edge in peers if edge.report.tier == report.tier), key=lambda edge: edge.id)
    found = [Source(edge.id, "peer", edge.report.url.rstrip("/")) for edge in same[:_MOST_PEERS]]
    if report.tier == Tier.PARENT:
        return tuple(found)
    parents = sorted(
        (edge for edge in serving if edge.report.tier == Tier.PARENT),
        key=lambda edge: (edge.report.region != report.region, _distance(report, edge), edge.id),
    )
    return (*found, *(Source(edge.id, "parent", edge.report.url.rstrip("/")) for edge in parents[:_MOST_PARENTS]))


def _distance(report: EdgeReport, edge: Edge) -> float:
    other = edge.report
    return distance_km(report.latitude, report.longitude, other.latitude, other.longitude)
