"""What the API says about generation runs."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.generation.models import GenerationState


class StartGeneration(BaseModel):
    """Body of POST /api/generations. `settings` change single values of the preset."""

    model_config = ConfigDict(extra="forbid")

    dataset_id: uuid.UUID
    preset: str = "default"
    settings: dict[str, Any] = Field(default_factory=dict)


class GenerationOut(BaseModel):
    """One run of automatic generation."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    dataset_id: uuid.UUID
    job_id: uuid.UUID | None
    state: GenerationState
    preset: str
    settings: dict[str, Any]
    model_id: uuid.UUID
    images_done: int
    images_total: int
    masks: int
    images_failed: int
    error: str | None
    created_at: datetime
    finished_at: datetime | None


class GenerationList(BaseModel):
    """Runs of a dataset, the newest first."""

    items: list[GenerationOut]
