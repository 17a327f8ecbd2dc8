from dataclasses import replace

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.delivery.audit import Audit
from matinee.delivery.edges import Edges, EdgeState
from matinee.delivery.steering import rank
from matinee.model.errors import Conflict, Invalid, NotFound
from matinee.model.events import EdgeChanged, PlanApplied
from matinee.model.plans import EdgeOrders
from matinee.model.topology import Region
from playing import report


def opened(database: sa.Engine, clock: ManualClock) -> Edges:
    return Edges(engine=database, outbox=DatabaseOutbox(), clock=clock, silence_seconds=4.0)


@pytest.fixture
def edges(database: sa.Engine, clock: ManualClock) -> Edges:
    return opened(database, clock)


def told(database: sa.Engine) -> list[tuple[str, str]]:
    DatabaseRelay(database).forward()
    recorded = DatabaseEventLog(database).tail().read()
    facts = [one.event.facts for one in recorded]
    assert all(isinstance(one, EdgeChanged) for one in facts)
    return [(one.edge_id, one.state) for one in facts if isinstance(one, EdgeChanged)]


def test_an_edge_that_reports_serves_and_is_told_of_once(edges: Edges, database: sa.Engine, clock: ManualClock) -> None:
    assert edges.report(report()) == EdgeOrders(time=clock.now().timestamp())
    clock.advance(1)
    edges.report(report(egress_bps=5e6, connections=3))
    clock.advance(0.5)
    (edge,) = edges.edges()
    assert edge.state is EdgeState.SERVING
    assert (edge.report.egress_bps, edge.report.connections) == (5e6, 3)
    assert (clock.now() - edge.last_seen).total_seconds() == 0.5
    assert (clock.now() - edge.since).total_seconds() == 1.5
    assert told(database) == [("europe-1", "serving")]


def test_an_edge_that_falls_silent_is_told_of_once_however_many_look(
    edges: Edges, database: sa.Engine, clock: ManualClock
) -> None:
    other = opened(database, clock)
    edges.report(report())
    clock.advance(4)
    assert edges.edges()[0].state is EdgeState.SERVING
    clock.advance(0.6)
    assert other.notice_silence() == ("europe-1",)
    assert edges.notice_silence() == ()
    assert edges.edges()[0].state is EdgeState.SILENT
    assert other.edges()[0].state is EdgeState.SILENT
    assert told(database) == [("europe-1", "serving"), ("europe-1", "silent")]


def test_reading_the_edges_notices_who_fell_silent(edges: Edges, database: sa.Engine, clock: ManualClock) -> None:
    edges.report(report())
    edges.report(report("asia-1", "asia"))
    clock.advance(3)
    edges.report(report("asia-1", "asia"))
    clock.advance(2)
    assert [edge.state for edge in edges.edges()] == [EdgeState.SERVING, EdgeState.SILENT]
    assert told(database)[-1] == ("europe-1", "silent")


def test_an_edge_that_comes_back_serves_again_and_is_told_of(
    edges: Edges, database: sa.Engine, clock: ManualClock
) -> None:
    edges.report(report())
    clock.advance(5)
    edges.notice_silence()
    clock.advance(5)
    edges.report(report(started=2.0))
    edge = edges.edge("europe-1")
    assert edge.state is EdgeState.SERVING
    assert edge.since == clock.now()
    assert told(database)[-1] == ("europe-1", "serving")


def test_a_control_plane_that_was_away_counts_no_silence_from_before_it_listened(
    edges: Edges, database: sa.Engine, clock: ManualClock
) -> None:
    edges.report(report())
    clock.advance(3600)
    later = opened(database, clock)
    assert later.edges()[0].state is EdgeState.SERVING
    clock.advance(4.5)
    assert later.edges()[0].state is EdgeState.SILENT


def test_an_operators_orders_are_heard_with_the_next_report_and_kept(
    edges: Edges, database: sa.Engine, clock: ManualClock
) -> None:
    edges.report(report())
    edge = edges.order("europe-1", draining=True, egress_limit_bps=2_000_000)
    assert (edge.state, edge.capacity_bps) == (EdgeState.DRAINING, 2_000_000)
    orders = opened(database, clock).report(report())
    assert orders == EdgeOrders(draining=True, egress_limit_bps=2_000_000, time=clock.now().timestamp())
    assert edges.order("europe-1", egress_limit_bps=None).egress_limit_bps is None
    assert edges.order("europe-1", draining=False).state is EdgeState.SERVING
    assert edges.report(report()) == EdgeOrders(time=clock.now().timestamp())
    assert told(database) == [("europe-1", "serving"), ("europe-1", "draining"), ("europe-1", "serving")]


def test_a_drained_edge_that_was_silent_is_drained_when_it_comes_back(edges: Edges, clock: ManualClock) -> None:
    edges.report(report())
    edges.order("europe-1", draining=True)
    clock.advance(5)
    assert edges.notice_silence() == ("europe-1",)
    assert edges.order("europe-1", draining=True).state is EdgeState.SILENT
    assert edges.report(report()).draining
    assert edges.edges()[0].state is EdgeState.DRAINING


