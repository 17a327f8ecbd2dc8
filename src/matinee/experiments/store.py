"""The room's tables and SQL: experiments, layers, who was exposed and did what, sums by day, how far that is."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.columns import Moment

metadata = sa.MetaData()

experiments = sa.Table(
    "experiments_experiments",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("layer", sa.String(40), nullable=False),
    # Arms in order as JSON: [{name, parameters, weight}].
    sa.Column("arms", sa.Text, nullable=False),
    sa.Column("share", sa.Double, nullable=False),
    sa.Column("metric", sa.String(40), nullable=False),
    sa.Column("window_seconds", sa.Double, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("salt", sa.String(64), nullable=False),
    sa.Column("first_slot", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.String(64), nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("started_by", sa.String(64)),
    sa.Column("stopped_at", Moment),
    sa.Column("stopped_by", sa.String(64)),
)

# Who starts an experiment writes here first: of two who do so in one layer at once, one waits for the other.
layers = sa.Table(
    "experiments_layers",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("starts", sa.Integer, nullable=False),
)

exposures = sa.Table(
    "experiments_exposures",
    metadata,
    sa.Column("experiment_id", sa.String(64), primary_key=True),
    sa.Column("profile_id", sa.String(64), primary_key=True, index=True),
    sa.Column("arm", sa.String(40), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("exposed_at", Moment, nullable=False),
    sa.Column("starts", sa.Integer, nullable=False),
    sa.Column("watched_seconds", sa.Double, nullable=False),
    sa.Column("past_starts", sa.Integer, nullable=False),
    sa.Column("past_watched_seconds", sa.Double, nullable=False),
)

days = sa.Table(
    "experiments_days",
    metadata,
    sa.Column("profile_id", sa.String(64), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True, index=True),
    sa.Column("starts", sa.Integer, nullable=False),
    sa.Column("watched_seconds", sa.Double, nullable=False),
)

progress = sa.Table(
    "experiments_progress",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    # Everything that was accepted before was counted.
    sa.Column("gathered_at", Moment),
)

generated = sa.Table(
    "experiments_generated",
    metadata,
    sa.Column("profile_id", sa.String(64), primary_key=True),
)

forgotten = sa.Table(
    "experiments_forgotten",
    metadata,
    sa.Column("profile_id", sa.String(64), primary_key=True),
    # Events of the profile up to this time are passed over, in seconds since 1970.
    sa.Column("until_seconds", sa.Double, nullable=False),
)

_ONE = 1
_AT_ONCE = 500


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy offers by dialect only."""
    return (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(table)


def _put(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows whole, over what was there."""
    keys = [column.name for column in table.primary_key]
    waiting = iter(rows)
    while batch := [dict(row) for row in islice(waiting, _AT_ONCE)]:
        statement = _insert(connection, table)
        changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), batch)


def _of(connection: sa.Connection, table: sa.Table, profile_ids: Collection[str]) -> Sequence[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    waiting = iter(sorted(profile_ids))
    while batch := list(islice(waiting, _AT_ONCE)):
        chosen = sa.select(table).where(table.c.profile_id.in_(batch))
        found += [dict(row) for row in connection.execute(chosen).mappings()]
    return found


# --- experiments ----------------------------------------------------------------------------------------------------


def add_experiment(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep a new experiment."""
    connection.execute(sa.insert(experiments).values(**values))


def read_experiments(connection: sa.Connection, states: Collection[str] = ()) -> Sequence[Mapping[str, Any]]:
    """Experiments in these states, or in any, newest first."""
    chosen = sa.select(experiments).order_by(experiments.c.created_at.desc(), experiments.c.id)
    if states:
        chosen = chosen.where(experiments.c.state.in_(list(states)))
    return [dict(row) for row in connection.execute(chosen).mappings()]


def read_experiment(connection: sa.Connection, experiment_id: str) -> Mapping[str, Any] | None:
    """One experiment."""
    chosen = sa.select(experiments).where(experiments.c.id == experiment_id)
    row = connection.execute(chosen).mappings().first()
    return None if row is None else dict(row)


def change_experiment(connection: sa.Connection, experiment_id: str, state: str, values: Mapping[str, Any]) -> bool:
    """Change an experiment that is in that state; False if it is in another."""
    mine = sa.and_(experiments.c.id == experiment_id, experiments.c.state == state)
    return bool(connection.execute(sa.update(experiments).where(mine).values(**values)).rowcount)


def hold_layer(connection: sa.Connection, name: str) -> None:
    """Be the only one who starts in a layer until the transaction ends."""
    statement = _insert(connection, layers).values(name=name, starts=1)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"starts": layers.c.starts + 1}))


