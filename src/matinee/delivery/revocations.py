"""What opens nothing any more, though its tokens would still hold: playbacks, and edges by ``edge:ID``."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from matinee.delivery import trust_store
from matinee.model.plans import Revocation
from matinee.model.recent import Recent
from matinee.ports import Clock

_LASTS = timedelta(seconds=1)
_MOST_AT_ONCE = 2000


class Revocations:
    """The shell around the list of revocations. Threads share it; edges hear of one within seconds."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._recent: Recent[str, tuple[Revocation, ...]] = Recent(1, _LASTS)

    def add(self, connection: sa.Connection, subject: str, expires_at: datetime) -> None:
        """Revoke a subject, in the transaction that decides so, until its tokens have expired by themselves."""
        trust_store.add_revocation(connection, subject, expires_at)

    def lift(self, connection: sa.Connection, subject: str) -> None:
        """Take a revocation back: it is told once more, as one that is over."""
        trust_store.lift_revocation(connection, subject, self._clock.now())

    def after(self, sequence: int) -> tuple[Revocation, ...]:
        """What was revoked after a sequence and still matters, in order, 2,000 at most."""
        return tuple(one for one in self._active() if one.sequence > sequence)[:_MOST_AT_ONCE]

    def forget_expired(self) -> int:
        """Take what has ended by itself off the list; how many."""
        with self._engine.begin() as connection:
            return trust_store.remove_revocations(connection, self._clock.now())

    def _active(self) -> tuple[Revocation, ...]:
        now = self._clock.now()
        if (known := self._recent.get("", now)) is not None:
            return known
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = trust_store.read_revocations(connection, now)
        active = tuple(
            Revocation(row["sequence"], row["subject"], 0.0 if row["lifted"] else row["expires_at"].timestamp())
            for row in rows
        )
        self._recent.keep("", active, now)
        return active
