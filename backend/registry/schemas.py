"""Model versions as clients see them."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class ModelOut(BaseModel):
    """One model version: which encoder its embeddings must come from, and where its two graphs are."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    builtin: bool
    parent_id: uuid.UUID | None
    round_id: uuid.UUID | None
    encoder_sha256: str
    decoder_sha256: str
    image_size: int
    embed_dim: int
    grid: int
    metrics: dict[str, Any]
    lineage: dict[str, Any]
    created_at: datetime
    prepare_url: str
    decode_url: str
    active_in: list[uuid.UUID]


class ModelList(BaseModel):
    """Every model version, newest first."""

    items: list[ModelOut]


class ActivateIn(BaseModel):
    """The dataset that is to use the model version."""

    dataset_id: uuid.UUID
