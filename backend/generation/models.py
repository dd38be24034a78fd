"""Tables of automatic masks: generation runs (stage 3), and which model proposed on which image (stage 2)."""

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, TimestampMixin
from backend.core.jobs.work import WorkMixin


class GenerationState(StrEnum):
    """Where a generation run stands. At most one open run per dataset."""

    queued = "queued"
    running = "running"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"


OPEN_STATES = (GenerationState.queued, GenerationState.running)


class Generation(WorkMixin, TimestampMixin, Base):
    """One run of the fully automatic stage over all images of a dataset, with one model and one set of settings."""

    __tablename__ = "generations"
    __table_args__ = (
        Index(
            "uq_generations_open_per_dataset",
            "dataset_id",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )

    model_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("model_versions.id"))
    state: Mapped[str] = mapped_column(default=GenerationState.queued)
    preset: Mapped[str]
    # Every setting, the preset's values included: what a reader needs to make the same masks again. None until an
    # automatic run has begun.
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    images_total: Mapped[int] = mapped_column(default=0)


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What a generation run has done so far."""

    images_done: int
    images_failed: int
    masks: int


class GenerationImage(Base):
    """One image done by a run, written in the same transaction as its masks: a re-run skips it."""

    __tablename__ = "generation_images"

    generation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("generations.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    num_masks: Mapped[int]
    error: Mapped[str | None]


class ProposedImage(TimestampMixin, Base):
    """Which model last proposed masks on an image, written in the same transaction as the proposals."""

    __tablename__ = "proposed_images"

    image_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    model_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("model_versions.id", ondelete="CASCADE"), index=True)
    num_masks: Mapped[int]
    error: Mapped[str | None]
