"""SQL of what operators look at across the room's tables, none of which it changes: see ``store``."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from matinee.delivery.plan_store import ABSENT
from matinee.delivery.store import (
    counters,
    credentials,
    holding_differences,
    holdings,
    keys,
    plan_folders,
    plans,
    purges,
)


def read_generations(connection: sa.Connection) -> Mapping[str, int]:
    """The generation of each edge's newest plan."""
    return {row.edge_id: row.generation for row in connection.execute(sa.select(plans.c.edge_id, plans.c.generation))}


def read_counter(connection: sa.Connection, name: str) -> int:
    """The last number that was taken of a counter; 0 before the first."""
    return connection.execute(sa.select(counters.c.value).where(counters.c.name == name)).scalar() or 0


def read_key_times(connection: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """Every key without its secret, newest first."""
    chosen = sa.select(keys.c.id, keys.c.made_at, keys.c.signs_at, keys.c.retires_at)
    return [dict(row) for row in connection.execute(chosen.order_by(keys.c.made_at.desc(), keys.c.id)).mappings()]


def last_purge_before(connection: sa.Connection, time: datetime) -> int:
    """The newest purge that was ordered before a time; 0 if there is none."""
    return connection.execute(sa.select(sa.func.max(purges.c.sequence)).where(purges.c.made_at <= time)).scalar() or 0


def read_latest_purges(connection: sa.Connection, limit: int) -> Sequence[Mapping[str, Any]]:
    """The latest purges, newest first."""
    chosen = sa.select(purges).order_by(purges.c.sequence.desc()).limit(limit)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def read_credential(connection: sa.Connection, edge_id: str) -> Mapping[str, Any] | None:
    """When an edge enrolled, and when that was revoked; None if it never did."""
    chosen = sa.select(credentials.c.enrolled_at, credentials.c.revoked_at).where(credentials.c.edge_id == edge_id)
    row = connection.execute(chosen).mappings().first()
    return None if row is None else dict(row)


def read_folders(connection: sa.Connection, edge_id: str, generation: int) -> Mapping[str, tuple[int, int]]:
    """How many files and bytes of a plan lie in each folder."""
    mine = sa.and_(plan_folders.c.edge_id == edge_id, plan_folders.c.generation == generation)
    chosen = sa.select(plan_folders.c.folder, plan_folders.c.files, plan_folders.c.size_bytes).where(mine)
    return {row.folder: (row.files, row.size_bytes) for row in connection.execute(chosen)}


def read_held(connection: sa.Connection, edge_id: str) -> tuple[int, Mapping[str, tuple[int, int]]] | None:
    """The plan that an edge told against; by folder, its files that are absent and those held besides. None: untold."""
    generation = connection.execute(sa.select(holdings.c.generation).where(holdings.c.edge_id == edge_id)).scalar()
    if generation is None:
        return None
    absent = sa.case((holding_differences.c.size_bytes == ABSENT, 1), else_=0)
    chosen = sa.select(
        holding_differences.c.folder, sa.func.sum(absent).label("absent"), sa.func.sum(1 - absent).label("besides")
    ).where(holding_differences.c.edge_id == edge_id)
    found = connection.execute(chosen.group_by(holding_differences.c.folder))
    return generation, {row.folder: (int(row.absent), int(row.besides)) for row in found}
