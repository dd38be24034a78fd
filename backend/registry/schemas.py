"""Model versions as clients see them."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from backend.registry.models import ModelVersion


class ModelOut(BaseModel):
    """One model version: which encoder its embeddings must come from, and where its weights and two graphs are."""

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
    checkpoint_url: str
    prepare_url: str
    decode_url: str
    active_in: list[uuid.UUID]

    @classmethod
    def of(cls, model: ModelVersion, active_in: Sequence[uuid.UUID] = ()) -> Self:
        """The version with its addresses, and the datasets that use it."""
        columns = {name: getattr(model, name) for name in cls.model_fields if hasattr(model, name)}
        base = f"/api/models/{model.id}"
        return cls(
            **columns,
            checkpoint_url=f"{base}/checkpoint",
            prepare_url=f"{base}/prepare.onnx",
            decode_url=f"{base}/decode.onnx",
            active_in=list(active_in),
        )


class ModelList(BaseModel):
    """Every model version, newest first."""

    items: list[ModelOut]


class ActivateIn(BaseModel):
    """The dataset that is to use the model version."""

    dataset_id: uuid.UUID
