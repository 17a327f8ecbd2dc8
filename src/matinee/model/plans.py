"""What edges are to hold. A plan is a whole: its generation grows by one with each change.

Placement makes plans later; until then every edge's plan is empty and its whole disk is demand cache.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file an edge is to hold: its path ``<title>/<revision>/<file>``, size and what it is worth (plays a day)."""

    path: str
    size_bytes: int
    worth: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one edge is to hold, most worthy first."""

    edge_id: str
    generation: int
    files: tuple[PlannedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class EdgeReport:
    """What an edge says of itself, about once a second.

    Rates are means since the last report. ``demand_hit_bytes`` and ``origin_bytes`` count since the process started,
    which ``started`` (seconds since 1970) names, so that a restart is not read as a negative rate.
    """

    edge_id: str
    site: str
    region: str
    url: str
    latitude: float
    longitude: float
    capacity_bps: int
    started: float
    egress_bps: float
    connections: int
    cached_bytes: int
    cache_limit_bytes: int
    files: int
    demand_hit_bytes: int
    origin_bytes: int
    requests: int
    refused: int
    plan_generation: int = 0


@dataclass(frozen=True, slots=True)
class EdgeOrders:
    """What the control plane answers to a report: drain or serve, and a cap on egress in bit/s (None: no cap)."""

    draining: bool = False
    egress_limit_bps: int | None = None
    plan_generation: int = 0
