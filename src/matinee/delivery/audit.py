"""What was done to edges, keys and playbacks, by operators, members or the service itself: who, when, to what."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from matinee.delivery import trust_store
from matinee.ports import Clock

ITSELF = "matinee"
"""In place of a member's id: the service's own schedule, or its command line."""

_MOST = 500


@dataclass(frozen=True, slots=True)
class Act:
    """One act: ``subject`` is an edge's id, a prefix, a title, a playback; ``details`` hold no secret."""

    sequence: int
    time: datetime
    member_id: str
    act: str
    subject: str
    details: Mapping[str, Any]


class Audit:
    """The shell around the list of acts. Nothing is ever taken off it."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def note(self, connection: sa.Connection, by: str, act: str, subject: str, **details: Any) -> None:
        """Note an act in the transaction that does it."""
        told = {"member_id": by, "act": act, "subject": subject, "details": json.dumps(details)}
        trust_store.add_act(connection, {"time": self._clock.now(), **told})

    def acts(self, before: int | None = None, limit: int = 100, subject: str | None = None) -> tuple[Act, ...]:
        """The newest acts, on one subject or any, newest first, 500 at most; ``before`` a sequence, to go on there."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = trust_store.read_acts(connection, before, max(1, min(limit, _MOST)), subject)
        return tuple(Act(**{**row, "details": json.loads(row["details"])}) for row in rows)
