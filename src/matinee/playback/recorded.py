"""A playback as it was recorded, and its decision made again from that."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from matinee.model.errors import NotFound
from matinee.model.ids import is_id
from matinee.playback import decisions, store


def found(connection: sa.Connection, playback_id: str) -> Mapping[str, Any]:
    """A playback's row; NotFound if there is none."""
    row = store.read_playback(connection, playback_id) if is_id(playback_id) else None
    if row is None:
        raise NotFound(f"There is no playback {playback_id[:32]!r}.")
    return row


def replay(engine: sa.Engine, playback_id: str) -> dict[str, Any]:
    """A playback's decision, made again from its recorded inputs.

    ``{playback_id, title_id, region, time, edges: [{id, reason}], same, inputs, moves}``; ``same`` says whether today's
    function decides as that day's did. NotFound for an unknown playback.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        row = found(connection, playback_id)
    recorded = json.loads(row["decision"])
    ranked = decisions.ranked_of(recorded)
    return {
        "playback_id": playback_id,
        "title_id": row["title_id"],
        "region": row["region"],
        "time": row["started_at"].isoformat(),
        "edges": [{"id": one.edge_id, "reason": one.reason} for one in ranked],
        "same": decisions.decided_again(recorded) == ranked,
        "inputs": {name: recorded[name] for name in ("viewer", "title_key", "candidates", "committed_bps")},
        "moves": json.loads(row["moves"]),
    }