def test_an_edge_that_was_taken_down_is_told_so_and_steered_to_by_nobody(
    edges: Edges, database: sa.Engine, clock: ManualClock
) -> None:
    edges.report(report())
    edges.report(report("asia-1", "asia"))
    assert edges.order("europe-1", down=True, draining=True, by="an operator").state is EdgeState.DOWN
    assert edges.report(report()).down
    viewer = Region("europe", 50.1, 8.7)
    assert [one.edge_id for one in rank(edges.edges(), viewer, "title", {})] == ["asia-1"]
    clock.advance(5)
    edges.report(report())
    assert [edge.state for edge in edges.edges()] == [EdgeState.SILENT, EdgeState.DOWN]
    # Not even while nobody else serves: it answers nobody.
    assert [one.edge_id for one in rank(edges.edges(), viewer, "title", {})] == ["asia-1"]
    assert edges.order("europe-1", down=False).state is EdgeState.DRAINING
    assert not edges.report(report()).down
    acts = Audit(database, clock).acts()
    assert [(act.member_id, act.act, act.subject, dict(act.details)) for act in acts] == [
        ("matinee", "order", "europe-1", {"down": False}),
        ("an operator", "order", "europe-1", {"down": True, "draining": True}),
    ]


def test_an_edge_that_obeys_a_new_plan_is_told_of_once(edges: Edges, database: sa.Engine) -> None:
    edges.report(report(plan_generation=3))
    edges.report(report(plan_generation=3))
    edges.report(report(plan_generation=4))
    DatabaseRelay(database).forward()
    facts = [one.event.facts for one in DatabaseEventLog(database).tail().read()]
    assert [one for one in facts if isinstance(one, PlanApplied)] == [
        PlanApplied("europe-1", 3),
        PlanApplied("europe-1", 4),
    ]


def test_orders_to_an_unknown_edge_and_a_limit_of_nothing_are_refused(edges: Edges) -> None:
    with pytest.raises(NotFound, match="europe-1"):
        edges.order("europe-1", draining=True)
    with pytest.raises(NotFound, match="europe-1"):
        edges.edge("europe-1")
    edges.report(report())
    with pytest.raises(Invalid, match="drain it instead"):
        edges.order("europe-1", egress_limit_bps=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"edge_id": ""},
        {"edge_id": "europe 1"},
        {"edge_id": "europe,1"},
        {"edge_id": "e" * 65},
        {"latitude": 91.0},
        {"longitude": float("nan")},
        {"egress_bps": float("inf")},
        {"egress_bps": -1.0},
        {"connections": -1},
        {"capacity_bps": 0},
        {"url": "ftp://edge.example"},
        {"url": "http://"},
        {"url": "http://edge.example:99999"},
        {"url": 'http://edge.example/"'},
        {"url": "http://edge.example?x=1"},
        {"url": "http://edge.example/" + "x" * 500},
        {"skew_seconds": float("nan")},
    ],
)
def test_a_report_that_cannot_be_true_is_refused(edges: Edges, changes: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        edges.report(replace(report(), **changes))  # type: ignore[arg-type]
    assert edges.edges() == ()


@pytest.mark.parametrize("host", ["127.0.1.1:9999", "127.0.1.10", "x.127.0.1.1"])
def test_two_living_edges_whose_hosts_players_cannot_tell_apart_are_refused(edges: Edges, host: str) -> None:
    edges.report(report())
    with pytest.raises(Conflict, match="a name of its own"):
        edges.report(report("asia-1", "asia", url=f"http://{host}"))


def test_a_name_is_free_again_once_its_edge_is_silent(edges: Edges, clock: ManualClock) -> None:
    edges.report(report())
    clock.advance(5)
    edges.report(report("europe-2"))
    assert [edge.id for edge in edges.edges()] == ["europe-1", "europe-2"]


def test_load_is_kept_in_a_ring_that_does_not_grow(
    edges: Edges, clock: ManualClock, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matinee.delivery.store.RING_SECONDS", 20)
    for second in range(32):
        edges.report(report(egress_bps=float(second), connections=second))
        clock.advance(1)
    history = edges.history("europe-1")
    assert [load.connections for load in history] == list(range(13, 32))
    assert history[-1].egress_bps == 31
    assert history[0].time < history[-1].time
    assert len(edges.history("europe-1", seconds=10)) == 9
    assert edges.history("asia-1") == ()
    with database.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM delivery_loads")) == 20


def test_a_failed_transaction_tells_of_nothing(database: sa.Engine, clock: ManualClock) -> None:
    class Broken:
        def append(self, connection: object, events: object) -> int:
            raise RuntimeError("no room left")

    edges = Edges(engine=database, outbox=Broken(), clock=clock, silence_seconds=4.0)
    with pytest.raises(RuntimeError):
        edges.report(report())
    assert edges.edges() == ()
