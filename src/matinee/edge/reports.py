"""What an edge says of itself to the control plane, and how soon it says it again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from matinee.edge.health import Counters, Store
from matinee.model.plans import EdgeReport, Origin, Tier

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
    tier: str = Tier.EDGE.value
    dataplane: str = "embedded"


class Reports:
    """Makes one report after another; rates are means since the one before. Times are steady seconds.

    ``totals``: bytes sent since the start by where they came from; without it, those that counters know.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        counters: Counters,
        cache: Store,
        now: float,
        totals: Mapping[Origin, int] | None = None,
    ) -> None:
        self._identity, self._counters, self._cache = identity, counters, cache
        self._totals = totals
        self._last_at, self._last_bytes = now, counters.sent_bytes

    def next(self, now: float) -> EdgeReport:
        """The edge as it is now."""
        identity, counters, cache = self._identity, self._counters, self._cache
        held = {Origin.DEMAND: counters.held_bytes, Origin.ORIGIN: counters.origin_bytes}
        totals = held if self._totals is None else self._totals
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
            demand_hit_bytes=totals.get(Origin.DEMAND, 0),
            origin_bytes=totals.get(Origin.ORIGIN, 0),
            requests=counters.requests,
            refused=counters.refused.total(),
            placed_hit_bytes=totals.get(Origin.PLACED, 0),
            peer_bytes=totals.get(Origin.PEER, 0),
            parent_bytes=totals.get(Origin.PARENT, 0),
            tier=identity.tier,
            dataplane=identity.dataplane,
        )


def wait_seconds(failures: int) -> float:
    """How long to wait for the next report after so many in a row that nobody took.

    Never long: a control plane that comes back has to hear of its edges before it calls them silent.
    """
    return REPORT_SECONDS * min(1.0 + 0.5 * failures, 2.0)
