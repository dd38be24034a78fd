"""The table of exports: one zip each."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, TimestampMixin, uuid7


class ExportFormat(StrEnum):
    """sa1b: one SA-1B JSON per image. coco: one COCO instances file."""

    sa1b = "sa1b"
    coco = "coco"


class ExportState(StrEnum):
    """Where an export stands; a file exists only for `succeeded`."""

    queued = "queued"
    running = "running"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"


class Export(TimestampMixin, Base):
    """One export of a dataset's final masks."""

    __tablename__ = "exports"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    format: Mapped[str]
    state: Mapped[str] = mapped_column(default=ExportState.queued)
    include_images: Mapped[bool] = mapped_column(default=True)
    sources: Mapped[list[str]] = mapped_column(JSONB, default=list)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    masks: Mapped[int | None]
    images: Mapped[int | None]
    error: Mapped[str | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    finished_at: Mapped[datetime | None]

    @property
    def storage_key(self) -> str:
        """Where the zip lies once the export succeeded."""
        return f"exports/{self.id}.zip"
