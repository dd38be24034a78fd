"""Prompts as tokens: points, boxes and mask prompts (SAM paper, section 3 and appendix A), released state-dict keys.

A point token is a random Fourier positional encoding plus a learned vector for what it is; a box is two such tokens.
Coordinates are in the model frame, in pixels; the half-pixel shift to pixel centres happens here and nowhere else.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import nn

from engine.model.layers import LayerNorm2d

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.config import ModelConfig

__all__ = ["LABELS", "MaskPrompt", "PromptEncoder", "as_points"]

LABELS = {"padding": -1, "background": 0, "foreground": 1, "box_top_left": 2, "box_bottom_right": 3}
"""What a point's label means, in torch and in the exported graphs."""


class MaskPrompt(NamedTuple):
    """A mask prompt, as what it adds to an embedding without one: `hidden @ weight.T + gate * offset`.

    Kept factored, because the decoder can push the few hidden channels straight through its image projections.

    hidden: (N, G*G, mask_in_chans), zero where the prompt has no mask. weight: (C, mask_in_chans). offset: (C,).
    gate: (N, 1, 1), 1 where the prompt has a mask, else 0.
    """

    hidden: Tensor
    weight: Tensor
    offset: Tensor
    gate: Tensor


class PositionEmbedding(nn.Module):
    """Random Fourier features of positions in the unit square (Tancik et al. 2020)."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, dim // 2))

    def forward(self, coords: Tensor) -> Tensor:
        """(..., 2) coordinates in [0, 1] -> (..., C)."""
        angles = (2 * coords - 1) @ self.positional_encoding_gaussian_matrix * (2 * math.pi)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class PromptEncoder(nn.Module):
    """Turns prompts into sparse tokens and mask prompts into a dense addition to the embedding."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, hidden = config.prompt_dim, config.mask_in_chans
        self.image_size = config.image_size
        self.grid = config.grid
        self.pe_layer = PositionEmbedding(dim)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, dim) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, hidden // 4, kernel_size=2, stride=2),
            LayerNorm2d(hidden // 4),
            nn.GELU(),
            nn.Conv2d(hidden // 4, hidden, kernel_size=2, stride=2),
            LayerNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, dim, kernel_size=1),
        )
        self.no_mask_embed = nn.Embedding(1, dim)

    def dense_pe(self) -> Tensor:
        """(G*G, C) positional encoding of the embedding's cells, row by row."""
        matrix = self.pe_layer.positional_encoding_gaussian_matrix
        centres = (torch.arange(self.grid, device=matrix.device, dtype=matrix.dtype) + 0.5) / self.grid
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        pe: Tensor = self.pe_layer(torch.stack([x, y], dim=-1).reshape(-1, 2))
        return pe

    def point_tokens(self, points: Tensor, labels: Tensor) -> Tensor:
        """(N, P, 2) model-frame points and (N, P) labels (see `LABELS`) -> (N, P, C)."""
        kinds = [self.not_a_point_embed, *self.point_embeddings]
        table = torch.cat([embedding.weight for embedding in kinds])
        labels = labels.to(torch.int64)
        position = self.pe_layer((points + 0.5) / self.image_size)
        # A padding point has no position. `where`, not indexing: no device synchronisation, and it exports.
        position = torch.where((labels == LABELS["padding"]).unsqueeze(-1), torch.zeros_like(position), position)
        return position + table[labels + 1]

    def sparse_tokens(
        self, points: Tensor | None, labels: Tensor | None, boxes: Tensor | None, *, pad: bool | None = None
    ) -> Tensor | None:
        """All point and box tokens of N prompts, (N, T, C), or None when there is neither a point nor a box.

        Arguments are those of `as_points`.
        """
        prompt = as_points(points, labels, boxes, pad=pad)
        return None if prompt is None else self.point_tokens(*prompt)

    def mask_prompt(self, masks: Tensor, has_mask: Tensor | None = None) -> MaskPrompt:
        """(N, 1, 4G, 4G) low_res logits -> what they add to the embedding.

        Args:
            has_mask: (N,) 1 or 0 (or bool); prompts with 0 behave as if they had no mask. All 1 by default.
        """
        hidden: Tensor = self.mask_downscaling[:-1](masks).flatten(2).transpose(1, 2)
        gate = hidden.new_ones(hidden.shape[0], 1, 1) if has_mask is None else has_mask.to(hidden.dtype).view(-1, 1, 1)
        projection = cast("nn.Conv2d", self.mask_downscaling[-1])
        return MaskPrompt(
            hidden=hidden * gate,
            weight=projection.weight.flatten(1),
            offset=cast("Tensor", projection.bias) - self.no_mask_embed.weight[0],
            gate=gate,
        )


def as_points(
    points: Tensor | None, labels: Tensor | None, boxes: Tensor | None, *, pad: bool | None = None
) -> tuple[Tensor, Tensor] | None:
    """N prompts as points alone: a box is two of them, the first, and padding is one, the last.

    Args:
        points, labels: (N, P, 2) model-frame (x, y) in pixels and (N, P) of `LABELS`, or None.
        boxes: (N, 4) xyxy, or None.
        pad: append a padding point after the points; by default exactly when there are points and no box.

    Returns:
        (N, T, 2) and (N, T), or None when there is neither a point nor a box.
    """
    coords, kinds = [], []
    if boxes is not None:
        coords.append(boxes.reshape(-1, 2, 2))
        corners = torch.tensor([LABELS["box_top_left"], LABELS["box_bottom_right"]], device=boxes.device)
        kinds.append(corners.to(corners.dtype if labels is None else labels.dtype).expand(boxes.shape[0], 2))
    if points is not None and labels is not None:
        coords.append(points)
        kinds.append(labels)
        if pad if pad is not None else boxes is None:
            coords.append(points.new_zeros(points.shape[0], 1, 2))
            kinds.append(labels.new_full((labels.shape[0], 1), LABELS["padding"]))
    if not coords:
        return None
    return torch.cat(coords, dim=1), torch.cat(kinds, dim=1)
