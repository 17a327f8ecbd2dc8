"""Playbacks are found by their member: an index, made while others write."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INDEX = "ix_playback_playbacks_member_id"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        op.create_index(_INDEX, "playback_playbacks", ["member_id"])
        return
    # Outside a transaction, and so in a revision of its own. It waits for transactions that began before it, which
    # blocks nobody, so it may. One that was given up half way left an index that is not valid, which goes first.
    patience = connection.scalar(sa.text("SHOW lock_timeout"))
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index(_INDEX, "playback_playbacks", if_exists=True, postgresql_concurrently=True)
        op.create_index(_INDEX, "playback_playbacks", ["member_id"], postgresql_concurrently=True)
        op.execute(f"SET lock_timeout = '{patience}'")


def downgrade() -> None:
    op.drop_index(_INDEX, "playback_playbacks")
