"""What an edge counts of itself, and how it shows that: for ``/metrics``, for ``/readyz``, for its reports."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from matinee.model.plans import Origin

_ACTIVE_SECONDS = 10.0

Peer = tuple[str, int]


@dataclass(slots=True)
class Counters:
    """Plain numbers that one thread adds to; all count since the process started, bytes are of bodies."""

    requests: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    held_bytes: int = 0
    filled_bytes: int = 0
    received: Counter[Origin] = field(default_factory=Counter)
    placed: Counter[str] = field(default_factory=Counter)
    placed_bytes: int = 0
    placing_left: int = 0
    cut: int = 0
    unavailable: int = 0
    fills: Counter[str] = field(default_factory=Counter)
    peers: dict[Peer, float] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    connections: int | None = None
    """Open connections, where a data plane in front counts them."""

    @property
    def origin_bytes(self) -> int:
        """Bytes fetched from the origin."""
        return self.received[Origin.ORIGIN]

    @property
    def parent_bytes(self) -> int:
        """Bytes fetched from parents."""
        return self.received[Origin.PARENT]

    @property
    def peer_bytes(self) -> int:
        """Bytes fetched from peers."""
        return self.received[Origin.PEER]

    @property
    def sent_bytes(self) -> int:
        """Bytes handed to the network, from held files and from fills."""
        return self.held_bytes + self.filled_bytes

    def active_connections(self, now: float) -> int:
        """Connections that asked for something within the last ten seconds; older ones are forgotten.

        Behind a data plane that counts them: those that are open.
        """
        if self.connections is not None:
            return self.connections
        for peer in [peer for peer, seen in self.peers.items() if seen < now - _ACTIVE_SECONDS]:
            del self.peers[peer]
        return len(self.peers)


@dataclass(slots=True)
class Orders:
    """What the control plane last ordered, as it stands now."""

    draining: bool = False
    egress_limit_bps: int | None = None


class Store(Protocol):
    """What is shown of a cache."""

    @property
    def limit_bytes(self) -> int:
        """What its files may take on disk."""
        ...

    @property
    def evicted(self) -> int:
        """Files that left to make room."""
        ...

    @property
    def used_bytes(self) -> int:
        """What its files take on disk."""
        ...

    def __len__(self) -> int: ...


class Health(Collector):
    """The figures of one edge as Prometheus reads them."""

    def __init__(self, *, edge_id: str, counters: Counters, cache: Store, orders: Orders) -> None:
        self._edge_id, self._counters, self._cache, self._orders = edge_id, counters, cache, orders
        self._registry = CollectorRegistry()
        self._registry.register(self)

    @property
    def ready(self) -> bool:
        """Whether new viewers may be sent here."""
        return not self._orders.draining

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """One family a figure."""
        counters, cache = self._counters, self._cache
        yield self._sum("requests", "Requests for media.", counters.requests)
        yield self._sums("refused", "Requests for media that no good token opened.", "fault", counters.refused)
        sent = {origin.value: counters.sent[origin.value] for origin in Origin}
        yield self._sums("sent_bytes", "Bytes of bodies sent, by where they came from.", "origin", sent)
        yield self._sum("origin_bytes", "Bytes fetched from the origin.", counters.origin_bytes)
        fetched = {origin.value: counters.received[origin] for origin in (Origin.PEER, Origin.PARENT, Origin.ORIGIN)}
        yield self._sums("fetched_bytes", "Bytes fetched, by where they came from.", "source", fetched)
        yield self._sums("fills", "Fetches of what was not held.", "outcome", counters.fills)
        yield self._sums("placed", "Files that the plan wants, by how fetching one ended.", "outcome", counters.placed)
        yield self._sum(
            "placed_bytes", "Bytes of files that were fetched because the plan wants them.", counters.placed_bytes
        )
        yield self._gauge(
            "placing_left",
            "Files that the plan wants and this edge does not hold.",
            counters.placing_left,
        )
        yield self._sum("cut", "Answers that were broken off.", counters.cut)
        yield self._sum("unavailable", "Requests for what is neither held nor to be had.", counters.unavailable)
        yield self._sum("evicted", "Files that left to make room.", cache.evicted)
        yield self._gauge("cached_bytes", "What held files take on disk.", cache.used_bytes)
        yield self._gauge("cache_limit_bytes", "What they may take.", cache.limit_bytes)
        yield self._gauge("files", "Files held.", len(cache))
        yield self._gauge("draining", "1 while new viewers are sent elsewhere.", int(self._orders.draining))
        limit = self._orders.egress_limit_bps
        yield self._gauge("egress_limit_bps", "Cap on what is sent, bit/s; 0: none.", limit or 0)

    def _sum(self, name: str, sentence: str, value: float) -> Metric:
        family = CounterMetricFamily(f"matinee_edge_{name}", sentence, labels=["edge"])
        family.add_metric([self._edge_id], value)
        return family

    def _sums(self, name: str, sentence: str, label: str, values: dict[str, int]) -> Metric:
        family = CounterMetricFamily(f"matinee_edge_{name}", sentence, labels=["edge", label])
        for key, value in sorted(values.items()):
            family.add_metric([self._edge_id, key], value)
        return family

    def _gauge(self, name: str, sentence: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"matinee_edge_{name}", sentence, labels=["edge"])
        family.add_metric([self._edge_id], value)
        return family
