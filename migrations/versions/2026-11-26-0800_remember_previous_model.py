"""Remember each dataset's previous model, whose embeddings are kept; the active model's parent, as far as is known."""

# ruff: noqa: N999  (a date and a sentence, as alembic.ini names migrations)

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("previous_model_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE datasets SET previous_model_id = model_versions.parent_id "
        "FROM model_versions WHERE model_versions.id = datasets.active_model_id"
    )


def downgrade() -> None:
    op.drop_column("datasets", "previous_model_id")
