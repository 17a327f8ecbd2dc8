"""The room's tables and SQL: pages as they were shown, and up to when profiles are forgotten."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.columns import Moment

metadata = sa.MetaData()

pages = sa.Table(
    "replay_pages",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("profile_id", sa.String(64), nullable=False),
    sa.Column("made_at", Moment, nullable=False, index=True),
    # ``replay.shown`` as compressed JSON.
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("ix_replay_pages_profile_id_made_at", "profile_id", "made_at"),
)

forgotten = sa.Table(
    "replay_forgotten",
    metadata,
    sa.Column("profile_id", sa.String(64), primary_key=True),
    # Pages made up to this time are not kept.
    sa.Column("until", Moment, nullable=False),
)


def add_pages(connection: sa.Connection, rows: Sequence[Mapping[str, Any]], kept: int) -> None:
    """Keep pages; of each profile the ``kept`` newest stay, and none of who is forgotten."""
    connection.execute(pages.insert(), [dict(row) for row in rows])
    for profile_id in sorted({row["profile_id"] for row in rows}):
        mine = pages.c.profile_id == profile_id
        oldest = sa.select(pages.c.made_at).where(mine).order_by(pages.c.made_at.desc()).limit(1).offset(kept - 1)
        until = sa.select(forgotten.c.until).where(forgotten.c.profile_id == profile_id)
        before = pages.c.made_at < oldest.scalar_subquery()
        connection.execute(pages.delete().where(mine, sa.or_(before, pages.c.made_at <= until.scalar_subquery())))


def read_pages(connection: sa.Connection, profile_id: str) -> Iterable[sa.RowMapping]:
    """A profile's pages, newest first."""
    asked = sa.select(pages).where(pages.c.profile_id == profile_id).order_by(pages.c.made_at.desc(), pages.c.id)
    return connection.execute(asked).mappings().all()


def forget(connection: sa.Connection, profile_id: str, until: datetime) -> int:
    """Keep no page of a profile that was made up to a time; how many went."""
    insert: Any = (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(forgotten)
    statement = insert.values(profile_id=profile_id, until=until)
    later = statement.excluded.until > forgotten.c.until
    connection.execute(
        statement.on_conflict_do_update(index_elements=["profile_id"], set_={"until": until}, where=later)
    )
    gone = pages.delete().where(pages.c.profile_id == profile_id, pages.c.made_at <= until)
    return connection.execute(gone).rowcount


def remove_old(connection: sa.Connection, before: datetime, most: int) -> int:
    """Let at most so many pages go that were made before a time, or of who was forgotten since; how many went."""
    late = sa.select(pages.c.id).join(
        forgotten, sa.and_(forgotten.c.profile_id == pages.c.profile_id, pages.c.made_at <= forgotten.c.until)
    )
    old = sa.select(pages.c.id).where(pages.c.made_at < before)
    found = list(connection.execute(sa.union(old, late).limit(most)).scalars())
    connection.execute(pages.delete().where(pages.c.id.in_(found)))
    # By then no process has a page of that time in hand.
    connection.execute(forgotten.delete().where(forgotten.c.until < before))
    return len(found)
