"""A small residual convolutional image encoder for CPUs: the default model's eyes.

Plain 3x3 convolutions with batch norm and ReLU, kept channels_last in memory: the shapes every CPU and GPU kernel
library is fastest at, and safe in bfloat16. Stages at strides 4, 8, 16, 32 are fused at stride 16 (coarse context
comes down, stride-8 detail comes up), and a neck ending in a layer norm gives embeddings of an even scale, which
per-channel int8 storage needs. Convolutions do not know where they are, and the decoder adds positions to attention
only, never to what its masks are read from; so the embedding carries its cells' positions, as a transformer's does.
Input (B, 3, S, S), output (B, C, S/16, S/16).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import torch
from torch import nn
from torch.nn import functional

from engine.model.layers import LayerNorm2d

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.config import ConvConfig

__all__ = ["ConvEncoder"]

POSITION_GAIN = 0.5  # at the start of training; the neck's own channels have a deviation of one


class ConvEncoder(nn.Module):
    """Args: encoder sizes, C (the channels of the embedding) and G (its grid at full size)."""

    position_matrix: Tensor

    def __init__(self, config: ConvConfig, out_dim: int, grid: int) -> None:
        super().__init__()
        widths = config.widths
        self.stem = nn.Sequential(
            ConvNorm(3, config.stem_width, stride=2), ConvNorm(config.stem_width, widths[0], stride=2)
        )
        in_widths = (widths[0], *widths[:-1])
        self.stages = nn.ModuleList(
            _stage(in_widths[index], widths[index], config.depths[index], stride=1 if index == 0 else 2)
            for index in range(4)
        )
        self.from_fine = ConvNorm(widths[1], out_dim, stride=2, activation=False)
        self.from_middle = ConvNorm(widths[2], out_dim, kernel_size=1, activation=False)
        self.from_coarse = ConvNorm(widths[3], out_dim, kernel_size=1, activation=False)
        self.fusion = nn.Sequential(*(ResidualBlock(out_dim, out_dim, stride=1) for _ in range(config.fusion_depth)))
        self.neck = nn.Sequential(
            nn.Conv2d(out_dim, out_dim, kernel_size=3, padding=1, bias=False), LayerNorm2d(out_dim)
        )
        self.grid = grid
        # Random Fourier features as in the prompt encoder, whose matrix `Sam` copies into this one.
        self.register_buffer("position_matrix", torch.randn(2, out_dim // 2))
        self.position_gain = nn.Parameter(torch.full((out_dim,), POSITION_GAIN))
        self._batchnorm_frozen = False
        self._initialise()
        self.to_channels_last()

    def forward(self, x: Tensor, offset: tuple[int, int] = (0, 0)) -> Tensor:
        """Embed images, or crops of the model frame whose top left cell is `offset` (x, y) of the full grid."""
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        _, fine, middle, coarse = maps
        context = functional.interpolate(self.from_coarse(coarse), scale_factor=2.0, mode="nearest")
        fused = functional.relu(self.from_middle(middle) + self.from_fine(fine) + context)
        embedding: Tensor = self.neck(self.fusion(fused))
        return (embedding + self._positions(embedding, offset)).contiguous()

    def _positions(self, embedding: Tensor, offset: tuple[int, int]) -> Tensor:
        """(1, C, g, g): what a cell's place adds to it."""
        rows, columns = embedding.shape[2:]
        matrix = self.position_matrix
        y = (torch.arange(rows, device=matrix.device, dtype=matrix.dtype) + 0.5 + offset[1]) / self.grid
        x = (torch.arange(columns, device=matrix.device, dtype=matrix.dtype) + 0.5 + offset[0]) / self.grid
        places = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
        angles = (2 * places - 1) @ matrix * (2 * math.pi)
        features = torch.cat([angles.sin(), angles.cos()], dim=-1) * self.position_gain
        return features.permute(2, 0, 1)[None]

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, ResidualBlock):
                # Every block starts as its shortcut, which lets the deep stages learn from the first step.
                nn.init.zeros_(module.conv2.norm.weight)

    def to_channels_last(self) -> None:
        """Lay the convolutions' weights out as the activations are; loading a checkpoint may undo it."""
        for parameter in self.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def freeze_batchnorm(self, frozen: bool = True) -> None:
        """Hold batch-norm statistics still, also in train mode: for rounds with few images or small batches."""
        self._batchnorm_frozen = frozen
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self._batchnorm_frozen:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


class ConvNorm(nn.Module):
    """Convolution, batch norm and, unless told otherwise, ReLU."""

    def __init__(
        self, in_width: int, width: int, *, kernel_size: int = 3, stride: int = 1, activation: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_width, width, kernel_size, stride, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return functional.relu(x, inplace=True) if self.activation else x


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(in_width, width, stride=stride)
        self.conv2 = ConvNorm(width, width, activation=False)
        same = in_width == width and stride == 1
        self.shortcut = (
            nn.Identity() if same else ConvNorm(in_width, width, kernel_size=1, stride=stride, activation=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv2(self.conv1(x)) + self.shortcut(x))


def _stage(in_width: int, width: int, depth: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        ResidualBlock(in_width, width, stride), *(ResidualBlock(width, width, stride=1) for _ in range(depth - 1))
    )
