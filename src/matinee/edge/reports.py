"""What an edge says of itself to the control plane, and how soon it says it again. Pure."""

from dataclasses import dataclass

from matinee.edge.health import Counters, Store
from matinee.model.plans import EdgeReport

REPORT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an edge is: all that does not change while it runs. ``started`` in seconds since 1970."""

    edge_id: str
    site: str
    region: str
    url: str
    latitude: float
    longitude: float
    capacity_bps: int
    started: float


class Reports:
    """Makes one report after another; rates are means since the one before. Times are steady seconds."""

    def __init__(self, *, identity: Identity, counters: Counters, cache: Store, now: float) -> None:
        self._identity, self._counters, self._cache = identity, counters, cache
        self._last_at, self._last_bytes = now, counters.sent_bytes

    def next(self, now: float) -> EdgeReport:
        """The edge as it is now."""
        identity, counters, cache = self._identity, self._counters, self._cache
        seconds, sent_bytes = now - self._last_at, counters.sent_bytes - self._last_bytes
        self._last_at, self._last_bytes = now, counters.sent_bytes
        return EdgeReport(
            edge_id=identity.edge_id,
            site=identity.site,
            region=identity.region,
            url=identity.url,
            latitude=identity.latitude,
            longitude=identity.longitude,
            capacity_bps=identity.capacity_bps,
            started=identity.started,
            egress_bps=sent_bytes * 8 / seconds if seconds > 0 else 0.0,
            connections=counters.active_connections(now),
            cached_bytes=cache.used_bytes,
            cache_limit_bytes=cache.limit_bytes,
            files=len(cache),
            demand_hit_bytes=counters.held_bytes,
            origin_bytes=counters.origin_bytes,
            peer_bytes=counters.peer_bytes,
            parent_bytes=counters.parent_bytes,
            requests=counters.requests,
            refused=counters.refused.total(),
        )


def wait_seconds(failures: int) -> float:
    """How long to wait for the next report after so many in a row that nobody took.

    Never long: a control plane that comes back has to hear of its edges before it calls them silent.
    """
    return REPORT_SECONDS * min(1.0 + 0.5 * failures, 2.0)
