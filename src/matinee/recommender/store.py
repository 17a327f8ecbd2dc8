"""The recommender's tables and SQL: which ranges of the log the archive has, its parts, and who is forgotten."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.columns import Moment

metadata = sa.MetaData()

# Every row but the last is written: a range begins where the one before it ends.
ranges = sa.Table(
    "recommender_ranges",
    metadata,
    sa.Column("after", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("through", sa.BigInteger, nullable=False),
    # From here on the writer knows the ids of events, so that one that was told again is left out.
    sa.Column("neighbours", sa.BigInteger, nullable=False),
    # How many the log gave; once written, how many of them the archive took.
    sa.Column("events", sa.BigInteger, nullable=False),
    # NULL: the range is an intent, whose parts may or may not be there.
    sa.Column("written_at", Moment, index=True),
    # When the log let go of the range.
    sa.Column("dropped_at", Moment),
)

parts = sa.Table(
    "recommender_parts",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("day", sa.String(10), nullable=False, index=True),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("written_at", Moment, nullable=False),
)

forgotten = sa.Table(
    "recommender_forgotten",
    metadata,
    sa.Column("profile_id", sa.Text, primary_key=True),
    # Events of the profile up to this time are left out, in seconds since 1970.
    sa.Column("until_seconds", sa.Double, nullable=False),
)


class PartState(StrEnum):
    """A part is meant to be put, counts, or is to be removed."""

    INTENDED = "intended"
    STANDING = "standing"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Range:
    """``events`` at the positions after ``after`` up to ``through``; ids are known from ``neighbours`` on."""

    after: int
    through: int
    neighbours: int
    events: int

    @property
    def first(self) -> int:
        """The first position it may have."""
        return self.after + 1


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file: ``events`` of one ``day`` (2026-11-22) out of the positions ``first`` to ``last``."""

    key: str
    day: str
    first: int
    last: int
    events: int
    bytes: int
    written_at: datetime


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy offers by dialect only."""
    return (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(table)


# --- ranges ---------------------------------------------------------------------------------------------------------


def written_through(connection: sa.Connection) -> int:
    """The position up to which all is archived; 0 before the first part."""
    chosen = sa.select(sa.func.max(ranges.c.through)).where(ranges.c.written_at.is_not(None))
    return connection.execute(chosen).scalar() or 0


def dropped_through(connection: sa.Connection) -> int:
    """The position up to which the log was told to let go; 0 if it has everything."""
    chosen = sa.select(sa.func.max(ranges.c.through)).where(ranges.c.dropped_at.is_not(None))
    return connection.execute(chosen).scalar() or 0


def open_range(connection: sa.Connection) -> Range | None:
    """The range that somebody meant to write, and has not."""
    row = connection.execute(sa.select(ranges).where(ranges.c.written_at.is_(None))).first()
    return None if row is None else Range(row.after, row.through, row.neighbours, row.events)


def latest_ranges(connection: sa.Connection, since: datetime, limit: int) -> Sequence[tuple[int, int]]:
    """``(after, events)`` of the ranges that were written since a time, newest first."""
    chosen = sa.select(ranges.c.after, ranges.c.events).where(ranges.c.written_at > since)
    return [(row.after, row.events) for row in connection.execute(chosen.order_by(ranges.c.after.desc()).limit(limit))]


def add_range(connection: sa.Connection, new: Range) -> bool:
    """Record what is to be written next; False if another worker did, or the archive has gone further."""
    further = sa.select(ranges.c.after).where(ranges.c.through > new.after).limit(1)
    if connection.execute(further).first() is not None:
        return False
    statement = _insert(connection, ranges).values(
        after=new.after, through=new.through, neighbours=new.neighbours, events=new.events
    )
    unless = statement.on_conflict_do_nothing(index_elements=[ranges.c.after])
    return connection.execute(unless.returning(ranges.c.after)).first() is not None


def mark_written(connection: sa.Connection, after: int, events: int, now: datetime) -> bool:
    """Say that a range's parts stand; False if another worker said so."""
    mine = sa.and_(ranges.c.after == after, ranges.c.written_at.is_(None))
    return connection.execute(sa.update(ranges).where(mine).values(written_at=now, events=events)).rowcount == 1


def undropped(connection: sa.Connection, before: datetime) -> list[int]:
    """Where the ranges end that were written before a time and are still in the log, in order."""
    old = sa.and_(ranges.c.written_at <= before, ranges.c.dropped_at.is_(None))
    return list(connection.execute(sa.select(ranges.c.through).where(old).order_by(ranges.c.through)).scalars())


def mark_dropped(connection: sa.Connection, through: int, now: datetime) -> None:
    """Note that the log let go of everything up to a position."""
    done = sa.and_(ranges.c.through <= through, ranges.c.dropped_at.is_(None), ranges.c.written_at.is_not(None))
    connection.execute(sa.update(ranges).where(done).values(dropped_at=now))


