import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from matinee.delivery.edges import EdgeState
from matinee.delivery.steering import rank
from matinee.model.topology import Topology
from matinee.playback.decisions import decide, decided_again, ranked_of, viewer_of
from matinee.playback.moves import current_pathway, lot, with_move
from playing import NOON, PLACES, REGIONS, edge

EUROPE = Topology.read(REGIONS, "").regions[0]


@given(
    st.lists(st.tuples(st.sampled_from(sorted(PLACES)), st.sampled_from(EdgeState)), min_size=1, max_size=6),
    st.lists(st.floats(0, 1e10), min_size=6, max_size=6),
)
def test_a_decision_kept_as_json_is_decided_again_the_same(
    fleet: list[tuple[str, EdgeState]], loads: list[float]
) -> None:
    edges = [edge(f"e{number}", region, state) for number, (region, state) in enumerate(fleet)]
    committed = {f"e{number}": round(load) for number, load in enumerate(loads)}
    ranked, recorded = decide(edges, EUROPE, "title", committed)
    kept = json.loads(json.dumps(recorded))
    assert ranked == rank(edges, EUROPE, "title", committed)
    assert ranked_of(kept) == decided_again(kept) == ranked
    assert viewer_of(kept) == EUROPE


def test_a_player_is_where_it_says_it_is() -> None:
    known = ["europe-1", "asia-1"]
    assert current_pathway("asia-1", known) == "asia-1"
    assert current_pathway('"europe-1,asia-1"', known) == "asia-1"
    assert current_pathway('"asia-1, europe-1,unknown"', known) == "europe-1"
    assert current_pathway(".", known) is None
    assert current_pathway(None, known) is None


def test_a_lot_holds_for_a_turn_and_lots_are_spread_evenly() -> None:
    assert lot("p", NOON, 5) == lot("p", NOON + timedelta(seconds=4), 5)
    assert lot("p", NOON, 5) != lot("p", NOON + timedelta(seconds=5), 5)
    lots = [lot(f"p{number}", NOON, 5) for number in range(2000)]
    assert 0 <= min(lots) <= max(lots) < 1
    assert sum(one < 0.1 for one in lots) in range(150, 250)


def test_the_last_twenty_moves_are_kept() -> None:
    kept = "[]"
    for number in range(25):
        kept = with_move(kept, NOON, f"e{number}", f"e{number + 1}", "because", None)
    moves = json.loads(kept)
    assert len(moves) == 20
    assert moves[-1]["to"] == "e25"
