"""What was asked for within a minute."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts_allowances",
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("spent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "minute"),
    )
    op.create_index("ix_accounts_allowances_minute", "accounts_allowances", ["minute"])


def downgrade() -> None:
    op.drop_table("accounts_allowances")
