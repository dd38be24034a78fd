"""Bound rounds: how long they train is a setting of the dataset."""

# ruff: noqa: N999  (a date and a sentence, as alembic.ini names migrations)

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""UPDATE datasets SET policy = '{"round_minutes": 10.0}' || policy""")


def downgrade() -> None:
    op.execute("UPDATE datasets SET policy = policy - 'round_minutes'")
