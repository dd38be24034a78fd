"""Small models that the engine's tests share."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.model.config import ModelConfig, ViTConfig
from engine.model.sam import Sam, build_model
from tests.factories.sizes import TINY_ENCODER

torch.set_num_threads(2)

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Where the golden files are."""
    return GOLDEN


@pytest.fixture(scope="session")
def golden_model() -> Sam:
    """The released implementation's tiny model; read only."""
    sizes = json.loads((GOLDEN / "tiny_config.json").read_text())
    encoder_fields = ("embed_dim", "depth", "num_heads", "window_size")
    encoder = ViTConfig(
        **{field: sizes.pop(field) for field in encoder_fields},
        global_attn_indexes=tuple(sizes.pop("global_attn_indexes")),
    )
    model = build_model(ModelConfig(name="golden", encoder=encoder, **sizes))
    with np.load(GOLDEN / "tiny_state.npz") as state:
        model.load_state_dict({key: torch.from_numpy(state[key]) for key in state.files}, strict=True)
    return model.requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_conv_config() -> ModelConfig:
    """A convolutional model small enough for every test: S 64, grid 4, low_res 16."""
    return ModelConfig(
        name="tiny-conv",
        image_size=64,
        encoder=TINY_ENCODER,
        prompt_dim=32,
        transformer_heads=4,
        transformer_mlp_dim=48,
        iou_head_hidden_dim=32,
    )


@pytest.fixture
def tiny_conv_model(tiny_conv_config: ModelConfig) -> Sam:
    """Fresh weights of `tiny_conv_config`; the test may change them."""
    return build_model(tiny_conv_config, seed=1)
