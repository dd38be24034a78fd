"""A real model, small enough that embedding, training and generating with it take moments."""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from backend.core.storage import Storage
from backend.registry import service as registry
from backend.registry.models import ModelVersion
from backend.registry.service import ModelFiles
from engine.model.config import ModelConfig
from tests.factories.sizes import TINY_ENCODER

TINY = ModelConfig(
    name="tiny",
    image_size=64,
    patch_size=16,
    prompt_dim=32,
    encoder=replace(TINY_ENCODER, fusion_depth=0),
    mask_in_chans=4,
    transformer_depth=2,
    transformer_heads=2,
    transformer_mlp_dim=32,
    iou_head_depth=2,
    iou_head_hidden_dim=16,
)


def package_tiny_model(folder: Path) -> ModelFiles:
    """Weights (random, always the same) and checked graphs. Takes seconds: make it once a session."""
    from backend.registry.tasks import package_model
    from engine.model.sam import build_model

    return package_model(build_model(TINY, seed=1), folder, {})


def register_tiny_model(session: Session, storage: Storage, files: ModelFiles, **values: Any) -> ModelVersion:
    """A model version with these files."""
    return registry.register_model(session, storage, files, **{"name": "tiny", "model_id": uuid.uuid4(), **values})
