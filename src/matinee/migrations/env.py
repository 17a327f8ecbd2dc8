"""Alembic's entry: the engine and the rooms' tables arrive from ``compose.database``."""

import sqlalchemy as sa
from alembic import context

engine: sa.Engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes["metadata"],
        render_as_batch=engine.dialect.name == "sqlite",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
