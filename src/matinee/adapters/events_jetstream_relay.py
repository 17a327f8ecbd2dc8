"""From the outbox of either database into the stream: a claim, the message, and the claim's end.

What goes in one message is written down first (``events_outbox.batch``), in a transaction of its own. Whoever publishes
it then, after whatever deaths, publishes the same message under the same id, and the stream takes it once; so relays
may race, and no transaction is open meanwhile. The next message is claimed when the one before it has arrived.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from prometheus_client import Counter

from matinee.adapters.events_database import DatabaseRelay
from matinee.adapters.events_jetstream_messages import message_of
from matinee.adapters.events_jetstream_publisher import Publisher
from matinee.adapters.events_tables import database_answers, insert, outbox, reading, relays
from matinee.model.errors import Invalid, Unavailable
from matinee.model.events import Event

_published = Counter("matinee_events_relayed", "Events this process carried from the outbox into the stream.")

# The row of ``events_relays`` that numbers the claims; the database's own relay has the first.
_CLAIMS = 2
_MOST_TOGETHER = 500
_MOST_CHARACTERS = 500_000


@dataclass(frozen=True, slots=True)
class _Claim:
    """Rows of the outbox that go in one message."""

    batch: int
    bodies: dict[str, str]


class JetStreamRelay:
    """``ports.Relay`` from ``events_outbox`` into the stream."""

    def __init__(self, engine: sa.Engine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher
        self._outbox = DatabaseRelay(engine)

    def forward(self, limit: int = 1000) -> int:
        """Move waiting events, oldest first; how many. Unavailable if database or stream does not answer."""
        moved = seen = 0
        while seen < limit:
            with database_answers():
                claim = self._claim(min(limit - seen, _MOST_TOGETHER))
            if claim is None:
                break
            new = self._publish(claim)
            with database_answers(), self._engine.begin() as connection:
                connection.execute(sa.delete(outbox).where(outbox.c.batch == claim.batch))
            seen += len(claim.bodies)
            # Another relay that had the same claim counts it where it was first.
            moved += len(claim.bodies) if new else 0
        _published.inc(moved)
        return moved

    def waiting(self, limit: int = 1000) -> Sequence[Event]:
        """Accepted events that are not in the log yet, as far as is known; only read."""
        return self._outbox.waiting(limit)

    def _publish(self, claim: _Claim) -> bool:
        try:
            return self._publisher.now(*message_of(claim.bodies))
        except Invalid as error:
            # One event that is larger than any message: what comes after it is to wait, and somebody to be told.
            raise Unavailable(
                f"The outbox's oldest event, {next(iter(claim.bodies))!r}, does not go: {error}"
            ) from error

    def _claim(self, limit: int) -> _Claim | None:
        with reading(self._engine) as connection:
            if connection.execute(sa.select(outbox.c.sequence).limit(1)).first() is None:
                return None
        with self._engine.begin() as connection:
            last = _lock(connection)
            batch = connection.execute(sa.select(sa.func.min(outbox.c.batch))).scalar()
            if batch is None:
                batch = last + 1
                connection.execute(sa.update(relays).where(relays.c.id == _CLAIMS).values(position=batch))
                chosen = outbox.c.sequence.in_(_oldest(connection, limit))
                connection.execute(sa.update(outbox).where(chosen).values(batch=batch))
            mine = sa.select(outbox.c.id, outbox.c.body).where(outbox.c.batch == batch).order_by(outbox.c.sequence)
            bodies = {row.id: row.body for row in connection.execute(mine)}
        return _Claim(batch, bodies) if bodies else None


def _oldest(connection: sa.Connection, limit: int) -> list[int]:
    """The sequences of the oldest rows that fit one message; one at least."""
    sizes = sa.select(outbox.c.sequence, sa.func.length(outbox.c.body).label("size"))
    chosen: list[int] = []
    characters = 0
    for row in connection.execute(sizes.order_by(outbox.c.sequence).limit(limit)):
        characters += row.size
        if chosen and characters > _MOST_CHARACTERS:
            break
        chosen.append(row.sequence)
    return chosen


def _lock(connection: sa.Connection) -> int:
    """Lock the claims' row until the transaction ends; the last claim's number."""
    lock = sa.select(relays.c.position).where(relays.c.id == _CLAIMS).with_for_update()
    last = connection.execute(lock).scalar()
    if last is None:
        row = insert(connection, relays).values(id=_CLAIMS, position=0)
        connection.execute(row.on_conflict_do_nothing(index_elements=[relays.c.id]))
        last = connection.execute(lock).scalar_one()
    return int(last)
