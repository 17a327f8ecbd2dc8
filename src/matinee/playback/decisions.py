"""Why these edges: a playback's decision with everything it was made of, so that it can be made again. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from matinee.delivery.edges import Edge
from matinee.delivery.steering import Candidate, Ranked, candidate, rank_candidates
from matinee.model.topology import Region

VERSION = 1


def decide(
    edges: Sequence[Edge], viewer: Region, title_key: str, committed_bps: Mapping[str, float]
) -> tuple[tuple[Ranked, ...], dict[str, Any]]:
    """The ranked edges, and the decision as values that JSON can hold: its inputs and its outcome."""
    candidates = [candidate(edge) for edge in edges]
    committed = {one.edge_id: round(committed_bps.get(one.edge_id, 0.0)) for one in candidates}
    ranked = rank_candidates(candidates, viewer, title_key, committed)
    recorded = {
        "version": VERSION,
        "viewer": asdict(viewer),
        "title_key": title_key,
        "candidates": [asdict(one) for one in candidates],
        "committed_bps": committed,
        "ranked": [asdict(one) for one in ranked],
    }
    return ranked, recorded


def viewer_of(recorded: Mapping[str, Any]) -> Region:
    """Where the viewer was."""
    return Region(**recorded["viewer"])


def ranked_of(recorded: Mapping[str, Any]) -> tuple[Ranked, ...]:
    """What was decided then."""
    return tuple(Ranked(**one) for one in recorded["ranked"])


def decided_again(recorded: Mapping[str, Any]) -> tuple[Ranked, ...]:
    """What today's function makes of the recorded inputs."""
    candidates = [Candidate(**one) for one in recorded["candidates"]]
    return rank_candidates(candidates, viewer_of(recorded), recorded["title_key"], recorded["committed_bps"])