def thin_ranges(connection: sa.Connection, before: datetime) -> int:
    """Remove the ranges that were written before a time, but the last of them and the last that was dropped."""
    last = sa.select(sa.func.max(ranges.c.through)).where(ranges.c.written_at <= before).scalar_subquery()
    dropped = sa.select(sa.func.max(ranges.c.through)).where(ranges.c.dropped_at.is_not(None)).scalar_subquery()
    old = sa.and_(
        ranges.c.written_at <= before, ranges.c.through != last, ranges.c.through != sa.func.coalesce(dropped, -1)
    )
    return connection.execute(sa.delete(ranges).where(old)).rowcount


# --- parts ----------------------------------------------------------------------------------------------------------


def add_part(connection: sa.Connection, part: Part, state: PartState) -> None:
    """Keep a new part's row."""
    values = {name: getattr(part, name) for name in Part.__slots__}
    connection.execute(sa.insert(parts).values(**values, state=state.value))


def move_part(connection: sa.Connection, part: Part, old: PartState, new: PartState) -> bool:
    """Change a part's state, with what is known of it now; False if it was not in the old state."""
    mine = sa.and_(parts.c.key == part.key, parts.c.state == old.value)
    changes = {"state": new.value, "events": part.events, "bytes": part.bytes, "written_at": part.written_at}
    return connection.execute(sa.update(parts).where(mine).values(**changes)).rowcount == 1


def remove_part(connection: sa.Connection, key: str, state: PartState) -> bool:
    """Remove a part's row; False if it is not in that state."""
    mine = sa.and_(parts.c.key == key, parts.c.state == state.value)
    return connection.execute(sa.delete(parts).where(mine)).rowcount == 1


def read_parts(
    connection: sa.Connection, state: PartState, day: str | None = None, after: int = 0, before: datetime | None = None
) -> Sequence[Part]:
    """Parts of a state in the order of their days and positions: of a day, beyond a position, written before a time."""
    chosen = sa.select(parts).where(parts.c.state == state.value, parts.c.last > after)
    if day is not None:
        chosen = chosen.where(parts.c.day == day)
    if before is not None:
        chosen = chosen.where(parts.c.written_at < before)
    rows = connection.execute(chosen.order_by(parts.c.day, parts.c.first, parts.c.key)).mappings()
    return [Part(**{name: row[name] for name in Part.__slots__}) for row in rows]


def crowded_days(connection: sa.Connection, before_day: str, quiet_since: datetime, smaller_than: int) -> list[str]:
    """Days before a day that have several small parts, of which none was written since a time."""
    small = sa.and_(parts.c.state == PartState.STANDING.value, parts.c.day < before_day, parts.c.bytes < smaller_than)
    chosen = (
        sa.select(parts.c.day)
        .where(small)
        .group_by(parts.c.day)
        .having(sa.func.count() > 1, sa.func.max(parts.c.written_at) < quiet_since)
        .order_by(parts.c.day)
    )
    return list(connection.execute(chosen).scalars())


def leave_days(connection: sa.Connection, before_day: str) -> int:
    """Give up the parts of all days before a day; how many."""
    old = sa.and_(parts.c.day < before_day, parts.c.state == PartState.STANDING.value)
    return connection.execute(sa.update(parts).where(old).values(state=PartState.LEAVING.value)).rowcount


def known_keys(connection: sa.Connection, keys: Collection[str]) -> set[str]:
    """Which of these keys have a row, whatever its state."""
    return set(connection.execute(sa.select(parts.c.key).where(parts.c.key.in_(keys))).scalars())


# --- who is forgotten -----------------------------------------------------------------------------------------------


def add_forgotten(connection: sa.Connection, profile_id: str, until_seconds: float) -> None:
    """Leave out a profile's events up to a time from now on; a later time that is known already stays."""
    statement = _insert(connection, forgotten).values(profile_id=profile_id, until_seconds=until_seconds)
    later = statement.on_conflict_do_update(
        index_elements=[forgotten.c.profile_id],
        set_={"until_seconds": statement.excluded.until_seconds},
        where=statement.excluded.until_seconds > forgotten.c.until_seconds,
    )
    connection.execute(later)


def read_forgotten(connection: sa.Connection, profile_ids: Iterable[str] | None = None) -> Mapping[str, float]:
    """Up to when each profile is forgotten, in seconds since 1970; of these profiles, or of all."""
    chosen = sa.select(forgotten)
    if profile_ids is not None:
        chosen = chosen.where(forgotten.c.profile_id.in_(list(profile_ids)))
    return {row.profile_id: row.until_seconds for row in connection.execute(chosen)}
