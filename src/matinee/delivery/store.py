"""The delivery room's tables, and the SQL of edges as last heard, operators' orders, and five minutes of their load.

The SQL of the other tables stands in ``trust_store`` (who may speak, which keys sign, what is revoked and purged) and
``plan_store`` (plans, holdings, accounts).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from matinee.columns import Moment

metadata = sa.MetaData()

_EDGE = sa.String(64)
_HASH = sa.String(64)


edges = sa.Table(
    "delivery_edges",
    metadata,
    sa.Column("edge_id", _EDGE, primary_key=True),
    # The last report as JSON: its fields are the edge's own words, and nobody searches by them.
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("state_since", Moment, nullable=False),
    sa.Column("last_seen", Moment, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False, default=False),
    # With the server's own default: copies of the release before write rows without it.
    sa.Column("down", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    sa.Column("egress_limit_bps", sa.BigInteger),
)

loads = sa.Table(
    "delivery_loads",
    metadata,
    sa.Column("edge_id", _EDGE, primary_key=True),
    # A ring: the second modulo its length, so that the table never grows past it and nothing has to be deleted.
    sa.Column("slot", sa.Integer, primary_key=True),
    sa.Column("time", Moment, nullable=False),
    sa.Column("egress_bps", sa.Float, nullable=False),
    sa.Column("connections", sa.Integer, nullable=False),
)

# Numbers in the order of commits: whoever takes the next one holds the row until its transaction ends.
counters = sa.Table(
    "delivery_counters",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

join_tokens = sa.Table(
    "delivery_join_tokens",
    metadata,
    sa.Column("token_hash", _HASH, primary_key=True),
    sa.Column("edge_id", _EDGE, nullable=False, index=True),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    # The credential it was used for: the same one may be shown again, because the answer may have been lost.
    sa.Column("credential_hash", _HASH),
)

credentials = sa.Table(
    "delivery_credentials",
    metadata,
    sa.Column("edge_id", _EDGE, primary_key=True),
    sa.Column("credential_hash", _HASH, nullable=False),
    sa.Column("enrolled_at", Moment, nullable=False),
    sa.Column("revoked_at", Moment),
)

keys = sa.Table(
    "delivery_keys",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    # The newest one whose time has come signs. NULL: it only opens what it signed before.
    sa.Column("signs_at", Moment),
    # When the last token it signed has expired. NULL: it still signs, or is about to.
    sa.Column("retires_at", Moment),
)

revocations = sa.Table(
    "delivery_revocations",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("subject", sa.String(100), nullable=False),
    sa.Column("expires_at", Moment, nullable=False, index=True),
    # It takes back what was revoked before: an edge that joined anew.
    sa.Column("lifted", sa.Boolean, nullable=False, default=False),
)

purges = sa.Table(
    "delivery_purges",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("made_at", Moment, nullable=False, index=True),
)

audit = sa.Table(
    "delivery_audit",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time", Moment, nullable=False),
    # Whose account it was, or what acted by itself.
    sa.Column("member_id", sa.String(64), nullable=False),
    sa.Column("act", sa.String(32), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    # More of it, as JSON; never a secret.
    sa.Column("details", sa.Text, nullable=False),
)

pins = sa.Table(
    "delivery_pins",
    metadata,
    sa.Column("title_id", sa.String(64), primary_key=True),
    # Empty: everywhere.
    sa.Column("region", sa.String(64), primary_key=True),
    sa.Column("made_at", Moment, nullable=False),
)

# What is expected to be played in a region, as the recommender told last: ``{title_id: plays a day}`` as JSON.
demand = sa.Table(
    "delivery_demand",
    metadata,
    sa.Column("region", sa.String(64), primary_key=True),
    sa.Column("told_at", Moment, nullable=False),
    sa.Column("plays", sa.Text, nullable=False),
)

plans = sa.Table(
    "delivery_plans",
    metadata,
    sa.Column("edge_id", _EDGE, primary_key=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("pages", sa.Integer, nullable=False),
    sa.Column("files", sa.Integer, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    # Of the files in order: a plan like the one before it makes no new generation.
    sa.Column("digest", _HASH, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
)

plan_pages = sa.Table(
    "delivery_plan_pages",
    metadata,
    sa.Column("edge_id", _EDGE, primary_key=True),
    sa.Column("generation", sa.BigInteger, primary_key=True),
    sa.Column("page", sa.Integer, primary_key=True),
    # model.plans.PlanPage as JSON, gzip: an edge is given it as it lies here.
    sa.Column("body", sa.LargeBinary, nullable=False),
)

# How many of a plan's files lie in each folder, so that nobody opens its pages to know who holds a title.
plan_folders = sa.Table(
    "delivery_plan_folders",
    metadata,
    sa.Column("edge_id", _EDGE, primary_key=True),
    sa.Column("generation", sa.BigInteger, primary_key=True),
    sa.Column("folder", sa.String(200), primary_key=True),
    sa.Column("files", sa.Integer, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)

holdings = sa.Table(
    "delivery_holdings",
    metadata,
    sa.Column("edge_id", _EDGE, primary_key=True),
    sa.Column("started", sa.Double, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    # The plan that all of it is told against.
    sa.Column("generation", sa.BigInteger, nullable=False),
    # Whether the listing it began with has come to its end.
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("told_at", Moment, nullable=False),
)

# Where an edge differs from that plan: a file besides, with its size, or (-1) one of the plan's that is not there.
holding_differences = sa.Table(
    "delivery_holding_differences",
    metadata,
    sa.Column("edge_id", _EDGE, primary_key=True),
    sa.Column("path", sa.String(400), primary_key=True),
    # ``<title>/<revision>/``
    sa.Column("folder", sa.String(200), nullable=False, index=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)

accounts = sa.Table(
    "delivery_accounts",
    metadata,
    sa.Column("edge_id", _EDGE, primary_key=True),
    sa.Column("started", sa.Double, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("told_at", Moment, nullable=False, index=True),
)

sums = sa.Table(
    "delivery_sums",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("edge_id", _EDGE, primary_key=True),
    sa.Column("origin", sa.String(16), primary_key=True),
    # Netflix's classes; empty: it came from the best-ranked edge.
    sa.Column("miss", sa.String(16), primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)

RING_SECONDS = 300


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy offers by dialect only."""
    return (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(table)


def next_number(connection: sa.Connection, name: str) -> int:
    """The next number of a counter, from 1. Others wait for this transaction's end, so that numbers are seen in order.

    Whoever read up to a number has therefore seen every smaller one.
    """
    first = insert(connection, counters).values(name=name, value=1)
    following = first.on_conflict_do_update(
        index_elements=[counters.c.name], set_={"value": counters.c.value + 1}
    ).returning(counters.c.value)
    return int(connection.execute(following).scalar_one())


def read_edge(connection: sa.Connection, edge_id: str) -> Mapping[str, Any] | None:
    """One edge, locked until the transaction ends (on SQLite the whole database is)."""
    row = connection.execute(sa.select(edges).where(edges.c.edge_id == edge_id).with_for_update()).mappings().first()
    return None if row is None else dict(row)


def read_standing(connection: sa.Connection, edge_id: str) -> Mapping[str, Any]:
    """An edge's newest plan and what it last told of its files: ``{generation, started, sequence}``, each or None."""
    chosen = sa.select(
        sa.select(plans.c.generation).where(plans.c.edge_id == edge_id).scalar_subquery().label("generation"),
        sa.select(holdings.c.started).where(holdings.c.edge_id == edge_id).scalar_subquery().label("started"),
        sa.select(holdings.c.sequence).where(holdings.c.edge_id == edge_id).scalar_subquery().label("sequence"),
    )
    return dict(connection.execute(chosen).mappings().one())


def read_edges(connection: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """Every edge, by its id."""
    return [dict(row) for row in connection.execute(sa.select(edges).order_by(edges.c.edge_id)).mappings()]


def write_edge(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep an edge as it now is, be it new or known."""
    statement = insert(connection, edges).values(**values)
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
    statement = insert(connection, loads).values(edge_id=edge_id, slot=slot, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[loads.c.edge_id, loads.c.slot], set_=values))


def read_loads(connection: sa.Connection, edge_id: str, after: datetime) -> Sequence[Mapping[str, Any]]:
    """The readings of an edge after a time, oldest first."""
    chosen = sa.select(loads.c.time, loads.c.egress_bps, loads.c.connections)
    chosen = chosen.where(loads.c.edge_id == edge_id, loads.c.time > after).order_by(loads.c.time)
    return [dict(row) for row in connection.execute(chosen).mappings()]
