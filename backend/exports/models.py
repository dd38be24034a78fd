"""The table of exports: one zip each."""

from enum import StrEnum

from sqlalchemy import BigInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, TimestampMixin
from backend.core.jobs.work import WorkMixin


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


class Export(WorkMixin, TimestampMixin, Base):
    """One export of a dataset's final masks."""

    __tablename__ = "exports"

    format: Mapped[str]
    state: Mapped[str] = mapped_column(default=ExportState.queued)
    include_images: Mapped[bool] = mapped_column(default=True)
    sources: Mapped[list[str]] = mapped_column(JSONB, default=list)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    masks: Mapped[int | None]
    images: Mapped[int | None]

    @property
    def storage_key(self) -> str:
        """Where the zip lies once the export succeeded."""
        return f"exports/{self.id}.zip"
