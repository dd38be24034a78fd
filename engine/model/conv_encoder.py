"""A small convolutional image encoder for CPUs: the default model's eyes.

The trunk is EfficientNet-Lite (Tan and Le 2019; the Lite variants have ReLU6 and no squeeze-and-excitation), so that
weights trained on ImageNet fit: with a thousand photographs to learn from, first weights matter more than anything
else. Its maps at strides 4, 8, 16 and 32 are fused at stride 16 (coarse context comes down, detail comes up), and a
neck ending in a layer norm gives embeddings of an even scale, which per-channel int8 storage needs. Convolutions do not
know where they are, and the decoder adds positions to attention only, never to what its masks are read from; so the
embedding carries its cells' positions, as a transformer's does. Kept channels_last in memory, where every kernel
library is fastest. Input (B, 3, S, S), output (B, C, S/16, S/16).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self, cast

import torch
from torch import nn
from torch.nn import functional

from engine.model.layers import LayerNorm2d

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.config import ConvConfig

__all__ = ["ConvEncoder"]

POSITION_GAIN = 0.5  # at the start of training; the neck's own channels have a deviation of one
BATCHNORM_EPS = 1e-3  # EfficientNet's


class ConvEncoder(nn.Module):
    """Args: encoder sizes, C (the channels of the embedding) and G (its grid at full size)."""

    position_matrix: Tensor

    def __init__(self, config: ConvConfig, out_dim: int, grid: int) -> None:
        super().__init__()
        self.stem = ConvNorm(3, config.stem_width, stride=2)
        in_widths = (config.stem_width, *config.widths[:-1])
        self.stages = nn.ModuleList(
            _stage(in_width, width, kernel, stride, expansion, depth)
            for in_width, width, kernel, stride, expansion, depth in zip(
                in_widths, config.widths, config.kernels, config.strides, config.expansions, config.depths, strict=True
            )
        )
        self._tapped = config.stages_by_stride()
        widths = {stride: config.widths[index] for stride, index in self._tapped.items()}
        self.from_finest = ConvNorm(widths[4], out_dim, kernel_size=4, stride=4, activation=False)
        self.from_fine = ConvNorm(widths[8], out_dim, stride=2, activation=False)
        self.from_middle = ConvNorm(widths[16], out_dim, kernel_size=1, activation=False)
        self.from_coarse = ConvNorm(widths[32], out_dim, kernel_size=1, activation=False)
        self.fusion = nn.Sequential(*(ResidualBlock(out_dim) for _ in range(config.fusion_depth)))
        self.neck = nn.Sequential(
            nn.Conv2d(out_dim, out_dim, kernel_size=3, padding=1, bias=False), LayerNorm2d(out_dim)
        )
        self.grid = grid
        # Random Fourier features as in the prompt encoder, whose matrix `Sam` copies into this one.
        self.register_buffer("position_matrix", torch.randn(2, out_dim // 2))
        self.position_gain = nn.Parameter(torch.full((out_dim,), POSITION_GAIN))
        self._still: list[nn.BatchNorm2d] = []
        self._initialise()
        self.to_channels_last()

    @property
    def num_blocks(self) -> int:
        """Inverted residuals, of which training may leave some out."""
        return sum(len(cast("nn.Sequential", stage)) for stage in self.stages)

    def forward(self, x: Tensor, offset: tuple[int, int] = (0, 0), kept: Tensor | None = None) -> Tensor:
        """Embed images, or crops of the model frame whose top left cell is `offset` (x, y) of the full grid.

        `kept` (B, num_blocks): by how much each image's blocks count beside their shortcuts, where they have one.
        """
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        maps = []
        shares = iter([None] * self.num_blocks if kept is None else kept.unbind(1))
        for stage in self.stages:
            for block in cast("nn.Sequential", stage):
                x = block(x, next(shares))
            maps.append(x)
        finest, fine, middle, coarse = (maps[index] for index in self._tapped.values())
        context = functional.interpolate(self.from_coarse(coarse), scale_factor=2.0, mode="nearest")
        detail = self.from_fine(fine) + self.from_finest(finest)
        fused = functional.relu(self.from_middle(middle) + detail + context)
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
            elif isinstance(module, InvertedResidual) and module.shortcut:
                nn.init.zeros_(module.project.norm.weight)

    def to_channels_last(self) -> None:
        """Lay the convolutions' weights out as the activations are; loading a checkpoint may undo it."""
        for parameter in self.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def freeze_batchnorm(self, frozen: bool = True, layers: int | None = None) -> None:
        """Hold batch-norm statistics still, also in train mode: for rounds with few images or small batches.

        `layers`: only of the stem and the first `layers` - 1 stages.
        """
        parts = list(self.children()) if layers is None else [self.stem, *self.stages][:layers]
        norms = [module for part in parts for module in part.modules() if isinstance(module, nn.BatchNorm2d)]
        self._still = norms if frozen else []
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for norm in self._still:
            norm.eval()
        return self


