"""The tiny model of the golden vectors, as it is and made sure of itself."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.model.checkpoint import save_model
from engine.model.config import ModelConfig, ViTConfig
from engine.model.sam import Sam

GOLDEN = Path(__file__).parents[2] / "golden"
ENCODER = ("embed_dim", "depth", "num_heads", "global_attn_indexes", "window_size")


def build_tiny():
    sizes = json.loads((GOLDEN / "tiny_config.json").read_text())
    encoder = {name: sizes.pop(name) for name in ENCODER}
    encoder["global_attn_indexes"] = tuple(encoder["global_attn_indexes"])
    model = Sam(ModelConfig(name="tiny", encoder=ViTConfig(**encoder), **sizes)).eval()
    with np.load(GOLDEN / "tiny_state.npz") as state:
        model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return model


@pytest.fixture(scope="session")
def golden_dir():
    return GOLDEN


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """So small a model gains nothing from threads, and loses much where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny():
    return build_tiny()


@pytest.fixture(scope="session")
def sure():
    """The tiny model with steeper masks and a higher opinion of them, so that the usual thresholds let some through."""
    model = build_tiny()
    with torch.no_grad():
        model.mask_decoder.iou_prediction_head.layers[-1].bias += 0.71
        for mlp in model.mask_decoder.output_hypernetworks_mlps:
            mlp.layers[-1].weight *= 40
            mlp.layers[-1].bias *= 40
    return model


@pytest.fixture(scope="session")
def sure_path(sure, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "sure.safetensors"
    save_model(sure, path, {}, dtype="float32")
    return path
