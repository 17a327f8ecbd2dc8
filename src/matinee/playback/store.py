"""The playback room's tables and SQL: playbacks with their decisions, positions, and samples of quality.

What is asked of profiles' marks stands in ``mark_store``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.columns import Moment

metadata = sa.MetaData()


playbacks = sa.Table(
    "playback_playbacks",
    metadata,
    sa.Column("playback_id", sa.String(16), primary_key=True),
    sa.Column("member_id", sa.String(64), nullable=False, index=True),
    # Which sign-in started it; NULL: it began before that was kept.
    sa.Column("session_id", sa.String(64)),
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
    sa.Column("started_at", Moment, nullable=False, index=True),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False, index=True),
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
    sa.Column("updated_at", Moment, nullable=False),
)

# What a profile says of a title; a row of which neither is left is removed.
marks = sa.Table(
    "playback_marks",
    metadata,
    sa.Column("profile_id", sa.String(64), primary_key=True),
    sa.Column("title_id", sa.String(64), primary_key=True),
    sa.Column("rating", sa.String(8)),
    # Since when it stands on the profile's list; NULL: it does not.
    sa.Column("listed_at", Moment),
    sa.Column("changed_at", Moment, nullable=False),
)

samples = sa.Table(
    "playback_samples",
    metadata,
    # The event's id, or one made of a report's own facts: a repeat changes nothing.
    sa.Column("sample_id", sa.String(160), primary_key=True),
    sa.Column("playback_id", sa.String(16), nullable=False, index=True),
    sa.Column("time", Moment, nullable=False, index=True),
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


# The first half of an advisory lock's key; the second is the member's.
_STREAMS = 0x73747265


def _insert(dialect: str, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy offers by dialect only."""
    return (postgresql_insert if dialect == "postgresql" else sqlite_insert)(table)


# Statements of every batch are made once: making one takes as long as running it.
@cache
def _upsert_position(dialect: str) -> Any:
    statement = _insert_rows(dialect, positions)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[positions.c.profile_id, positions.c.title_id],
        set_={
            "position_seconds": new.position_seconds,
            "duration_seconds": new.duration_seconds,
            "updated_at": new.updated_at,
        },
        where=new.updated_at >= positions.c.updated_at,
    )


@cache
def _add_sample(dialect: str) -> Any:
    return _insert_rows(dialect, samples).on_conflict_do_nothing()


def _insert_rows(dialect: str, table: sa.Table) -> Any:
    """An INSERT of any number of rows: on PostgreSQL all of them in one JSON value, in a third of the time."""
    if dialect != "postgresql":
        return _insert(dialect, table)
    given = sa.cast(sa.bindparam("rows", type_=sa.Text), JSON)
    columns = [sa.column(column.name, column.type) for column in table.columns]
    new = sa.func.json_to_recordset(given).table_valued(*columns).render_derived(name="new", with_types=True)
    return _insert(dialect, table).from_select([column.name for column in columns], sa.select(new))


