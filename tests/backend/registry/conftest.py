"""A real model, small enough to be embedded and exported in a blink."""

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from backend.core.runtime import Runtime
from backend.registry import service, tasks
from backend.registry.models import ModelVersion
from backend.registry.service import ModelFiles
from engine.model.checkpoint import decoder_sha256, encoder_sha256, save_model
from engine.model.config import ConvConfig, ModelConfig
from engine.model.sam import build_model

TINY = ModelConfig(
    name="tiny",
    image_size=64,
    encoder=ConvConfig(stem_width=8, widths=(8, 8, 16, 16), depths=(1, 1, 1, 1), fusion_depth=1),
    prompt_dim=32,
    transformer_heads=4,
    transformer_mlp_dim=48,
    iou_head_hidden_dim=32,
)


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], ModelFiles]:
    """`packaged(seed)`: the files of a tiny model, made once a session.

    Only seed 1 has graphs of its own: exporting takes seconds, and no test runs the others'.
    """
    made: dict[int, ModelFiles] = {}

    def package(seed: int = 1) -> ModelFiles:
        if seed in made:
            return made[seed]
        folder = tmp_path_factory.mktemp(f"model{seed}")
        model = build_model(TINY, seed=seed)
        facts = {"metrics": {"miou_1": 0.5}}
        if seed == 1:
            made[1] = tasks.package_model(model, folder, facts)
        else:
            weights = folder / "weights.safetensors"
            save_model(model, weights, facts)
            hashes = {"encoder_sha256": encoder_sha256(model), "decoder_sha256": decoder_sha256(model)}
            made[seed] = replace(package(1), weights=weights, **hashes)
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
