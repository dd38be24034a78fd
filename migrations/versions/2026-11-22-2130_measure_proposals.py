"""Measure proposals: what they were before they were mended, and the policy's new bars."""

# ruff: noqa: N999  (a date and a sentence, as alembic.ini names migrations)

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NEW = {
    "min_speedup": 0.05,
    "min_proposals_kept": 0.9,
    "proposal_window": 100,
    "max_calibration_error": 0.1,
    "quiet_from": 0,
    "quiet_until": 0,
}


def upgrade() -> None:
    op.add_column("masks", sa.Column("proposed_rle", postgresql.JSONB(), nullable=True))
    # What a dataset has set already stays.
    op.execute(sa.text("UPDATE datasets SET policy = CAST(:new AS jsonb) || policy").bindparams(new=json.dumps(NEW)))


def downgrade() -> None:
    keys = "{" + ",".join(NEW) + "}"
    op.execute(sa.text("UPDATE datasets SET policy = policy - CAST(:keys AS text[])").bindparams(keys=keys))
    op.drop_column("masks", "proposed_rle")
