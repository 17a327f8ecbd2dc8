"""The outbox: which message of another log an event goes in."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events_outbox", sa.Column("batch", sa.BigInteger().with_variant(sa.Integer, "sqlite")))


def downgrade() -> None:
    op.drop_column("events_outbox", "batch")
