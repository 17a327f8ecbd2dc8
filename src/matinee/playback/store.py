"""The playback room's tables and SQL: playbacks with their decisions, positions, and samples of quality."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

metadata = sa.MetaData()


class UtcTime(sa.types.TypeDecorator[datetime]):
    """Aware times in UTC on both engines; SQLite keeps no zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """UTC on the way in."""
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Aware on the way out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


playbacks = sa.Table(
    "playback_playbacks",
    metadata,
    sa.Column("playback_id", sa.String(16), primary_key=True),
    sa.Column("member_id", sa.String(64), nullable=False),
    sa.Column("profile_id", sa.String(64), nullable=False),
    sa.Column("title_id", sa.String(64), nullable=False),
    sa.Column("revision", sa.String(64), nullable=False),
    sa.Column("region", sa.String(64), nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    # The newest decision with its inputs, as JSON: `matinee why playback` replays it.
    sa.Column("decision", sa.Text, nullable=False),
    # Where steering moved it since, and why, as a JSON list.
    sa.Column("moves", sa.Text, nullable=False, default="[]"),
    sa.Column("edge_id", sa.String(64), nullable=False),
    # What it may ask of its edge at most: the highest rung with its sound.
    sa.Column("bitrate_bps", sa.BigInteger, nullable=False),
    sa.Column("duration_seconds", sa.Float, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False, index=True),
    sa.Column("stopped", sa.Boolean, nullable=False, default=False),
    sa.Column("revoked", sa.Boolean, nullable=False, default=False),
)

positions = sa.Table(
    "playback_positions",
    metadata,
    sa.Column("profile_id", sa.String(64), primary_key=True),
    sa.Column("title_id", sa.String(64), primary_key=True),
    sa.Column("position_seconds", sa.Float, nullable=False),
    sa.Column("duration_seconds", sa.Float, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
)

samples = sa.Table(
    "playback_samples",
    metadata,
    # The event's id, or one made of a report's own facts: a repeat changes nothing.
    sa.Column("sample_id", sa.String(160), primary_key=True),
    sa.Column("playback_id", sa.String(16), nullable=False, index=True),
    sa.Column("time", UtcTime, nullable=False, index=True),
    sa.Column("source", sa.String(8), nullable=False),
    sa.Column("kind", sa.String(24), nullable=False),
    sa.Column("edge_id", sa.String(64)),
    sa.Column("startup_seconds", sa.Float),
    sa.Column("watched_seconds", sa.Float),
    sa.Column("stalls", sa.Integer),
    sa.Column("stalled_seconds", sa.Float),
    # Totals since the playback began, which CMCD v2 may tell beside or instead of increments.
    sa.Column("stalls_total", sa.Integer),
    sa.Column("stalled_total_seconds", sa.Float),
    sa.Column("bitrate_bps", sa.Float),
    sa.Column("playing", sa.Boolean),
    sa.Column("first_byte_seconds", sa.Float),
    sa.Column("status", sa.Integer),
)


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy offers by dialect only."""
    return (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(table)


def add_playback(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep a new playback."""
    connection.execute(sa.insert(playbacks).values(**values))


def change_playback(connection: sa.Connection, playback_id: str, values: Mapping[str, Any]) -> None:
    """Change some of a playback's columns."""
    connection.execute(sa.update(playbacks).where(playbacks.c.playback_id == playback_id).values(**values))


def read_playback(connection: sa.Connection, playback_id: str) -> Mapping[str, Any] | None:
    """One playback."""
    row = connection.execute(sa.select(playbacks).where(playbacks.c.playback_id == playback_id)).mappings().first()
    return None if row is None else dict(row)


def read_owners(connection: sa.Connection, playback_ids: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
    """Of each of these playbacks that exists: whose it is, what it plays and how long that is."""
    columns = playbacks.c
    chosen = sa.select(
        columns.playback_id,
        columns.member_id,
        columns.profile_id,
        columns.title_id,
        columns.region,
        columns.edge_id,
        columns.duration_seconds,
    ).where(columns.playback_id.in_(list(playback_ids)))
    return {row["playback_id"]: dict(row) for row in connection.execute(chosen).mappings()}


def mark_seen(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note where playbacks were last heard of: ``{id, seen_at, edge_id or None, stopped}`` each.

    A stopped playback that is heard of again runs again.
    """
    if not rows:
        return
    known = sa.bindparam("at_edge", type_=sa.String(64))
    connection.execute(
        sa.update(playbacks)
        .where(playbacks.c.playback_id == sa.bindparam("id"))
        .values(
            seen_at=sa.bindparam("at", type_=UtcTime()),
            edge_id=sa.func.coalesce(known, playbacks.c.edge_id),
            stopped=sa.bindparam("ended", type_=sa.Boolean()),
        ),
        [{"id": row["id"], "at": row["seen_at"], "at_edge": row["edge_id"], "ended": row["stopped"]} for row in rows],
    )


def committed(connection: sa.Connection, after: datetime) -> Mapping[str, float]:
    """What the playbacks heard of after a time may ask of each edge, in bit/s."""
    chosen = (
        sa.select(playbacks.c.edge_id, sa.func.sum(playbacks.c.bitrate_bps))
        .where(playbacks.c.seen_at > after, playbacks.c.stopped.is_(False))
        .group_by(playbacks.c.edge_id)
    )
    return {edge_id: float(bitrate) for edge_id, bitrate in connection.execute(chosen)}


def write_positions(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep where titles were left, unless a later event told already."""
    if not rows:
        return
    statement = _insert(connection, positions)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[positions.c.profile_id, positions.c.title_id],
        set_={
            "position_seconds": new.position_seconds,
            "duration_seconds": new.duration_seconds,
            "updated_at": new.updated_at,
        },
        where=new.updated_at >= positions.c.updated_at,
    )
    connection.execute(statement, list(rows))


def read_positions(connection: sa.Connection, profile_id: str) -> Mapping[str, Mapping[str, Any]]:
    """Where a profile left each title."""
    rows = connection.execute(sa.select(positions).where(positions.c.profile_id == profile_id)).mappings()
    return {row["title_id"]: dict(row) for row in rows}


def read_position(connection: sa.Connection, profile_id: str, title_id: str) -> Mapping[str, Any] | None:
    """Where a profile left one title."""
    chosen = sa.select(positions).where(positions.c.profile_id == profile_id, positions.c.title_id == title_id)
    row = connection.execute(chosen).mappings().first()
    return None if row is None else dict(row)


def write_samples(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep samples; one that is there already stays as it is."""
    if rows:
        columns = {column.name: None for column in samples.c}
        connection.execute(_insert(connection, samples).on_conflict_do_nothing(), [{**columns, **row} for row in rows])


def count_samples(connection: sa.Connection, playback_ids: Iterable[str]) -> Mapping[str, int]:
    """How many samples each of these playbacks has."""
    chosen = (
        sa.select(samples.c.playback_id, sa.func.count())
        .where(samples.c.playback_id.in_(list(playback_ids)))
        .group_by(samples.c.playback_id)
    )
    return {row[0]: row[1] for row in connection.execute(chosen)}


def drop_samples(connection: sa.Connection, before: datetime) -> int:
    """Forget the samples older than a time; returns how many."""
    return connection.execute(sa.delete(samples).where(samples.c.time < before)).rowcount


def read_samples(connection: sa.Connection, after: datetime, limit: int) -> Sequence[Mapping[str, Any]]:
    """The newest samples after a time, at most ``limit``, in order of time."""
    chosen = sa.select(samples).where(samples.c.time > after).order_by(samples.c.time.desc()).limit(limit)
    return [dict(row) for row in reversed(connection.execute(chosen).mappings().all())]


def count_playbacks(connection: sa.Connection, after: datetime) -> int:
    """How many playbacks were started after a time."""
    counted = connection.execute(sa.select(sa.func.count()).where(playbacks.c.started_at > after))
    return int(counted.scalar_one())
