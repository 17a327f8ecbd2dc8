from matinee.delivery.edges import EdgeState
from matinee.delivery.upstreams import sources_of
from matinee.model.plans import Source
from playing import edge, report


def test_peers_of_the_site_come_before_parents_of_the_region_and_others_by_distance() -> None:
    edges = [
        edge("europe-1"),
        edge("europe-3"),
        edge("europe-2"),
        edge("elsewhere", site="another-site"),
        edge("far", "asia", tier="parent"),
        edge("near", "america", tier="parent"),
        edge("ours", tier="parent", latitude=-10.0, site="shields"),
    ]
    assert [(one.edge_id, one.kind) for one in sources_of(report("europe-1"), edges)] == [
        ("europe-2", "peer"),
        ("europe-3", "peer"),
        ("ours", "parent"),
        ("near", "parent"),
        ("far", "parent"),
    ]


def test_only_edges_that_serve_are_asked() -> None:
    for state in (EdgeState.SILENT, EdgeState.DRAINING, EdgeState.DOWN):
        edges = [edge("europe-2", state=state), edge("shield", tier="parent", state=state)]
        assert sources_of(report("europe-1"), edges) == ()


def test_a_parent_asks_parents_of_its_own_site_alone_so_that_nothing_goes_in_a_circle() -> None:
    edges = [
        edge("shield-1", tier="parent"),
        edge("shield-2", tier="parent", url="http://shield-2/"),
        edge("europe-2"),
        edge("far", "asia", tier="parent"),
    ]
    assert sources_of(report("shield-1", tier="parent"), edges) == (Source("shield-2", "peer", "http://shield-2"),)


def test_an_edge_that_names_no_site_has_no_peers() -> None:
    assert sources_of(report("europe-1", site=""), [edge("europe-2", site="")]) == ()
