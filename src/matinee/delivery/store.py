"""The delivery room's tables and SQL: edges as last heard, operators' orders, and five minutes of their load."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.columns import Moment

metadata = sa.MetaData()


edges = sa.Table(
    "delivery_edges",
    metadata,
    sa.Column("edge_id", sa.String(64), primary_key=True),
    # The last report as JSON: its fields are the edge's own words, and nobody searches by them.
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("state_since", Moment, nullable=False),
    sa.Column("last_seen", Moment, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False, default=False),
    sa.Column("egress_limit_bps", sa.BigInteger),
)

loads = sa.Table(
    "delivery_loads",
    metadata,
    sa.Column("edge_id", sa.String(64), primary_key=True),
    # A ring: the second modulo its length, so that the table never grows past it and nothing has to be deleted.
    sa.Column("slot", sa.Integer, primary_key=True),
    sa.Column("time", Moment, nullable=False),
    sa.Column("egress_bps", sa.Float, nullable=False),
    sa.Column("connections", sa.Integer, nullable=False),
)

RING_SECONDS = 300


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy offers by dialect only."""
    return (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(table)


def read_edge(connection: sa.Connection, edge_id: str) -> Mapping[str, Any] | None:
    """One edge, locked until the transaction ends (on SQLite the whole database is)."""
    row = connection.execute(sa.select(edges).where(edges.c.edge_id == edge_id).with_for_update()).mappings().first()
    return None if row is None else dict(row)


def read_edges(connection: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """Every edge, by its id."""
    return [dict(row) for row in connection.execute(sa.select(edges).order_by(edges.c.edge_id)).mappings()]


def write_edge(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep an edge as it now is, be it new or known."""
    statement = _insert(connection, edges).values(**values)
    changed = {name: value for name, value in values.items() if name != "edge_id"}
    connection.execute(statement.on_conflict_do_update(index_elements=[edges.c.edge_id], set_=changed))


def change_state(
    connection: sa.Connection, edge_id: str, before: Mapping[str, Any], state: str, since: datetime
) -> bool:
    """Move an edge to a state unless it was heard of, or moved, since it was read; whether it was moved."""
    unchanged = sa.and_(
        edges.c.edge_id == edge_id, edges.c.state == before["state"], edges.c.last_seen == before["last_seen"]
    )
    found = connection.execute(sa.update(edges).where(unchanged).values(state=state, state_since=since))
    return found.rowcount == 1


def write_load(connection: sa.Connection, edge_id: str, time: datetime, egress_bps: float, connections: int) -> None:
    """Put one reading into the edge's ring, over the one of five minutes ago."""
    values = {"time": time, "egress_bps": egress_bps, "connections": connections}
    slot = int(time.timestamp()) % RING_SECONDS
    statement = _insert(connection, loads).values(edge_id=edge_id, slot=slot, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[loads.c.edge_id, loads.c.slot], set_=values))


def read_loads(connection: sa.Connection, edge_id: str, after: datetime) -> Sequence[Mapping[str, Any]]:
    """The readings of an edge after a time, oldest first."""
    chosen = sa.select(loads.c.time, loads.c.egress_bps, loads.c.connections)
    chosen = chosen.where(loads.c.edge_id == edge_id, loads.c.time > after).order_by(loads.c.time)
    return [dict(row) for row in connection.execute(chosen).mappings()]
