"""Experiments: what they are, who was exposed and did what, and how far the log is counted. Expands only."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "experiments_experiments",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("layer", sa.String(length=40), nullable=False),
        sa.Column("arms", sa.Text(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("metric", sa.String(length=40), nullable=False),
        sa.Column("window_seconds", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("first_slot", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_by", sa.String(length=64), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "experiments_layers",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "experiments_exposures",
        sa.Column("experiment_id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("arm", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("exposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("watched_seconds", sa.Double(), nullable=False),
        sa.Column("past_starts", sa.Integer(), nullable=False),
        sa.Column("past_watched_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "profile_id"),
    )
    op.create_index(op.f("ix_experiments_exposures_profile_id"), "experiments_exposures", ["profile_id"], unique=False)
    op.create_table(
        "experiments_days",
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("watched_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", "day"),
    )
    op.create_index(op.f("ix_experiments_days_day"), "experiments_days", ["day"], unique=False)
    op.create_table(
        "experiments_progress",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("gathered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "experiments_generated",
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("profile_id"),
    )
    op.create_table(
        "experiments_forgotten",
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("until_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("profile_id"),
    )


def downgrade() -> None:
    op.drop_table("experiments_forgotten")
    op.drop_table("experiments_generated")
    op.drop_table("experiments_progress")
    op.drop_index(op.f("ix_experiments_days_day"), table_name="experiments_days")
    op.drop_table("experiments_days")
    op.drop_index(op.f("ix_experiments_exposures_profile_id"), table_name="experiments_exposures")
    op.drop_table("experiments_exposures")
    op.drop_table("experiments_layers")
    op.drop_table("experiments_experiments")
