"""The sources room's table and SQL."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from matinee.columns import Moment
from matinee.sources.promise import Source

metadata = sa.MetaData()

promises = sa.Table(
    "sources_promises",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    # What was promised; what arrived is asked of the object store.
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    # What it becomes, decided before either is made.
    sa.Column("title_id", sa.String(16)),
    sa.Column("job_id", sa.String(16)),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False, index=True),
    sa.Column("taken_at", Moment),
)


def insert_source(connection: sa.Connection, source: Source) -> None:
    """A new source; IntegrityError if its key is there already."""
    connection.execute(sa.insert(promises).values(**{name: getattr(source, name) for name in _SOURCE}))


def read_source(connection: sa.Connection, name: str) -> Source | None:
    """The source of that id or key."""
    query = sa.select(promises).where(sa.or_(promises.c.id == name, promises.c.key == name))
    row = connection.execute(query).mappings().first()
    return None if row is None else _source(row)


def read_sources(connection: sa.Connection, limit: int) -> list[Source]:
    """Those that are not taken in yet, newest first."""
    query = sa.select(promises).where(promises.c.taken_at.is_(None)).order_by(promises.c.created_at.desc()).limit(limit)
    return [_source(row) for row in connection.execute(query).mappings()]


def read_expired(connection: sa.Connection, now: datetime, limit: int) -> list[Source]:
    """Those that nobody began to take in until they ended, oldest first."""
    query = sa.select(promises).where(_late(now)).order_by(promises.c.expires_at).limit(limit)
    return [_source(row) for row in connection.execute(query).mappings()]


def change_waiting(connection: sa.Connection, source_id: str, values: Mapping[str, Any], *conditions: Any) -> bool:
    """Change a source that is not taken in yet and meets these conditions; False if there is none such."""
    waiting = sa.and_(promises.c.id == source_id, promises.c.taken_at.is_(None), *conditions)
    return connection.execute(sa.update(promises).where(waiting).values(**values)).rowcount == 1


def delete_expired(connection: sa.Connection, source_id: str, now: datetime) -> bool:
    """Forget a source that has ended; False if it was claimed, or prolonged, meanwhile."""
    return connection.execute(sa.delete(promises).where(promises.c.id == source_id, _late(now))).rowcount == 1


def delete_waiting(connection: sa.Connection, source_id: str) -> bool:
    """Forget a source; False if it was claimed or taken in, or is gone."""
    waiting = sa.and_(promises.c.id == source_id, promises.c.taken_at.is_(None), promises.c.title_id.is_(None))
    return connection.execute(sa.delete(promises).where(waiting)).rowcount == 1


def _late(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(promises.c.taken_at.is_(None), promises.c.title_id.is_(None), promises.c.expires_at <= now)


def _source(row: Mapping[Any, Any]) -> Source:
    return Source(**{name: row[name] for name in _SOURCE})


_SOURCE = tuple(field.name for field in fields(Source))
