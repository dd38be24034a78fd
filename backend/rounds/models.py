"""Tables of the loop: rounds (one retrain each) and stage changes (the history of the stage machine)."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, TimestampMixin, uuid7
from backend.core.jobs.work import WorkMixin


class RoundMode(StrEnum):
    """decoder: train prompt encoder and mask decoder on cached embeddings. full: train the image encoder as well.
    auto: whichever suits the model and the machine (`policy.mode_for`); the round's job writes its choice into the row,
    and why into `cause["mode_reasons"]`.
    """

    auto = "auto"
    decoder = "decoder"
    full = "full"


class RoundState(StrEnum):
    """Where a round stands. The first four are open: at most one open round per dataset."""

    pending = "pending"
    snapshot = "snapshot"
    training = "training"
    evaluating = "evaluating"
    activated = "activated"
    rejected = "rejected"
    failed = "failed"
    cancelled = "cancelled"


OPEN_STATES = (RoundState.pending, RoundState.snapshot, RoundState.training, RoundState.evaluating)
# Rounds that came to a verdict; only these count for the stage policy.
FINISHED_STATES = (RoundState.activated, RoundState.rejected)


class Trigger(StrEnum):
    """Who decided: a person, or the dataset's policy."""

    manual = "manual"
    auto = "auto"


class Round(WorkMixin, TimestampMixin, Base):
    """One retrain: snapshot -> train -> evaluate -> gate.

    Each step's result is kept here, so that a re-run skips it.
    """

    __tablename__ = "rounds"
    __table_args__ = (
        UniqueConstraint("dataset_id", "number"),
        Index(
            "uq_rounds_open_per_dataset",
            "dataset_id",
            unique=True,
            postgresql_where=text("state IN ('pending', 'snapshot', 'training', 'evaluating')"),
        ),
    )

    number: Mapped[int]
    stage: Mapped[int]
    mode: Mapped[str]
    state: Mapped[str] = mapped_column(default=RoundState.pending)
    trigger: Mapped[str] = mapped_column(default=Trigger.manual)
    # The figures the decision to start was taken on; `masks` in it is what the next "new masks" count starts from.
    cause: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    parent_model_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("model_versions.id"))
    model_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("model_versions.id"))
    snapshot_sha256: Mapped[str | None]
    snapshot_masks: Mapped[int | None]
    snapshot_images: Mapped[int | None]
    snapshot_at: Mapped[datetime | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    gate: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    started_at: Mapped[datetime | None]


class StageChange(TimestampMixin, Base):
    """One step of the stage machine, with the figures it was decided on. `number` counts per dataset: never twice."""

    __tablename__ = "stage_changes"
    __table_args__ = (UniqueConstraint("dataset_id", "number"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    from_stage: Mapped[int]
    to_stage: Mapped[int]
    trigger: Mapped[str]
    reason: Mapped[str]
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
