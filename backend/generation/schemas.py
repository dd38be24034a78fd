"""What the API says about generation runs."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.generation.models import Generation, GenerationState, Totals
from engine.generate.settings import AUTOMATIC


class StartGeneration(BaseModel):
    """Body of POST /api/generations. `preset` "automatic" is what suits the model and the size of what people drew;
    `settings` change single values of any other.
    """

    model_config = ConfigDict(extra="forbid")

    dataset_id: uuid.UUID
    preset: str = AUTOMATIC
    settings: dict[str, Any] = Field(default_factory=dict)


class GenerationOut(BaseModel):
    """One run of automatic generation. `images_done` counts the failed ones, which the result of its job names."""

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

    @classmethod
    def of(cls, row: Generation, totals: Totals) -> "GenerationOut":
        """The row, with what it has done so far."""
        counted = vars(totals)
        values = {name: getattr(row, name) for name in cls.model_fields if name not in counted}
        return cls(**values, **counted)


class GenerationList(BaseModel):
    """Runs of a dataset, the newest first."""

    items: list[GenerationOut]
