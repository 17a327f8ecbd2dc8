"""The schema says which code can live with it: the oldest revision that code must know."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alembic_version", sa.Column("needs", sa.String(length=32), nullable=False, server_default="0001"))


def downgrade() -> None:
    op.drop_column("alembic_version", "needs")
