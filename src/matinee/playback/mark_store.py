"""The SQL of profiles' marks, whose table stands in ``store``."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from matinee.playback.store import marks

# The first half of an advisory lock's key; the second is the profile's.
_MARKS = 0x6D61726B


def lock(connection: sa.Connection, profile_id: str) -> None:
    """Until the transaction ends nobody else changes the profile's marks."""
    if connection.dialect.name == "postgresql":  # SQLite's transactions are one at a time
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MARKS, sa.func.hashtext(profile_id))))


def read_mark(connection: sa.Connection, profile_id: str, title_id: str) -> Mapping[str, Any] | None:
    """What a profile says of one title: ``{rating, listed_at}``."""
    wanted = _mine(profile_id, title_id)
    row = connection.execute(sa.select(marks.c.rating, marks.c.listed_at).where(wanted)).mappings().first()
    return None if row is None else dict(row)


def read_marks(connection: sa.Connection, profile_id: str) -> Sequence[Mapping[str, Any]]:
    """All that a profile says: ``{title_id, rating, listed_at}``."""
    chosen = sa.select(marks.c.title_id, marks.c.rating, marks.c.listed_at).where(marks.c.profile_id == profile_id)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def count_listed(connection: sa.Connection, profile_id: str) -> int:
    """How many titles stand on a profile's list."""
    mine = (marks.c.profile_id == profile_id, marks.c.listed_at.is_not(None))
    return int(connection.execute(sa.select(sa.func.count()).where(*mine)).scalar_one())


def write_mark(
    connection: sa.Connection,
    profile_id: str,
    title_id: str,
    rating: str | None,
    listed_at: datetime | None,
    now: datetime,
) -> None:
    """Keep what a profile says of a title, in the place of what it said; called with the profile locked."""
    connection.execute(sa.delete(marks).where(_mine(profile_id, title_id)))
    if rating is None and listed_at is None:
        return
    values = {"profile_id": profile_id, "title_id": title_id, "rating": rating, "listed_at": listed_at}
    connection.execute(sa.insert(marks).values(**values, changed_at=now))


def _mine(profile_id: str, title_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(marks.c.profile_id == profile_id, marks.c.title_id == title_id)
