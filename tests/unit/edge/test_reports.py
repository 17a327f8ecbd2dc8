from matinee.edge.health import Counters, Health, Orders
from matinee.edge.reports import Identity, Reports, wait_seconds

IDENTITY = Identity("e1", "site", "europe", "http://e1", 50.0, 8.0, 10**9, started=1.0)


class Cache:
    limit_bytes, used_bytes, evicted = 1000, 400, 2

    def __len__(self) -> int:
        return 3


def test_a_rate_is_the_mean_since_the_last_report() -> None:
    counters = Counters()
    reports = Reports(identity=IDENTITY, counters=counters, cache=Cache(), now=10.0)
    counters.held_bytes, counters.filled_bytes = 1000, 250
    first = reports.next(12.0)
    assert (first.egress_bps, first.demand_hit_bytes) == (5000.0, 1000)
    assert (first.cached_bytes, first.cache_limit_bytes, first.files, first.edge_id) == (400, 1000, 3, "e1")
    assert reports.next(13.0).egress_bps == 0.0
    assert reports.next(13.0).egress_bps == 0.0


def test_connections_are_those_that_asked_of_late() -> None:
    counters = Counters()
    counters.peers.update({("a", 1): 100.0, ("a", 2): 95.0, ("b", 1): 80.0})
    assert counters.active_connections(101.0) == 2
    assert counters.active_connections(200.0) == 0
    assert not counters.peers


def test_refusals_of_every_kind_are_counted_together() -> None:
    counters = Counters()
    counters.refused.update({"expired": 2, "forged": 1})
    assert Reports(identity=IDENTITY, counters=counters, cache=Cache(), now=0.0).next(1.0).refused == 3


def test_an_edge_that_nobody_hears_asks_again_soon() -> None:
    assert wait_seconds(0) == 1.0
    waits = [wait_seconds(failures) for failures in range(20)]
    assert waits == sorted(waits)
    # Less than the four seconds after which a silent edge is steered around.
    assert waits[-1] <= 2.0


def test_figures_are_shown_with_their_labels() -> None:
    counters, orders = Counters(), Orders(draining=True)
    counters.refused["expired"] += 4
    health = Health(edge_id="e1", counters=counters, cache=Cache(), orders=orders)
    shown = health.exposition().decode()
    assert 'matinee_edge_refused_total{edge="e1",fault="expired"} 4.0' in shown
    assert 'matinee_edge_draining{edge="e1"} 1.0' in shown
    assert 'matinee_edge_evicted_total{edge="e1"} 2.0' in shown
    assert not health.ready
