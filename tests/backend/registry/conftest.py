"""Tiny models of several seeds as model versions."""

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from backend.core.runtime import Runtime
from backend.registry import service
from backend.registry.models import ModelVersion
from backend.registry.service import ModelFiles
from engine.model.checkpoint import decoder_sha256, encoder_sha256, save_model
from engine.model.sam import build_model
from tests.factories.models import TINY


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory, tiny_files: ModelFiles) -> Callable[[int], ModelFiles]:
    """`packaged(seed)`: the files of a tiny model, made once a session.

    Only seed 1 has graphs of its own: exporting takes seconds, and no test runs the others'.
    """
    made: dict[int, ModelFiles] = {1: tiny_files}

    def package(seed: int = 1) -> ModelFiles:
        if seed not in made:
            model = build_model(TINY, seed=seed)
            weights = tmp_path_factory.mktemp(f"model{seed}") / "weights.safetensors"
            save_model(model, weights, {"metrics": {"miou_1": 0.5}})
            hashes = {"encoder_sha256": encoder_sha256(model), "decoder_sha256": decoder_sha256(model)}
            made[seed] = replace(tiny_files, weights=weights, **hashes)
        return made[seed]

    return package


@pytest.fixture
def register(runtime: Runtime, packaged: Callable[[int], ModelFiles]) -> Callable[..., ModelVersion]:
    """`register(seed, **values)`: a tiny model as a model version."""

    def make(seed: int = 1, **values: object) -> ModelVersion:
        with runtime.database.transaction() as session:
            defaults = {"name": f"tiny {seed}", "model_id": uuid.uuid4()}
            return service.register_model(session, runtime.storage, packaged(seed), **{**defaults, **values})

    return make


@pytest.fixture
def activate(runtime: Runtime) -> Callable[[uuid.UUID, ModelVersion], None]:
    """`activate(dataset_id, model)`: makes it the dataset's model version."""

    def make(dataset_id: uuid.UUID, model: ModelVersion) -> None:
        with runtime.database.transaction() as session:
            service.activate(session, dataset_id, model.id)

    return make


@pytest.fixture
def model(register: Callable[..., ModelVersion]) -> ModelVersion:
    """The tiny model of seed 1, registered."""
    return register(1)
