"""The first house."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts_guesses",
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_index(op.f("ix_accounts_guesses_since"), "accounts_guesses", ["since"], unique=False)
    op.create_table(
        "accounts_members",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "accounts_profiles",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("member_id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("maturity_limit", sa.Integer(), nullable=False),
        sa.Column("pin_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["accounts_members.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_accounts_profiles_member_id"), "accounts_profiles", ["member_id"], unique=False)
    op.create_table(
        "accounts_sessions",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=16), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unlocked_profile_id", sa.String(length=16), nullable=True),
        sa.Column("unlocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["accounts_members.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["unlocked_profile_id"], ["accounts_profiles.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_digest"),
    )
    op.create_index(op.f("ix_accounts_sessions_expires_at"), "accounts_sessions", ["expires_at"], unique=False)
    op.create_index(op.f("ix_accounts_sessions_member_id"), "accounts_sessions", ["member_id"], unique=False)
    op.create_table(
        "catalogue_changes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "catalogue_titles",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("synopsis", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("genres", sa.JSON(), nullable=False),
        sa.Column("moods", sa.JSON(), nullable=False),
        sa.Column("maturity", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("revision", sa.String(length=64), nullable=True),
        sa.Column("parent_id", sa.String(length=16), nullable=True),
        sa.Column("season_number", sa.Integer(), nullable=True),
        sa.Column("episode_number", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["catalogue_titles.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_catalogue_titles_change"), "catalogue_titles", ["change"], unique=False)
    op.create_index(op.f("ix_catalogue_titles_parent_id"), "catalogue_titles", ["parent_id"], unique=False)
    op.create_table(
        "catalogue_revisions",
        sa.Column("title_id", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("presentation", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["title_id"], ["catalogue_titles.id"]),
        sa.PrimaryKeyConstraint("title_id", "revision"),
    )
    op.create_table(
        "delivery_edges",
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("egress_limit_bps", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("edge_id"),
    )
    op.create_table(
        "delivery_loads",
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("egress_bps", sa.Float(), nullable=False),
        sa.Column("connections", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("edge_id", "slot"),
    )
    op.create_table(
        "encoding_jobs",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("title_id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(length=16), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
    )
    op.create_index(op.f("ix_encoding_jobs_state"), "encoding_jobs", ["state"], unique=False)
    op.create_index(op.f("ix_encoding_jobs_title_id"), "encoding_jobs", ["title_id"], unique=False)
    op.create_table(
        "encoding_renditions",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("frames", sa.Integer(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["encoding_jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "name"),
    )
    op.create_table(
        "events_groups",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_ends", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "events_log",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "events_outbox",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "events_relays",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "schedule_leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "playback_playbacks",
        sa.Column("playback_id", sa.String(length=16), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("title_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("moves", sa.Text(), nullable=False),
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("bitrate_bps", sa.BigInteger(), nullable=False),
        sa.Column("duration_seconds", sa.Float(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("playback_id"),
    )
    op.create_index(op.f("ix_playback_playbacks_seen_at"), "playback_playbacks", ["seen_at"], unique=False)
    op.create_index(op.f("ix_playback_playbacks_started_at"), "playback_playbacks", ["started_at"], unique=False)
    op.create_table(
        "playback_positions",
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("title_id", sa.String(length=64), nullable=False),
        sa.Column("position_seconds", sa.Float(), nullable=False),
        sa.Column("duration_seconds", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", "title_id"),
    )
    op.create_table(
        "playback_samples",
        sa.Column("sample_id", sa.String(length=160), nullable=False),
        sa.Column("playback_id", sa.String(length=16), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("edge_id", sa.String(length=64), nullable=True),
        sa.Column("startup_seconds", sa.Float(), nullable=True),
        sa.Column("watched_seconds", sa.Float(), nullable=True),
        sa.Column("stalls", sa.Integer(), nullable=True),
        sa.Column("stalled_seconds", sa.Float(), nullable=True),
        sa.Column("stalls_total", sa.Integer(), nullable=True),
        sa.Column("stalled_total_seconds", sa.Float(), nullable=True),
        sa.Column("bitrate_bps", sa.Float(), nullable=True),
        sa.Column("playing", sa.Boolean(), nullable=True),
        sa.Column("first_byte_seconds", sa.Float(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("sample_id"),
    )
    op.create_index(op.f("ix_playback_samples_playback_id"), "playback_samples", ["playback_id"], unique=False)
    op.create_index(op.f("ix_playback_samples_time"), "playback_samples", ["time"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_playback_samples_time"), table_name="playback_samples")
    op.drop_index(op.f("ix_playback_samples_playback_id"), table_name="playback_samples")
    op.drop_table("playback_samples")
    op.drop_table("playback_positions")
    op.drop_index(op.f("ix_playback_playbacks_started_at"), table_name="playback_playbacks")
    op.drop_index(op.f("ix_playback_playbacks_seen_at"), table_name="playback_playbacks")
    op.drop_table("playback_playbacks")
    op.drop_table("schedule_leases")
    op.drop_table("events_relays")
    op.drop_table("events_outbox")
    op.drop_table("events_log")
    op.drop_table("events_groups")
    op.drop_table("encoding_renditions")
    op.drop_index(op.f("ix_encoding_jobs_title_id"), table_name="encoding_jobs")
    op.drop_index(op.f("ix_encoding_jobs_state"), table_name="encoding_jobs")
    op.drop_table("encoding_jobs")
    op.drop_table("delivery_loads")
    op.drop_table("delivery_edges")
    op.drop_table("catalogue_revisions")
    op.drop_index(op.f("ix_catalogue_titles_parent_id"), table_name="catalogue_titles")
    op.drop_index(op.f("ix_catalogue_titles_change"), table_name="catalogue_titles")
    op.drop_table("catalogue_titles")
    op.drop_table("catalogue_changes")
    op.drop_index(op.f("ix_accounts_sessions_member_id"), table_name="accounts_sessions")
    op.drop_index(op.f("ix_accounts_sessions_expires_at"), table_name="accounts_sessions")
    op.drop_table("accounts_sessions")
    op.drop_index(op.f("ix_accounts_profiles_member_id"), table_name="accounts_profiles")
    op.drop_table("accounts_profiles")
    op.drop_table("accounts_members")
    op.drop_index(op.f("ix_accounts_guesses_since"), table_name="accounts_guesses")
    op.drop_table("accounts_guesses")
