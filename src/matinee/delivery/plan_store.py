"""SQL of plans, pins, what edges hold, and what they sent: see ``store``."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from matinee.delivery.store import (
    accounts,
    demand,
    holding_differences,
    holdings,
    insert,
    pins,
    plan_folders,
    plan_pages,
    plans,
    sums,
)

ABSENT = -1
"""In place of a size: the file is the plan's, and is not there."""

_AT_ONCE = 400
_Row = TypeVar("_Row")
_PATH = holding_differences.c.path

# --- plans and pins -------------------------------------------------------------------------------------------------


def read_plan(connection: sa.Connection, edge_id: str, *, lock: bool = False) -> Mapping[str, Any] | None:
    """What is known of an edge's newest plan but its files; ``lock``: until the transaction ends."""
    chosen = sa.select(plans).where(plans.c.edge_id == edge_id)
    row = connection.execute(chosen.with_for_update() if lock else chosen).mappings().first()
    return None if row is None else dict(row)


def read_plans(connection: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """What is known of every edge's newest plan but its files, by edge."""
    return [dict(row) for row in connection.execute(sa.select(plans).order_by(plans.c.edge_id)).mappings()]


def write_plan(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Make a plan the newest of its edge."""
    statement = insert(connection, plans).values(**values)
    changed = {name: value for name, value in values.items() if name != "edge_id"}
    connection.execute(statement.on_conflict_do_update(index_elements=[plans.c.edge_id], set_=changed))


def remove_plan_generation(connection: sa.Connection, edge_id: str, generation: int) -> None:
    """Forget what was kept of one plan."""
    for table in (plan_pages, plan_folders):
        connection.execute(sa.delete(table).where(table.c.edge_id == edge_id, table.c.generation == generation))


def write_plan_page(connection: sa.Connection, edge_id: str, generation: int, page: int, body: bytes) -> None:
    """Keep one page."""
    values = {"edge_id": edge_id, "generation": generation, "page": page, "body": body}
    connection.execute(sa.insert(plan_pages).values(**values))


def write_plan_folders(
    connection: sa.Connection, edge_id: str, generation: int, folders: Mapping[str, tuple[int, int]]
) -> None:
    """Keep how many files, and bytes, of a plan lie in each folder."""
    rows = [
        {"edge_id": edge_id, "generation": generation, "folder": folder, "files": files, "size_bytes": size}
        for folder, (files, size) in folders.items()
    ]
    for some in _parts(rows):
        connection.execute(sa.insert(plan_folders).values(some))


def read_plan_page(connection: sa.Connection, edge_id: str, generation: int, page: int) -> bytes | None:
    """One page as it was kept; None if there is none."""
    mine = sa.and_(plan_pages.c.edge_id == edge_id, plan_pages.c.generation == generation, plan_pages.c.page == page)
    return connection.execute(sa.select(plan_pages.c.body).where(mine)).scalar()


def remove_plan_pages(connection: sa.Connection, edge_id: str, keep: Sequence[int]) -> None:
    """Forget the pages of an edge's plans but of these generations."""
    for table in (plan_pages, plan_folders):
        connection.execute(sa.delete(table).where(table.c.edge_id == edge_id, table.c.generation.not_in(keep)))


def read_plan_folders(connection: sa.Connection, edge_id: str, generation: int) -> Sequence[str]:
    """The folders of a plan."""
    mine = sa.and_(plan_folders.c.edge_id == edge_id, plan_folders.c.generation == generation)
    return list(connection.execute(sa.select(plan_folders.c.folder).where(mine)).scalars())


def planned_in(connection: sa.Connection, generations: Mapping[str, int], folder: str) -> Mapping[str, int]:
    """How many files of a folder each edge's plan of that generation has."""
    chosen = sa.select(plan_folders.c.edge_id, plan_folders.c.generation, plan_folders.c.files)
    chosen = chosen.where(plan_folders.c.folder == folder)
    found = connection.execute(chosen)
    return {row.edge_id: row.files for row in found if generations.get(row.edge_id) == row.generation}


def read_pins(connection: sa.Connection) -> Sequence[tuple[str, str]]:
    """Every pin as ``(title_id, region)``; an empty region is everywhere."""
    chosen = sa.select(pins.c.title_id, pins.c.region).order_by(pins.c.title_id, pins.c.region)
    return [(row.title_id, row.region) for row in connection.execute(chosen)]


def add_pin(connection: sa.Connection, title_id: str, region: str, now: datetime) -> None:
    """Pin a title; harmless if it is pinned already."""
    statement = insert(connection, pins).values(title_id=title_id, region=region, made_at=now)
    connection.execute(statement.on_conflict_do_nothing(index_elements=[pins.c.title_id, pins.c.region]))


def remove_pin(connection: sa.Connection, title_id: str, region: str | None) -> int:
    """Take a title's pin in a region away, or (None) all of its pins; how many."""
    chosen = sa.delete(pins).where(pins.c.title_id == title_id)
    return connection.execute(chosen if region is None else chosen.where(pins.c.region == region)).rowcount


# --- holdings -------------------------------------------------------------------------------------------------------


def read_holdings(connection: sa.Connection, edge_id: str, *, lock: bool = False) -> Mapping[str, Any] | None:
    """How far an edge has told what it holds; ``lock``: until the transaction ends."""
    chosen = sa.select(holdings).where(holdings.c.edge_id == edge_id)
    row = connection.execute(chosen.with_for_update() if lock else chosen).mappings().first()
    return None if row is None else dict(row)


def read_all_holdings(connection: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """How far each edge has told what it holds."""
    return [dict(row) for row in connection.execute(sa.select(holdings).order_by(holdings.c.edge_id)).mappings()]


def write_holdings(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Note how far an edge has told."""
    statement = insert(connection, holdings).values(**values)
    changed = {name: value for name, value in values.items() if name != "edge_id"}
    connection.execute(statement.on_conflict_do_update(index_elements=[holdings.c.edge_id], set_=changed))


def clear_differences(connection: sa.Connection, edge_id: str) -> None:
    """An edge begins anew."""
    connection.execute(sa.delete(holding_differences).where(holding_differences.c.edge_id == edge_id))


def note_added(connection: sa.Connection, edge_id: str, added: Iterable[tuple[str, int]]) -> None:
    """Files came: one that the plan has is no longer missing, another one is held besides."""
    for some in _parts(list(added)):
        missing = _differing(edge_id, [path for path, _ in some], absent=True)
        removed = connection.execute(sa.delete(holding_differences).where(missing).returning(_PATH))
        planned = set(removed.scalars())
        _write_differences(connection, edge_id, {path: size for path, size in some if path not in planned})


def note_removed(connection: sa.Connection, edge_id: str, removed: Iterable[str]) -> None:
    """Files went: one that was held besides is forgotten, another one is the plan's and missing."""
    for some in _parts(list(removed)):
        besides = _differing(edge_id, some, absent=False)
        gone = connection.execute(sa.delete(holding_differences).where(besides).returning(_PATH))
        extra = set(gone.scalars())
        _write_differences(connection, edge_id, {path: ABSENT for path in some if path not in extra})


def read_differences(connection: sa.Connection, path: str) -> Mapping[str, int]:
    """What each edge told of one file besides its plan: its size, or ``ABSENT``."""
    chosen = sa.select(holding_differences.c.edge_id, holding_differences.c.size_bytes).where(_PATH.in_([path]))
    return {row.edge_id: row.size_bytes for row in connection.execute(chosen)}


def differences_in(connection: sa.Connection, folder: str) -> Mapping[str, int]:
    """How many files of a folder each edge holds more (or, below zero, fewer) than its plan says."""
    one = sa.case((holding_differences.c.size_bytes == ABSENT, -1), else_=1)
    chosen = sa.select(holding_differences.c.edge_id, sa.func.sum(one).label("files"))
    chosen = chosen.where(holding_differences.c.folder == folder)
    return {row.edge_id: int(row.files) for row in connection.execute(chosen.group_by(holding_differences.c.edge_id))}


def folder_of(path: str) -> str:
    """``<title>/<revision>/`` of a file's path."""
    return "/".join(path.split("/", 2)[:2]) + "/"


def _differing(edge_id: str, paths: Sequence[str], *, absent: bool) -> sa.ColumnElement[bool]:
    size = holding_differences.c.size_bytes
    kind = size == ABSENT if absent else size != ABSENT
    return sa.and_(holding_differences.c.edge_id == edge_id, _PATH.in_(paths), kind)


def _write_differences(connection: sa.Connection, edge_id: str, sizes: Mapping[str, int]) -> None:
    rows = [
        {"edge_id": edge_id, "path": path, "folder": folder_of(path), "size_bytes": size}
        for path, size in sizes.items()
    ]
    if not rows:
        return
    statement = insert(connection, holding_differences).values(rows)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[holding_differences.c.edge_id, _PATH],
            set_={"size_bytes": statement.excluded.size_bytes},
        )
    )


# --- demand ---------------------------------------------------------------------------------------------------------

_LONGEST_REGION = 64


def write_demand(connection: sa.Connection, region: str, plays: Mapping[str, float], told_at: datetime) -> None:
    """Keep what is expected in a region, unless something newer is kept."""
    values = {"told_at": told_at, "plays": json.dumps(dict(plays))}
    statement = insert(connection, demand).values(region=region[:_LONGEST_REGION], **values)
    newer = demand.c.told_at < statement.excluded.told_at
    connection.execute(statement.on_conflict_do_update(index_elements=["region"], set_=values, where=newer))


def read_demand(connection: sa.Connection, since: datetime) -> Mapping[str, Mapping[str, float]]:
    """Plays a day by region and title, of what was told since a time."""
    chosen = sa.select(demand.c.region, demand.c.plays).where(demand.c.told_at >= since)
    return {region: json.loads(plays) for region, plays in connection.execute(chosen)}


# --- accounts -------------------------------------------------------------------------------------------------------


def counted_through(connection: sa.Connection, edge_id: str, started: float) -> int:
    """The last interval of an edge's process that was counted, locked until the transaction ends; -1 before any."""
    mine = sa.and_(accounts.c.edge_id == edge_id, accounts.c.started == started)
    found = connection.execute(sa.select(accounts.c.sequence).where(mine).with_for_update()).scalar()
    return -1 if found is None else int(found)


def count_through(connection: sa.Connection, edge_id: str, started: float, sequence: int, now: datetime) -> None:
    """Note that an interval was counted."""
    values = {"sequence": sequence, "told_at": now}
    statement = insert(connection, accounts).values(edge_id=edge_id, started=started, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[accounts.c.edge_id, accounts.c.started], set_=values)
    )


def forget_counted(connection: sa.Connection, before: datetime) -> int:
    """Forget processes that told nothing since a time; how many."""
    return connection.execute(sa.delete(accounts).where(accounts.c.told_at < before)).rowcount


def add_bytes(connection: sa.Connection, day: str, edge_id: str, sizes: Mapping[tuple[str, str], int]) -> None:
    """Add bytes to a day's sums, by ``(origin, miss)``."""
    for (origin, miss), size in sorted(sizes.items()):
        statement = insert(connection, sums).values(day=day, edge_id=edge_id, origin=origin, miss=miss, size_bytes=size)
        more = sums.c.size_bytes + statement.excluded.size_bytes
        key = [sums.c.day, sums.c.edge_id, sums.c.origin, sums.c.miss]
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_={"size_bytes": more}))


def read_sums(connection: sa.Connection, since_day: str) -> Sequence[Mapping[str, Any]]:
    """The sums of a day and those after it."""
    chosen = sa.select(sums).where(sums.c.day >= since_day)
    ordered = chosen.order_by(sums.c.day, sums.c.edge_id, sums.c.origin, sums.c.miss)
    return [dict(row) for row in connection.execute(ordered).mappings()]


def _parts(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    return (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE))
