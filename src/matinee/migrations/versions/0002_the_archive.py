"""The archive: which ranges of the log it has, its parts, and who is forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recommender_ranges",
        sa.Column("after", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("neighbours", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("after"),
    )
    op.create_index(op.f("ix_recommender_ranges_written_at"), "recommender_ranges", ["written_at"], unique=False)
    op.create_table(
        "recommender_parts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_recommender_parts_day"), "recommender_parts", ["day"], unique=False)
    op.create_index(op.f("ix_recommender_parts_state"), "recommender_parts", ["state"], unique=False)
    op.create_table(
        "recommender_forgotten",
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column("until_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("profile_id"),
    )


def downgrade() -> None:
    op.drop_table("recommender_forgotten")
    op.drop_table("recommender_parts")
    op.drop_table("recommender_ranges")
