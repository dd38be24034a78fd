"""What the API says about exports."""

import uuid
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from backend.exports.models import Export, ExportFormat, ExportState


class ExportSource(StrEnum):
    """Where masks come from. `human` stands for the two ways a person draws: prompts to the model, and the brush."""

    human = "human"
    proposal = "proposal"
    generated = "generated"
    imported = "import"


class StartExport(BaseModel):
    """Body of POST /api/exports."""

    model_config = ConfigDict(extra="forbid")

    dataset_id: uuid.UUID
    format: ExportFormat = ExportFormat.sa1b
    include_images: bool = True
    sources: list[ExportSource] = Field(default_factory=lambda: list(ExportSource), min_length=1)


class ExportOut(BaseModel):
    """One export. `url` appears once the file can be downloaded; `sha256` is the hash of that file."""

    id: uuid.UUID
    dataset_id: uuid.UUID
    format: ExportFormat
    state: ExportState
    job_id: uuid.UUID | None
    include_images: bool
    sources: list[ExportSource]
    bytes: int | None
    sha256: str | None
    masks: int | None
    images: int | None
    url: str | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Export) -> "ExportOut":
        url = f"/api/exports/{row.id}/download" if row.state == ExportState.succeeded else None
        return cls(url=url, **{name: getattr(row, name) for name in cls.model_fields if name != "url"})


class ExportList(BaseModel):
    """Exports of a dataset, the newest first."""

    items: list[ExportOut]
