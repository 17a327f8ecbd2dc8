"""Alembic's entry: the engine and the rooms' tables arrive from ``compose.database``."""

from typing import Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

engine: sa.Engine = context.config.attributes["engine"]


def render_item(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """A migration outlives the code around it: it names the database's type, not a decorator of ours."""
    if kind == "type" and isinstance(item, sa.TypeDecorator) and isinstance(item.impl_instance, sa.DateTime):
        return "sa.DateTime(timezone=True)"
    return False


with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes["metadata"],
        render_item=render_item,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