class ConvNorm(nn.Module):
    """Convolution, batch norm and, unless told otherwise, ReLU6.

    Padded as TensorFlow's SAME: where that is uneven, one more at the right and at the bottom.
    """

    def __init__(
        self,
        in_width: int,
        width: int,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        groups: int = 1,
        activation: bool = True,
    ) -> None:
        super().__init__()
        before, after = (kernel_size - stride) // 2, (kernel_size - stride + 1) // 2
        self._uneven = (before, after, before, after) if before != after else None
        padding = 0 if self._uneven else before
        self.conv = nn.Conv2d(in_width, width, kernel_size, stride, padding=padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(width, eps=BATCHNORM_EPS)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = self._normed(x) if self.norm.training else self._folded(x)
        # In place is free only where no gradient is recorded: autograd would copy the map first.
        return functional.relu6(x, inplace=not x.requires_grad) if self.activation else x

    def _normed(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.conv(functional.pad(x, self._uneven) if self._uneven else x))
        return normed

    def _folded(self, x: Tensor) -> Tensor:
        """With fixed statistics the norm is part of the convolution: one pass over the map instead of two.

        On a CPU an uneven padding is part of it too: a kernel with a row and a column of zeros in front, evenly padded,
        does the same, and the map need not be copied into a larger one.
        """
        conv, norm = self.conv, self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale[:, None, None, None]
        bias = norm.bias - norm.running_mean * scale
        weight, bias = weight.to(x.dtype), bias.to(x.dtype)
        padding: int | tuple[int, ...] | str = conv.padding
        if self._uneven and x.device.type == "cpu":
            weight, padding = functional.pad(weight, (1, 0, 1, 0)), self._uneven[1]
        elif self._uneven:
            x = functional.pad(x, self._uneven)
        return functional.conv2d(x, weight, bias, conv.stride, padding, groups=conv.groups)


class InvertedResidual(nn.Module):
    """Widen, look around channel by channel, narrow, around a shortcut where shapes allow one (Sandler et al. 2018)."""

    def __init__(self, in_width: int, width: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = in_width * expansion
        self.expand = ConvNorm(in_width, inside, kernel_size=1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(inside, inside, kernel_size=kernel, stride=stride, groups=inside)
        self.project = ConvNorm(inside, width, kernel_size=1, activation=False)
        self.shortcut = in_width == width and stride == 1

    def forward(self, x: Tensor, share: Tensor | None = None) -> Tensor:
        """`share` (B,): by how much the block counts beside its shortcut, image by image."""
        inside: Tensor = self.project(self.depthwise(self.expand(x)))
        if not self.shortcut:
            return inside
        return x + inside if share is None else torch.addcmul(x, inside, share[:, None, None, None].to(x.dtype))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(width, width)
        self.conv2 = ConvNorm(width, width, activation=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv2(self.conv1(x)) + x)


def _stage(in_width: int, width: int, kernel: int, stride: int, expansion: int, depth: int) -> nn.Sequential:
    first = InvertedResidual(in_width, width, kernel=kernel, stride=stride, expansion=expansion)
    others = (InvertedResidual(width, width, kernel=kernel, stride=1, expansion=expansion) for _ in range(depth - 1))
    return nn.Sequential(first, *others)
