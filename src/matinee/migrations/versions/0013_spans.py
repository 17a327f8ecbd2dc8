"""Spans of episodes, found and said by operators, and what they are found by. Expands only."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spans_episodes",
        sa.Column("title_id", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("compared", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("title_id"),
    )
    op.create_table(
        "spans_spans",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("title_id", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("start_seconds", sa.Double(), nullable=False),
        sa.Column("end_seconds", sa.Double(), nullable=False),
        sa.Column("said", sa.String(length=16), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_spans_spans_of", "spans_spans", ["title_id", "revision"])
    op.create_table(
        "spans_settled",
        sa.Column("title_id", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("title_id", "revision", "kind"),
    )


def downgrade() -> None:
    for table in ("spans_settled", "spans_spans", "spans_episodes"):
        op.drop_table(table)
