"""Tables of annotation: tasks and masks.

One image has at most one task for its whole life; who works on it now is a lease on that row. A mask keeps everything
needed to replay it: prompts, chosen candidate, model version, clicks, seconds. Rows are never repainted by other masks:
masks may overlap and nest.
"""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.core.columns import stored_enum
from backend.core.db import Base, TimestampMixin, uuid7
from backend.datasets.models import Image


class TaskState(StrEnum):
    """open: waits for an annotator; leased: somebody has it until `leased_until`; done and skipped: settled."""

    OPEN = "open"
    LEASED = "leased"
    DONE = "done"
    SKIPPED = "skipped"


class MaskSource(StrEnum):
    """Who drew the mask: the model from an annotator's prompts, a brush, stage 2, a file, stage 3."""

    MODEL = "model"
    BRUSH = "brush"
    PROPOSAL = "proposal"
    IMPORT = "import"
    GENERATED = "generated"


class MaskStatus(StrEnum):
    """proposed: shown, nobody agreed yet; accepted: an annotator agreed; approved, rejected: a reviewer spoke."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    APPROVED = "approved"
    REJECTED = "rejected"


class Task(TimestampMixin, Base):
    """The work on one image. `outcome` is the settled state a lease returns to when nothing came of it."""

    __tablename__ = "tasks"
    __table_args__ = (Index("ix_tasks_dataset_id_state", "dataset_id", "state", "image_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    image_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), unique=True)
    state: Mapped[TaskState] = mapped_column(stored_enum(TaskState), default=TaskState.OPEN)
    outcome: Mapped[TaskState | None] = mapped_column(stored_enum(TaskState))
    stage: Mapped[int] = mapped_column(SmallInteger, default=1)
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    leased_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    seconds_s: Mapped[float] = mapped_column(default=0.0)
    completed_at: Mapped[datetime | None]
    returned_at: Mapped[datetime | None]

    image: Mapped[Image] = relationship(Image, lazy="raise", viewonly=True)


class Mask(TimestampMixin, Base):
    """One mask, as COCO RLE in the image frame.

    `deleted_at` marks a tombstone that keeps late retries from reviving it.
    """

    __tablename__ = "masks"
    __table_args__ = (
        Index("ix_masks_dataset_id_status", "dataset_id", "status"),
        Index("ix_masks_image_id_live", "image_id", postgresql_where=text("deleted_at IS NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    image_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), index=True)
    task_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("tasks.id", ondelete="SET NULL"), index=True)
    revision: Mapped[int] = mapped_column(default=1)
    # Hash of what the client sent with `revision`: the same write again is recognised without comparing floats.
    content_sha256: Mapped[str | None]
    rle: Mapped[dict[str, Any]]
    bbox: Mapped[list[float]] = mapped_column(JSONB)
    area: Mapped[int]
    source: Mapped[MaskSource] = mapped_column(stored_enum(MaskSource))
    status: Mapped[MaskStatus] = mapped_column(stored_enum(MaskStatus))
    stage: Mapped[int] = mapped_column(SmallInteger)
    model_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("model_versions.id", ondelete="SET NULL"), index=True)
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    prompts: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    candidate: Mapped[int | None] = mapped_column(SmallInteger)
    num_clicks: Mapped[int] = mapped_column(default=0)
    seconds_s: Mapped[float] = mapped_column(default=0.0)
    predicted_iou: Mapped[float | None]
    stability_score: Mapped[float | None]
    crop_box: Mapped[list[float] | None] = mapped_column(JSONB(none_as_null=True))
    edited: Mapped[bool] = mapped_column(default=False)
    # What a proposal looked like before somebody mended it: how good proposals are is measured against it.
    proposed_rle: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    reject_reason: Mapped[str | None]
    # 0..9999 from a hash of the id: a review sample of p % is `review_bucket < 100 * p`, the same masks every time.
    review_bucket: Mapped[int] = mapped_column(SmallInteger)
    accepted_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    image: Mapped[Image] = relationship(Image, lazy="raise", viewonly=True)


class MaskTombstone(Base):
    """A delete that arrived before the mask it deletes: the late PUT must not bring the mask to life."""

    __tablename__ = "mask_tombstones"

    mask_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    revision: Mapped[int]
    created_at: Mapped[datetime]
