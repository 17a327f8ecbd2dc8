"""Leases as rows: who among many workers does a thing, until when."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.columns import Moment
from matinee.model.errors import Unavailable
from matinee.ports import Clock

metadata = sa.MetaData()

# Named for the page that takes them: the schedule.
leases = sa.Table(
    "schedule_leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("held_until", Moment, nullable=False),
)


class DatabaseLeases:
    """``ports.Leases`` in one table. The owners' clocks are to agree within a lease's seconds."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def take(self, name: str, owner: str, seconds: float) -> bool:
        """Take or renew a lease; False if it is another's. Unavailable if the database does not answer."""
        now = self._clock.now()
        with _database_answers(), self._engine.begin() as connection:
            insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
            wish: Any = insert(leases).values(name=name, owner=owner, held_until=now + timedelta(seconds=seconds))
            taken = wish.on_conflict_do_update(
                index_elements=[leases.c.name],
                set_={"owner": wish.excluded.owner, "held_until": wish.excluded.held_until},
                where=sa.or_(leases.c.owner == owner, leases.c.held_until <= now),
            )
            return connection.execute(taken.returning(leases.c.name)).first() is not None

    def release(self, name: str, owner: str) -> None:
        """Give a lease back, if it is the owner's. Unavailable if the database does not answer."""
        with _database_answers(), self._engine.begin() as connection:
            connection.execute(sa.delete(leases).where(leases.c.name == name, leases.c.owner == owner))


@contextmanager
def _database_answers() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(f"The database of the leases does not answer: {reason}.") from error
