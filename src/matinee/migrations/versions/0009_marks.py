"""What profiles say of titles (thumbs, my list), and in which territories a title may be shown."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "playback_marks",
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("title_id", sa.String(length=64), nullable=False),
        sa.Column("rating", sa.String(length=8), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", "title_id"),
    )
    # NULL, as the release before leaves it: everywhere.
    op.add_column("catalogue_titles", sa.Column("territories", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("catalogue_titles", "territories")
    op.drop_table("playback_marks")
