"""The encoding room's tables and SQL."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from matinee.columns import Moment
from matinee.encodes.lifecycle import Job, JobRendition, JobState, RenditionState, before

metadata = sa.MetaData()

# SQLite numbers rows itself only where the column's type is exactly INTEGER.
_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


jobs = sa.Table(
    "encoding_jobs",
    metadata,
    # The order of submission: times alone may be equal.
    sa.Column("sequence", _number, primary_key=True),
    sa.Column("id", sa.String(16), nullable=False, unique=True),
    sa.Column("title_id", sa.String(16), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("source_key", sa.Text, nullable=False),
    sa.Column("source_name", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("revision", sa.String(16)),
    # The lease: whose the job is, until when.
    sa.Column("owner", sa.Text),
    sa.Column("held_until", Moment),
    sa.Column("not_before", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("ended_at", Moment),
)

renditions = sa.Table(
    "encoding_renditions",
    metadata,
    sa.Column("job_id", sa.String(16), sa.ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("progress", sa.Float, nullable=False),
    # The file in the work folder, named for all that decides its content.
    sa.Column("file", sa.Text),
    sa.Column("frames", sa.Integer),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("seconds", sa.Float),
)


def insert_job(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """A new job in state ``queued``."""
    connection.execute(
        sa.insert(jobs).values(
            **values, state=JobState.QUEUED.value, stage="waiting", progress=0.0, attempts=0, failures=0
        )
    )


def read_job(connection: sa.Connection, job_id: str) -> Job | None:
    """The job with its renditions."""
    row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().first()
    return None if row is None else _jobs(connection, [row])[0]


def read_jobs(connection: sa.Connection, limit: int) -> list[Job]:
    """The latest jobs, newest first."""
    return _jobs(
        connection, connection.execute(sa.select(jobs).order_by(jobs.c.sequence.desc()).limit(limit)).mappings()
    )


def next_job(connection: sa.Connection, owner: str, now: datetime, came_before: datetime) -> Job | None:
    """The job to take next, locked against other takers: one that waits, is given up, or is the owner's already."""
    waits = sa.and_(
        jobs.c.state == JobState.QUEUED.value, sa.or_(jobs.c.not_before.is_(None), jobs.c.not_before <= now)
    )
    given_up = sa.and_(jobs.c.state == JobState.RUNNING.value, sa.or_(jobs.c.held_until <= now, jobs.c.owner == owner))
    due = sa.and_(sa.or_(waits, given_up), jobs.c.created_at <= came_before)
    query = sa.select(jobs).where(due).order_by(jobs.c.priority, jobs.c.sequence).limit(1)
    row = connection.execute(query.with_for_update(skip_locked=True)).mappings().first()
    return None if row is None else _jobs(connection, [row])[0]


def take_job(connection: sa.Connection, job_id: str, owner: str, now: datetime, seconds: float) -> None:
    """Give a locked job to an owner and count the start."""
    connection.execute(
        sa.update(jobs)
        .where(jobs.c.id == job_id)
        .values(
            state=JobState.RUNNING.value,
            owner=owner,
            held_until=now + timedelta(seconds=seconds),
            attempts=jobs.c.attempts + 1,
            failures=jobs.c.failures + 1,
            started_at=sa.func.coalesce(jobs.c.started_at, sa.literal(now, Moment)),
            ended_at=None,
            message=None,
            not_before=None,
        )
    )


def change_held(connection: sa.Connection, job_id: str, owner: str, values: Mapping[str, Any]) -> bool:
    """Change a job while it is the owner's; False if it no longer is."""
    held = sa.and_(jobs.c.id == job_id, jobs.c.owner == owner, jobs.c.state == JobState.RUNNING.value)
    return connection.execute(sa.update(jobs).where(held).values(**values)).rowcount == 1


def change_state(
    connection: sa.Connection,
    job_id: str,
    state: JobState,
    values: Mapping[str, Any],
    *,
    source: JobState | None = None,
) -> bool:
    """Bring a job into a state that may follow its present one, or only ``source``; False if it may not."""
    sources = [place.value for place in before(state) if source in {None, place}]
    allowed = sa.and_(jobs.c.id == job_id, jobs.c.state.in_(sources))
    changed = {**values, "state": state.value}
    return connection.execute(sa.update(jobs).where(allowed).values(**changed)).rowcount == 1


def put_renditions(connection: sa.Connection, job_id: str, names: Iterable[str]) -> None:
    """The renditions a job is to make, in order; those that are there already keep their state."""
    there = set(connection.execute(sa.select(renditions.c.name).where(renditions.c.job_id == job_id)).scalars())
    wanted = list(names)
    gone = there - set(wanted)
    if gone:
        connection.execute(
            sa.delete(renditions).where(renditions.c.job_id == job_id, renditions.c.name.in_(sorted(gone)))
        )
    for place, name in enumerate(wanted):
        if name not in there:
            values = {"job_id": job_id, "name": name, "place": place}
            connection.execute(sa.insert(renditions).values(**values, state=RenditionState.WAITING.value, progress=0.0))


def change_rendition(connection: sa.Connection, job_id: str, name: str, values: Mapping[str, Any]) -> None:
    """Change one rendition."""
    connection.execute(
        sa.update(renditions).where(renditions.c.job_id == job_id, renditions.c.name == name).values(**values)
    )


def _jobs(connection: sa.Connection, rows: Iterable[Mapping[Any, Any]]) -> list[Job]:
    found = list(rows)
    made: dict[str, list[JobRendition]] = {row["id"]: [] for row in found}
    query = sa.select(renditions).where(renditions.c.job_id.in_(made)).order_by(renditions.c.place)
    for entry in connection.execute(query).mappings() if made else ():
        made[entry["job_id"]].append(
            JobRendition(
                name=entry["name"],
                state=RenditionState(entry["state"]),
                progress=entry["progress"],
                frames=entry["frames"],
                size_bytes=entry["size_bytes"],
                seconds=entry["seconds"],
            )
        )
    return [
        Job(
            **{name: row[name] for name in _PLAIN},
            state=JobState(row["state"]),
            renditions=tuple(made[row["id"]]),
        )
        for row in found
    ]


_PLAIN = (
    *("id", "title_id", "name", "source_key", "source_name", "priority", "stage", "progress", "message", "attempts"),
    *("failures", "revision", "owner", "created_at", "started_at", "ended_at"),
)
