"""Drop the generator's setting `screen`: all points are answered in float32 now, and a waiting run must still start."""

# ruff: noqa: N999  (a date and a sentence, as alembic.ini names migrations)

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE generations SET settings = settings - 'screen'")


def downgrade() -> None:
    op.execute("UPDATE generations SET settings = settings || '{\"screen\": true}'::jsonb WHERE settings <> '{}'")
