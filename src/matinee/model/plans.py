"""What edges are to hold and do, and what they say of themselves: the words of the control channel.

A plan is a whole: its generation grows by one with each change. What an edge holds is told exactly: once as "the plan
of that generation but for these, and these besides", and from there on as differences in order.
"""

from dataclasses import dataclass
from enum import StrEnum

HOP_PREFIX = "edge:"
"""Before an edge's id, where a token names the playback it was given to: one edge asks another with it."""


class Tier(StrEnum):
    """What an edge is for: viewers, or (a parent, also called shield) other edges."""

    EDGE = "edge"
    PARENT = "parent"


class Origin(StrEnum):
    """Where the bytes of an answer came from. ``PLACED`` and ``DEMAND`` lay on the edge's disk."""

    PLACED = "placed"
    DEMAND = "demand"
    PEER = "peer"
    PARENT = "parent"
    ORIGIN = "origin"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file an edge is to hold: its path ``<title>/<revision>/<file>``, size and worth (bytes saved a day per byte).

    ``digest`` is the SHA-256 of its bytes in hexadecimal, empty where nobody wrote it down. ``elected``: this edge
    fetches it from afar for its site, the others wait and copy it.
    """

    path: str
    size_bytes: int
    worth: float
    digest: str = ""
    elected: bool = True


@dataclass(frozen=True, slots=True)
class FillWindow:
    """When an edge fills ahead (hours of the day in UTC; equal ones: always) and at most how fast (None: no cap)."""

    opens_hour: float = 0.0
    closes_hour: float = 0.0
    limit_bps: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one edge is to hold, most worthy first."""

    edge_id: str
    generation: int
    files: tuple[PlannedFile, ...] = ()
    window: FillWindow = FillWindow()


@dataclass(frozen=True, slots=True)
class PlanPage:
    """A plan in pieces, so that a million files never stand in memory; ``page`` counts from 0 to ``pages`` - 1."""

    generation: int
    page: int
    pages: int
    files: tuple[PlannedFile, ...]
    window: FillWindow = FillWindow()


@dataclass(frozen=True, slots=True)
class HoldingsUpdate:
    """What an edge holds, said exactly. ``sequence`` grows by one with each update since ``started``.

    With ``generation`` (not None) it lists the whole: it holds that plan's files but for ``missing``, and ``added``
    besides. ``begins`` marks the first page, which may leave numbers out before it; ``more`` says that the next update
    carries on with the same listing. Without, ``added`` came and ``removed`` went since the update before. A receiver
    that lacks the update before one that does not begin has it begin anew.
    """

    edge_id: str
    started: float
    sequence: int
    generation: int | None = None
    missing: tuple[str, ...] = ()
    added: tuple[tuple[str, int], ...] = ()
    removed: tuple[str, ...] = ()
    more: bool = False
    begins: bool = False


@dataclass(frozen=True, slots=True)
class AccountLine:
    """Bytes of bodies handed to the kernel for one playback (empty: none known), by where they came from."""

    playback_id: str
    origin: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Account:
    """An interval's bytes, told again until it is acknowledged and counted once. ``sequence`` as in HoldingsUpdate."""

    edge_id: str
    started: float
    sequence: int
    lines: tuple[AccountLine, ...]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys of media tokens by id, the one that signs first; several live at once while they rotate."""

    version: str
    keys: dict[str, str]

    def __repr__(self) -> str:
        """Without the keys: a ring may be logged."""
        return f"KeyRing(version={self.version!r}, {len(self.keys)} keys)"


@dataclass(frozen=True, slots=True)
class Source:
    """Another edge to fetch from: a peer of the same site, or a parent. ``url`` without a slash at its end."""

    edge_id: str
    kind: str
    url: str


@dataclass(frozen=True, slots=True)
class Revocation:
    """A playback (or ``edge:ID``) whose tokens open nothing any more, kept until they would have ended anyway.

    ``expires`` in seconds since 1970.
    """

    sequence: int
    subject: str
    expires: float


@dataclass(frozen=True, slots=True)
class Purge:
    """Files to remove at once: those whose path begins with ``prefix`` (``<title>/``, ``<title>/<revision>/…``)."""

    sequence: int
    prefix: str


@dataclass(frozen=True, slots=True)
class EdgeReport:
    """What an edge says of itself, about once a second.

    Rates are means since the last report. Sums count since the process started, which ``started`` (seconds since 1970)
    names, so that a restart is not read as a negative rate. ``time`` is the edge's own clock, and ``skew_seconds`` how
    far it found the control plane's to be ahead, once that is more than it should be. ``disk`` is ``well`` or a
    sentence.
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
    placed_hit_bytes: int = 0
    peer_bytes: int = 0
    parent_bytes: int = 0
    missing_files: int = 0
    tier: str = Tier.EDGE.value
    dataplane: str = "embedded"
    time: float = 0.0
    disk: str = "well"
    keys_version: str = ""
    revocations_through: int = 0
    purges_through: int = 0
    skew_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EdgeOrders:
    """What the control plane answers to a report.

    ``draining``: keep who is here, take no new viewers; ``down``: answer nobody. ``egress_limit_bps`` None: no cap.
    The edge fetches plan and keys when their generation and version differ from its own. ``revocations`` and ``purges``
    are those after the report's. ``holdings_through`` is the last holdings update that was kept of this process, -1
    if the edge is to begin anew. ``time`` is the control plane's clock, in seconds since 1970.
    """

    draining: bool = False
    egress_limit_bps: int | None = None
    plan_generation: int = 0
    down: bool = False
    keys_version: str = ""
    sources: tuple[Source, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    purges: tuple[Purge, ...] = ()
    holdings_through: int = -1
    time: float = 0.0
