"""A running player's moves between pathways: where it says it is, its lot, and what is kept of a move. Pure."""

import json
from collections.abc import Collection
from datetime import datetime
from hashlib import blake2b

_KEPT = 20


def current_pathway(said: str | None, known: Collection[str]) -> str | None:
    """The pathway a player uses, out of ``_HLS_pathway`` or ``_DASH_pathway``.

    DASH sends a quoted list of all it used since it last asked (ETSI TS 103 998); the last is the newest.
    """
    names = (said or "").replace('"', "").split(",")
    return next((name.strip() for name in reversed(names) if name.strip() in known), None)


def lot(playback_id: str, now: datetime, turn_seconds: float) -> float:
    """A playback's lot in [0, 1): another one each turn, the same within it, and never random."""
    turn = int(now.timestamp() // max(1.0, turn_seconds))
    return int.from_bytes(blake2b(f"{playback_id}\n{turn}".encode(), digest_size=8).digest(), "big") / 2**64


def with_move(
    kept: str, time: datetime, from_edge_id: str, to_edge_id: str, reason: str, throughput_bps: float | None
) -> str:
    """The JSON list of a playback's last moves, with one more."""
    move = {
        "time": time.isoformat(),
        "from": from_edge_id,
        "to": to_edge_id,
        "reason": reason,
        "throughput_bps": throughput_bps,
    }
    return json.dumps([*json.loads(kept), move][-_KEPT:])
