"""Embeddings of parts of images: the parts that there are so far are whole."""

# ruff: noqa: N999  (a date and a sentence, as alembic.ini names migrations)

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BEFORE = "uq_embeddings_image_sha256_encoder_sha256"
AFTER = "uq_embeddings_image_sha256_encoder_sha256_detail"


def upgrade() -> None:
    op.add_column("embeddings", sa.Column("detail", sa.Text(), server_default="0-0-0", nullable=False))
    op.drop_constraint(BEFORE, "embeddings", type_="unique")
    op.create_unique_constraint(AFTER, "embeddings", ["image_sha256", "encoder_sha256", "detail"])


def downgrade() -> None:
    # Their files stay, and are found and written over when they are wanted again.
    op.execute("DELETE FROM embeddings WHERE detail <> '0-0-0'")
    op.drop_constraint(AFTER, "embeddings", type_="unique")
    op.create_unique_constraint(BEFORE, "embeddings", ["image_sha256", "encoder_sha256"])
    op.drop_column("embeddings", "detail")
