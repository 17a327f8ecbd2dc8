"""The room's table and SQL: a report a day."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.columns import Moment

metadata = sa.MetaData()

reports = sa.Table(
    "teaching_reports",
    metadata,
    # As 2026-01-31, in UTC.
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("made_at", Moment, nullable=False),
    # ``teaching.nightly.DayReport.body`` as JSON.
    sa.Column("body", sa.Text, nullable=False),
)


def write_report(connection: sa.Connection, day: str, made_at: datetime, body: Mapping[str, Any]) -> None:
    """Keep a day's report, over one that was there."""
    values = {"made_at": made_at, "body": json.dumps(dict(body))}
    insert: Any = (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(reports)
    statement = insert.values(day=day, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["day"], set_=values))


def has_report(connection: sa.Connection, day: str) -> bool:
    """Whether a day has its report."""
    return connection.execute(sa.select(reports.c.day).where(reports.c.day == day)).first() is not None


def read_reports(connection: sa.Connection, since: str) -> Sequence[tuple[str, datetime, Mapping[str, Any]]]:
    """The reports of a day and those after it, newest first: day, when it was made, body."""
    chosen = sa.select(reports).where(reports.c.day >= since).order_by(reports.c.day.desc())
    return [(row["day"], row["made_at"], json.loads(row["body"])) for row in connection.execute(chosen).mappings()]


def remove_reports(connection: sa.Connection, before: str) -> None:
    """Let the reports of days before one go."""
    connection.execute(reports.delete().where(reports.c.day < before))
