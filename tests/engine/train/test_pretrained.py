"""Weights of an EfficientNet-Lite become the first layers of our encoder: same maps, another normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.errors import CheckpointError
from engine.train.pretrained import load_trunk

if TYPE_CHECKING:
    from pathlib import Path

    from engine.model.sam import Sam

BLOCKS = [(8, 8, 3, 1), (8, 8, 3, 2), (8, 16, 5, 2), (16, 16, 3, 2)]  # in, out, kernel, expansion; strides are 2


def lite_state(seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the names of efficientnet_lite_pytorch, of the tiny model's size."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def norm(name: str, width: int) -> None:
        state[f"{name}.running_var"] = torch.rand(width, generator=generator) + 0.5
        for field in ("weight", "bias", "running_mean"):
            state[f"{name}.{field}"] = torch.randn(width, generator=generator) * 0.5

    def conv(name: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) * 0.5

    conv("_conv_stem", 8, 3, 3, 3)
    norm("_bn0", 8)
    for index, (width, out, kernel, expansion) in enumerate(BLOCKS):
        block, inside = f"_blocks.{index}", width * expansion
        if expansion > 1:
            conv(f"{block}._expand_conv", inside, width, 1, 1)
            norm(f"{block}._bn0", inside)
        conv(f"{block}._depthwise_conv", inside, 1, kernel, kernel)
        norm(f"{block}._bn1", inside)
        conv(f"{block}._project_conv", out, inside, 1, 1)
        norm(f"{block}._bn2", out)
    return state


def lite_maps(state: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """The last map of that network, written from its description: SAME padding, eps 1e-3, ReLU6."""

    def layer(x: Tensor, conv: str, norm: str, stride: int = 1, groups: int = 1, *, active: bool = True) -> Tensor:
        weight = state[f"{conv}.weight"]
        spare = weight.shape[-1] - stride
        x = functional.pad(x, (spare // 2, spare - spare // 2) * 2)
        x = functional.conv2d(x, weight, stride=stride, groups=groups)
        mean, var, gain, bias = (
            state[f"{norm}.{field}"] for field in ("running_mean", "running_var", "weight", "bias")
        )
        x = functional.batch_norm(x, mean, var, gain, bias, eps=1e-3)
        return x.clamp(0, 6) if active else x

    x = layer((pixels - 127) / 128, "_conv_stem", "_bn0", stride=2)
    for index, (width, _, _, expansion) in enumerate(BLOCKS):
        block = f"_blocks.{index}"
        if expansion > 1:
            x = layer(x, f"{block}._expand_conv", f"{block}._bn0")
        x = layer(x, f"{block}._depthwise_conv", f"{block}._bn1", stride=2, groups=width * expansion)
        x = layer(x, f"{block}._project_conv", f"{block}._bn2", active=False)
    return x


def test_the_trunk_answers_as_the_network_it_came_from(tiny_conv_model: Sam, tmp_path: Path) -> None:
    state = lite_state()
    path = tmp_path / "lite.pth"
    torch.save(state, path)
    load_trunk(tiny_conv_model.image_encoder, path)
    # Where the image is of ImageNet's mean colour and the network's own padding is far away, nothing differs.
    pixels = torch.rand(1, 3, 256, 256) * 255
    x = (pixels - tiny_conv_model.pixel_mean) / tiny_conv_model.pixel_std
    encoder = tiny_conv_model.image_encoder
    with torch.inference_mode():
        x = encoder.stem(x)
        for stage in encoder.stages:
            x = stage(x)
        expected = lite_maps(state, pixels)
    torch.testing.assert_close(x[:, :, :-3, :-3], expected[:, :, :-3, :-3], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("break_it", ["missing", "size", "file"])
def test_other_weights_are_refused_and_change_nothing(tiny_conv_model: Sam, tmp_path: Path, break_it: str) -> None:
    state = lite_state()
    if break_it == "missing":
        del state["_blocks.3._bn2.running_var"]
    if break_it == "size":
        state["_conv_stem.weight"] = torch.zeros(16, 3, 3, 3)
    path = tmp_path / "lite.pth"
    torch.save(state, path)
    if break_it == "file":
        path.write_bytes(path.read_bytes()[:500])
    before = {name: value.clone() for name, value in tiny_conv_model.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"lite\.pth"):
        load_trunk(tiny_conv_model.image_encoder, path)
    assert all(torch.equal(value, before[name]) for name, value in tiny_conv_model.state_dict().items())


def test_a_transformer_takes_no_such_trunk(golden_model: Sam, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="convolutional"):
        load_trunk(golden_model.image_encoder, tmp_path / "lite.pth")