# --- measures -------------------------------------------------------------------------------------------------------


def read_progress(connection: sa.Connection) -> tuple[int, datetime | None]:
    """The position up to which the log is counted, and when that was last found to be all of it."""
    row = connection.execute(sa.select(progress.c.position, progress.c.gathered_at)).first()
    return (0, None) if row is None else (row.position, row.gathered_at)


def move_progress(connection: sa.Connection, after: int, through: int, gathered_at: datetime | None) -> bool:
    """Go on from one position to another; False if somebody else did. ``gathered_at`` None leaves that as it is."""
    connection.execute(_insert(connection, progress).values(id=_ONE, position=0).on_conflict_do_nothing())
    values: dict[str, Any] = {"position": through} | ({"gathered_at": gathered_at} if gathered_at else {})
    mine = sa.and_(progress.c.id == _ONE, progress.c.position == after)
    return bool(connection.execute(sa.update(progress).where(mine).values(**values)).rowcount)


def read_exposures(connection: sa.Connection, profile_ids: Collection[str]) -> Sequence[Mapping[str, Any]]:
    """In what these profiles are, and what they did."""
    return _of(connection, exposures, profile_ids)


def read_days(connection: sa.Connection, profile_ids: Collection[str]) -> Sequence[Mapping[str, Any]]:
    """What these profiles did by day."""
    return _of(connection, days, profile_ids)


def read_forgotten(connection: sa.Connection, profile_ids: Collection[str]) -> Mapping[str, float]:
    """Until when which of these profiles are forgotten."""
    return {row["profile_id"]: row["until_seconds"] for row in _of(connection, forgotten, profile_ids)}


def read_measured(connection: sa.Connection, experiment_id: str, source: str) -> Sequence[Mapping[str, Any]]:
    """All exposures of an experiment from one source."""
    mine = sa.and_(exposures.c.experiment_id == experiment_id, exposures.c.source == source)
    return [dict(row) for row in connection.execute(sa.select(exposures).where(mine)).mappings()]


def read_sizes(connection: sa.Connection) -> Mapping[str, Mapping[str, int]]:
    """How many profiles were exposed, by experiment and source."""
    counted = sa.select(exposures.c.experiment_id, exposures.c.source, sa.func.count().label("profiles"))
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(counted.group_by(exposures.c.experiment_id, exposures.c.source)):
        found.setdefault(row.experiment_id, {})[row.source] = row.profiles
    return found


def write_exposures(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep exposures as they stand now."""
    _put(connection, exposures, rows)


def write_days(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep sums as they stand now."""
    _put(connection, days, rows)


def drop_days(connection: sa.Connection, before: str) -> None:
    """Forget the sums of long ago."""
    connection.execute(sa.delete(days).where(days.c.day < before))


def forget(connection: sa.Connection, until: Mapping[str, float]) -> None:
    """Know nothing of these profiles any more, and of nothing that comes late."""
    for table in (exposures, days, generated):
        connection.execute(sa.delete(table).where(table.c.profile_id.in_(list(until))))
    _put(connection, forgotten, ({"profile_id": one, "until_seconds": seconds} for one, seconds in until.items()))


# --- the generated audience -----------------------------------------------------------------------------------------


def mark_generated(connection: sa.Connection, profile_ids: Iterable[str]) -> None:
    """Remember that these profiles are nobody's."""
    rows = [{"profile_id": profile_id} for profile_id in profile_ids]
    if rows:
        connection.execute(_insert(connection, generated).on_conflict_do_nothing(), rows)


def is_generated(connection: sa.Connection, profile_id: str) -> bool:
    """Whether a profile is nobody's."""
    chosen = sa.select(generated.c.profile_id).where(generated.c.profile_id == profile_id)
    return connection.execute(chosen).first() is not None