def _write(connection: sa.Connection, statement: Callable[[str], Any], rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    dialect = connection.dialect.name
    whole = {"rows": msgspec.json.encode(rows).decode()} if dialect == "postgresql" else list(rows)
    connection.execute(statement(dialect), whole)


_SEEN = sa.bindparam("seen", type_=Moment())
_MARK_SEEN = (
    sa.update(playbacks)
    .where(playbacks.c.playback_id == sa.bindparam("id"))
    .values(
        # A request may have heard of it since the events were accepted.
        seen_at=sa.case((playbacks.c.seen_at > _SEEN, playbacks.c.seen_at), else_=_SEEN),
        edge_id=sa.func.coalesce(sa.bindparam("edge", type_=sa.String(64)), playbacks.c.edge_id),
        stopped=sa.bindparam("ended", type_=sa.Boolean()),
    )
)


def add_playback(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep a new playback."""
    connection.execute(sa.insert(playbacks).values(**values))


def running_of(connection: sa.Connection, member_id: str, after: datetime, besides: str = "") -> int:
    """How many of a member's playbacks run: heard of after a time, not stopped, another than ``besides``.

    Until the transaction ends no other counts the same member's, so that who counts may add one.
    """
    if connection.dialect.name == "postgresql":  # SQLite's transactions are one at a time
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_STREAMS, sa.func.hashtext(member_id))))
    columns = playbacks.c
    running = (columns.member_id == member_id, columns.seen_at > after, columns.stopped.is_(False))
    counted = sa.select(sa.func.count()).where(*running, columns.playback_id != besides)
    return int(connection.execute(counted).scalar_one())


def change_playback(connection: sa.Connection, playback_id: str, values: Mapping[str, Any]) -> None:
    """Change some of a playback's columns."""
    connection.execute(sa.update(playbacks).where(playbacks.c.playback_id == playback_id).values(**values))


def renew_playback(connection: sa.Connection, playback_id: str, values: Mapping[str, Any]) -> bool:
    """Change some of a playback's columns, unless it was revoked; whether they were changed."""
    living = sa.and_(playbacks.c.playback_id == playback_id, playbacks.c.revoked.is_(False))
    return connection.execute(sa.update(playbacks).where(living).values(**values)).rowcount == 1


def revoke_playback(connection: sa.Connection, playback_id: str) -> datetime | None:
    """Mark a playback as revoked: until when its tokens would hold; None if it was revoked before."""
    if not renew_playback(connection, playback_id, {"revoked": True, "stopped": True}):
        return None
    chosen = sa.select(playbacks.c.expires_at).where(playbacks.c.playback_id == playback_id)
    return connection.execute(chosen).scalar()


def revoke_playbacks(
    connection: sa.Connection, member_id: str, now: datetime, session_id: str | None = None
) -> Sequence[tuple[str, datetime]]:
    """Mark a member's playbacks whose tokens still hold as revoked: ``(playback_id, expires_at)`` of each.

    With ``session_id`` those alone that it started.
    """
    columns = playbacks.c
    living = [columns.member_id == member_id, columns.revoked.is_(False), columns.expires_at > now]
    if session_id is not None:
        living.append(columns.session_id == session_id)
    marked = sa.update(playbacks).where(*living).values(revoked=True, stopped=True)
    return [(row[0], row[1]) for row in connection.execute(marked.returning(columns.playback_id, columns.expires_at))]


def read_decided(connection: sa.Connection, playback_ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """What was decided about playbacks: ``{playback_id, title_id, revision, decision}``."""
    columns = playbacks.c
    chosen = sa.select(columns.playback_id, columns.title_id, columns.revision, columns.decision)
    return [dict(row) for row in connection.execute(chosen.where(columns.playback_id.in_(playback_ids))).mappings()]


def count_plays(connection: sa.Connection, since: datetime, until: datetime) -> Sequence[tuple[str, str, int]]:
    """How many playbacks of a title began in a region within a time: ``(title_id, region, count)``."""
    columns = playbacks.c
    chosen = sa.select(columns.title_id, columns.region, sa.func.count().label("plays"))
    chosen = chosen.where(columns.started_at > since, columns.started_at <= until)
    found = connection.execute(chosen.group_by(columns.title_id, columns.region))
    return [(row.title_id, row.region, row.plays) for row in found]


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
        columns.device,
    ).where(columns.playback_id.in_(list(playback_ids)))
    return {row["playback_id"]: dict(row) for row in connection.execute(chosen).mappings()}


def mark_seen(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note where playbacks were last heard of: ``{id, seen, edge or None, ended}`` each.

    A stopped playback that is heard of again runs again.
    """
    if rows:
        connection.execute(_MARK_SEEN, list(rows))


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
    _write(connection, _upsert_position, rows)


def read_position(connection: sa.Connection, profile_id: str, title_id: str) -> Mapping[str, Any] | None:
    """Where a profile left one title."""
    chosen = sa.select(positions).where(positions.c.profile_id == profile_id, positions.c.title_id == title_id)
    row = connection.execute(chosen).mappings().first()
    return None if row is None else dict(row)


def forget_history(connection: sa.Connection, profile_id: str, until: datetime, title_id: str | None = None) -> None:
    """Remove where a profile left titles, what it played and what it said of them, up to a time.

    Of one title: where it was left and what was played; what was said of it stays. What runs now is left to its end.
    """
    left = sa.and_(positions.c.profile_id == profile_id, positions.c.updated_at <= until)
    over = sa.or_(playbacks.c.stopped.is_(True), playbacks.c.expires_at <= until)
    played = sa.and_(playbacks.c.profile_id == profile_id, playbacks.c.started_at <= until, over)
    if title_id is not None:
        left, played = left & (positions.c.title_id == title_id), played & (playbacks.c.title_id == title_id)
    connection.execute(sa.delete(positions).where(left))
    connection.execute(sa.delete(playbacks).where(played))
    if title_id is not None:
        return
    said = sa.and_(marks.c.profile_id == profile_id, marks.c.changed_at <= until)
    connection.execute(sa.delete(marks).where(said))


def write_samples(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep samples; one that is there already stays as it is."""
    _write(connection, _add_sample, rows)


def read_courses(connection: sa.Connection, playback_ids: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
    """How far the CMCD reports of these playbacks have come, where there are any.

    ``{reports, stalls, stalled_seconds, time, playing, bitrate_bps}``: the number, the highest totals, the newest.
    """
    columns = samples.c
    told = sa.and_(columns.playback_id.in_(list(playback_ids)), columns.source == "cmcd")
    summed = (
        sa.select(
            columns.playback_id,
            sa.func.count().label("reports"),
            sa.func.max(columns.time).label("newest"),
            sa.func.coalesce(sa.func.max(columns.stalls_total), 0).label("stalls"),
            sa.func.coalesce(sa.func.max(columns.stalled_total_seconds), 0.0).label("stalled_seconds"),
        )
        .where(told)
        .group_by(columns.playback_id)
        .subquery()
    )
    newest = sa.and_(told, columns.playback_id == summed.c.playback_id, columns.time == summed.c.newest)
    chosen = sa.select(
        summed.c.playback_id,
        summed.c.reports,
        summed.c.stalls,
        summed.c.stalled_seconds,
        columns.time,
        columns.playing,
        columns.bitrate_bps,
    ).join_from(summed, samples, newest)
    return {row["playback_id"]: dict(row) for row in connection.execute(chosen).mappings()}


def drop_samples(connection: sa.Connection, before: datetime) -> int:
    """Forget the samples older than a time; returns how many."""
    return connection.execute(sa.delete(samples).where(samples.c.time < before)).rowcount


def read_shares(connection: sa.Connection, after: datetime) -> Sequence[Mapping[str, Any]]:
    """The samples after a time, summed by playback, source and edge: the fields of ``qoe.Share``."""
    columns = samples.c

    def total(amount: Any, empty: float) -> Any:
        return sa.func.coalesce(sa.func.sum(amount), empty)

    def count(condition: Any) -> Any:
        return total(sa.case((condition, 1), else_=0), 0)

    known_rate = columns.bitrate_bps.is_not(None)
    chosen = (
        sa.select(
            columns.playback_id,
            columns.source,
            columns.edge_id,
            sa.func.max(columns.startup_seconds).label("startup_seconds"),
            total(columns.watched_seconds, 0.0).label("watched_seconds"),
            total(columns.stalls, 0).label("stalls"),
            total(columns.stalled_seconds, 0.0).label("stalled_seconds"),
            total(columns.bitrate_bps * columns.watched_seconds, 0.0).label("bits"),
            total(sa.case((known_rate, columns.watched_seconds)), 0.0).label("bits_seconds"),
            count(columns.kind.in_(["playback.failed", "e"])).label("failures"),
            count(columns.kind == "playback.switched").label("switches"),
            count(columns.status >= 400).label("failed_responses"),  # noqa: PLR2004 - HTTP's own number
        )
        .where(columns.time > after)
        .group_by(columns.playback_id, columns.source, columns.edge_id)
    )
    return [dict(row) for row in connection.execute(chosen).mappings()]


def read_first_bytes(connection: sa.Connection, after: datetime, limit: int) -> Sequence[tuple[str | None, float]]:
    """The newest waits for a response's first byte after a time: edge and seconds."""
    columns = samples.c
    chosen = (
        sa.select(columns.edge_id, columns.first_byte_seconds)
        .where(columns.time > after, columns.first_byte_seconds.is_not(None))
        .order_by(columns.time.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(chosen)]


def count_playbacks(connection: sa.Connection, after: datetime) -> int:
    """How many playbacks were started after a time."""
    counted = connection.execute(sa.select(sa.func.count()).where(playbacks.c.started_at > after))
    return int(counted.scalar_one())
