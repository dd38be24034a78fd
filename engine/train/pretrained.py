"""First weights of an encoder: another model's encoder, or an EfficientNet-Lite trained on ImageNet.

The latter is for convolutional encoders. `load_trunk` reads the state dict of `efficientnet_lite_pytorch` (keys
`_conv_stem`, `_bn0`, `_blocks.N...`), as its weights packages hold it. That network reads (pixel - 127) / 128, ours
(pixel - mean) / deviation of ImageNet's channels: the difference goes into the first convolution, exactly except at the
image's border, where padding is now ImageNet's mean colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from engine.errors import CheckpointError
from engine.model.checkpoint import load_model
from engine.model.conv_encoder import ConvEncoder, ConvNorm, InvertedResidual
from engine.model.preprocess import PIXEL_MEAN, PIXEL_STD

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

__all__ = ["load_encoder", "load_trunk"]

LITE_MEAN, LITE_STD = 127.0, 128.0
NORM_FIELDS = ("weight", "bias", "running_mean", "running_var")


def load_encoder(encoder: nn.Module, path: Path) -> None:
    """Set all weights of `encoder` from the encoder of the model file at `path`, in place.

    Raises:
        CheckpointError: the file cannot be read, or its encoder is another; nothing was changed then.
    """
    theirs = load_model(path).image_encoder.state_dict()
    ours = {name: value.shape for name, value in encoder.state_dict().items()}
    if ours != {name: value.shape for name, value in theirs.items()}:
        raise CheckpointError(f"The encoder in {path.name} is of another kind or size than the model's own.")
    encoder.load_state_dict(theirs)


@torch.no_grad()
def load_trunk(encoder: nn.Module, path: Path) -> None:
    """Set the stem and the stages of `encoder` from the file at `path`, in place.

    Raises:
        CheckpointError: the file cannot be read, or holds another network; nothing was changed then.
    """
    if not isinstance(encoder, ConvEncoder):
        raise CheckpointError(f"{path.name} fits a convolutional encoder only; choose a model that has one.")
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own text would advise to load the file without its safeguard.
        raise CheckpointError(f"{path} is damaged or no file of weights; download it again.") from error
    values: list[tuple[Tensor, Tensor]] = []
    for ours, conv, norm in _pairs(encoder):
        values.append((ours.conv.weight, _get(state, f"{conv}.weight", path)))
        norms = (getattr(ours.norm, field) for field in NORM_FIELDS)
        values += [(mine, _get(state, f"{norm}.{field}", path)) for mine, field in zip(norms, NORM_FIELDS, strict=True)]
    if wrong := [theirs.shape for mine, theirs in values if mine.shape != theirs.shape]:
        raise CheckpointError(f"{path.name} is of another size than the model's encoder ({len(wrong)} tensors differ).")
    for mine, theirs in values:
        mine.copy_(theirs)
    _adapt_input(encoder.stem)


def _pairs(encoder: ConvEncoder) -> list[tuple[ConvNorm, str, str]]:
    """(our layer, their convolution, their norm), from the image up."""
    pairs = [(encoder.stem, "_conv_stem", "_bn0")]
    blocks = (block for stage in encoder.stages for block in stage.children())
    for index, block in enumerate(blocks):
        assert isinstance(block, InvertedResidual)
        name = f"_blocks.{index}"
        if isinstance(block.expand, ConvNorm):
            pairs.append((block.expand, f"{name}._expand_conv", f"{name}._bn0"))
        pairs.append((block.depthwise, f"{name}._depthwise_conv", f"{name}._bn1"))
        pairs.append((block.project, f"{name}._project_conv", f"{name}._bn2"))
    return pairs


def _get(state: dict[str, Tensor], key: str, path: Path) -> Tensor:
    if key not in state:
        raise CheckpointError(
            f"{path.name} holds no {key}; it must be an EfficientNet-Lite of efficientnet_lite_pytorch."
        )
    return state[key]


def _adapt_input(stem: ConvNorm) -> None:
    mean, std = torch.tensor(PIXEL_MEAN), torch.tensor(PIXEL_STD)
    shift = stem.conv.weight.sum(dim=(2, 3)) @ ((mean - LITE_MEAN) / LITE_STD)
    stem.conv.weight.mul_((std / LITE_STD)[None, :, None, None])
    assert stem.norm.running_mean is not None
    stem.norm.running_mean.sub_(shift)
