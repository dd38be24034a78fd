"""Datasets and their images."""

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, TimestampMixin, uuid7

# The paper's numbers where it gives them: six rounds in stage 1, five in stage 2.
DEFAULT_POLICY: dict[str, Any] = {
    "min_new_masks": 100,
    "round_minutes": 10.0,
    "max_rounds_stage1": 6,
    "max_rounds_stage2": 5,
    "min_gain": 0.005,
    "min_speedup": 0.05,
    "min_proposals_kept": 0.9,
    "proposal_window": 100,
    "max_calibration_error": 0.1,
    "quiet_from": 0,
    "quiet_until": 0,
    "auto_rounds": True,
    "auto_stages": True,
    "frozen": False,
}


class Dataset(TimestampMixin, Base):
    """A pile of images that becomes masks. `policy` always holds every key of `DEFAULT_POLICY`."""

    __tablename__ = "datasets"
    __table_args__ = (
        CheckConstraint("stage IN (1, 2, 3)", name="stage"),
        CheckConstraint("review_mode IN ('none', 'sample', 'all')", name="review_mode"),
        CheckConstraint("review_percent BETWEEN 0 AND 100", name="review_percent"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(default="")
    stage: Mapped[int] = mapped_column(default=1)
    review_mode: Mapped[str] = mapped_column(default="none")
    review_percent: Mapped[int] = mapped_column(default=10)
    policy: Mapped[dict[str, Any]] = mapped_column(default=lambda: dict(DEFAULT_POLICY))
    # A model version's id. The table belongs to a later feature, which also keeps this one valid.
    active_model_id: Mapped[uuid.UUID | None]
    # The one that was active before, for going back.
    previous_model_id: Mapped[uuid.UUID | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class Image(TimestampMixin, Base):
    """One image, upright. `sha256` is of the stored bytes; `source_sha256` of the bytes that were sent.

    `state` and `num_masks` are kept by the annotation feature, so that listings need no join.
    """

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("dataset_id", "sha256"),
        Index("ix_images_dataset_id_state", "dataset_id", "state", "id"),
        Index("ix_images_dataset_id_source_sha256", "dataset_id", "source_sha256"),
        Index("ix_images_dataset_id_file_name", "dataset_id", "file_name"),
        CheckConstraint("state IN ('todo', 'leased', 'done', 'skipped')", name="state"),
        CheckConstraint("split IN ('train', 'heldout')", name="split"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    file_name: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    sha256: Mapped[str] = mapped_column(index=True)
    source_sha256: Mapped[str]
    bytes: Mapped[int]
    content_type: Mapped[str]
    storage_key: Mapped[str]
    thumbnail_key: Mapped[str]
    state: Mapped[str] = mapped_column(default="todo")
    num_masks: Mapped[int] = mapped_column(default=0)
    split: Mapped[str] = mapped_column(default="train")
    import_job_id: Mapped[uuid.UUID | None]
