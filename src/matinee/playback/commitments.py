"""What running plays may ask of each edge: the load that decisions balance, before any of it is measured."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock

import sqlalchemy as sa

from matinee.playback import store
from matinee.ports import Clock

# A player that was not heard of for longer asks nothing of its edge any more.
LISTENING = timedelta(seconds=60)
_CACHE_SECONDS = 1.0


class Commitments:
    """The sum of running playbacks' highest bit rates by edge, at most a second old. Threads share it."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = Lock()
        self._known: tuple[datetime, dict[str, float]] | None = None

    def bps(self) -> Mapping[str, float]:
        """In bit/s, by the edge's id."""
        now = self._clock.now()
        with self._lock:
            known = self._known
        if known and (now - known[0]).total_seconds() < _CACHE_SECONDS:
            return known[1]
        with self._engine.connect().execution_options(read_only=True) as connection:
            fresh = dict(store.committed(connection, now - LISTENING))
        with self._lock:
            self._known = (now, fresh)
        return fresh

    def add(self, edge_id: str, bitrate_bps: float) -> None:
        """Count a new playback at once, so that a burst of them within a second does not meet on one edge."""
        with self._lock:
            if self._known:
                read_at, known = self._known
                self._known = (read_at, {**known, edge_id: known.get(edge_id, 0.0) + bitrate_bps})
