"""The control plane of edges: who may join, keys, revocations, purges, plans, holdings, accounts, and who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_accounts",
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("started", sa.Double(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("edge_id", "started"),
    )
    op.create_index(op.f("ix_delivery_accounts_told_at"), "delivery_accounts", ["told_at"], unique=False)
    op.create_table(
        "delivery_audit",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_table(
        "delivery_counters",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "delivery_credentials",
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("credential_hash", sa.String(length=64), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("edge_id"),
    )
    op.create_table(
        "delivery_holding_differences",
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("folder", sa.String(length=200), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("edge_id", "path"),
    )
    op.create_index(
        op.f("ix_delivery_holding_differences_folder"), "delivery_holding_differences", ["folder"], unique=False
    )
    op.create_table(
        "delivery_holdings",
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("started", sa.Double(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("edge_id"),
    )
    op.create_table(
        "delivery_join_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("credential_hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index(op.f("ix_delivery_join_tokens_edge_id"), "delivery_join_tokens", ["edge_id"], unique=False)
    op.create_table(
        "delivery_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signs_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "delivery_pins",
        sa.Column("title_id", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("title_id", "region"),
    )
    op.create_table(
        "delivery_plan_folders",
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("folder", sa.String(length=200), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("edge_id", "generation", "folder"),
    )
    op.create_table(
        "delivery_plan_pages",
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("edge_id", "generation", "page"),
    )
    op.create_table(
        "delivery_plans",
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("edge_id"),
    )
    op.create_table(
        "delivery_purges",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index(op.f("ix_delivery_purges_made_at"), "delivery_purges", ["made_at"], unique=False)
    op.create_table(
        "delivery_revocations",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index(op.f("ix_delivery_revocations_expires_at"), "delivery_revocations", ["expires_at"], unique=False)
    op.create_table(
        "delivery_sums",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("miss", sa.String(length=16), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "edge_id", "origin", "miss"),
    )
    op.add_column("catalogue_revisions", sa.Column("digests", sa.JSON(), nullable=True))
    op.add_column("delivery_edges", sa.Column("down", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("delivery_edges", "down")
    op.drop_column("catalogue_revisions", "digests")
    op.drop_table("delivery_sums")
    op.drop_index(op.f("ix_delivery_revocations_expires_at"), table_name="delivery_revocations")
    op.drop_table("delivery_revocations")
    op.drop_index(op.f("ix_delivery_purges_made_at"), table_name="delivery_purges")
    op.drop_table("delivery_purges")
    op.drop_table("delivery_plans")
    op.drop_table("delivery_plan_pages")
    op.drop_table("delivery_plan_folders")
    op.drop_table("delivery_pins")
    op.drop_table("delivery_keys")
    op.drop_index(op.f("ix_delivery_join_tokens_edge_id"), table_name="delivery_join_tokens")
    op.drop_table("delivery_join_tokens")
    op.drop_table("delivery_holdings")
    op.drop_index(op.f("ix_delivery_holding_differences_folder"), table_name="delivery_holding_differences")
    op.drop_table("delivery_holding_differences")
    op.drop_table("delivery_credentials")
    op.drop_table("delivery_counters")
    op.drop_table("delivery_audit")
    op.drop_index(op.f("ix_delivery_accounts_told_at"), table_name="delivery_accounts")
    op.drop_table("delivery_accounts")
