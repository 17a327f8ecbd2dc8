"""Alembic's entry: the engine and the rooms' tables arrive from ``compose.schema``.

On PostgreSQL a step waits only briefly for a lock, so that nobody else queues behind it for long, and of two who
migrate at once one is told BlockingIOError; ``compose.schema`` tries again.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext, MigrationInfo

engine: sa.Engine = context.config.attributes["engine"]
lock_seconds: float = context.config.attributes["lock_seconds"]

# Any number will do, as long as nothing else of ours locks it.
_MIGRATING = 0x4D617469


def render_item(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """A migration outlives the code around it: it names the database's type, not a decorator of ours."""
    if kind == "type" and isinstance(item, sa.TypeDecorator) and isinstance(item.impl_instance, sa.DateTime):
        return "sa.DateTime(timezone=True)"
    return False


def keep_needs(
    ctx: MigrationContext,
    step: MigrationInfo,
    heads: Collection[Any],  # noqa: ARG001 - Alembic's names
    run_args: Mapping[str, Any],  # noqa: ARG001 - Alembic's names
) -> None:
    """Note, in a contract step's own transaction, from which revision on code can live with it."""
    needs = getattr(getattr(step.up_revision, "module", None), "needs", None)
    if needs is not None and ctx.connection is not None:
        ctx.connection.execute(sa.text("UPDATE alembic_version SET needs = :needs"), {"needs": needs})


with engine.connect() as connection:
    if engine.dialect.name == "postgresql":
        # A step takes as long as it takes, but not to get its locks.
        connection.execute(sa.text("SET statement_timeout = 0"))
        connection.execute(sa.text(f"SET lock_timeout = {round(lock_seconds * 1000)}"))
        # Asked, not waited for: an index that is made concurrently waits for whoever waits in a statement.
        if not connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": _MIGRATING}):
            raise BlockingIOError("Somebody else migrates this database.")
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes["metadata"],
        render_item=render_item,
        transaction_per_migration=True,
        on_version_apply=keep_needs,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    finally:
        # What was set and locked is the session's: it is not given back to the pool.
        connection.invalidate()
