"""Playbacks know the session that started them. Expands only: a copy of the version before leaves it empty."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("playback_playbacks", sa.Column("session_id", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("playback_playbacks", "session_id")
