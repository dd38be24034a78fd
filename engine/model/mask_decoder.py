"""From image features and prompt tokens to masks (SAM paper, section 3 and appendix A), released state-dict keys.

`prepare` does, once per image, all that does not depend on a prompt; `forward` answers N prompts about B prepared
images. The exported graphs are these same two methods. `forward` is `answer`, which ends with the predicted IoU, then
`draw`, which makes the masks: much of a prompt's work, spared where nobody will look at them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import nn
from torch.nn import functional

from engine.model.layers import CellNorm, LayerNorm2d, Mlp
from engine.model.transformer import TwoWayTransformer

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.config import ModelConfig
    from engine.model.prompt_encoder import MaskPrompt

__all__ = ["Answers", "ImageFeatures", "MaskDecoder", "per_cell", "rows_of_pixels"]


class ImageFeatures(NamedTuple):
    """What the decoder knows of B images before any prompt.

    cells: (B, G*G, C) the embedding plus the "no mask" vector, cell by cell.
    pe: (G*G, C) positional encoding of the cells.
    kvq: (B, G*G, 3C/2) the first layer's image projections.
    """

    cells: Tensor
    pe: Tensor
    kvq: Tensor

    def to(self, dtype: torch.dtype) -> ImageFeatures:
        """In another precision; the decoder then does in it what happens cell by cell, and tokens stay as they are."""
        return ImageFeatures(*(part.to(dtype) for part in self))

    def of_images(self, index: Tensor | slice) -> ImageFeatures:
        """Those of the images `index`: (K,) whole numbers, repeated where it repeats, or a range of images."""
        return ImageFeatures(self.cells[index], self.pe, self.kvq[index])


class Answers(NamedTuple):
    """What the decoder knows of N prompts before it draws their masks.

    tokens: (N, M, C) the mask tokens. cells: (N, G*G, C) the image as each prompt sees it.
    iou: (N, M) predicted IoU, in the order [single, candidate 1, 2, 3].
    """

    tokens: Tensor
    cells: Tensor
    iou: Tensor


class MaskDecoder(nn.Module):
    """Answers prompts with one mask for unambiguous prompts, three candidates, and a predicted IoU for each."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.prompt_dim
        self.grid = config.grid
        self.transformer = TwoWayTransformer(config)
        self.iou_token = nn.Embedding(1, dim)
        self.num_mask_tokens = config.num_mask_tokens
        self.mask_tokens = nn.Embedding(self.num_mask_tokens, dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(dim, dim // 4, kernel_size=2, stride=2),
            LayerNorm2d(dim // 4),
            nn.GELU(),
            nn.ConvTranspose2d(dim // 4, dim // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            Mlp(dim, dim, dim // 8, depth=3) for _ in range(self.num_mask_tokens)
        )
        self.iou_prediction_head = Mlp(dim, config.iou_head_hidden_dim, self.num_mask_tokens, config.iou_head_depth)

    def prepare(self, embedding: Tensor, image_pe: Tensor, no_mask: Tensor) -> ImageFeatures:
        """Everything that does not depend on a prompt.

        Args:
            embedding: (B, C, G, G).
            image_pe: (G*G, C) positional encoding of the cells.
            no_mask: (C,) what stands in for a mask prompt.
        """
        cells = (embedding.flatten(2).transpose(1, 2) + no_mask).contiguous()
        first = self.transformer.first_layer
        kvq = functional.linear(cells, first.kvq_weight()) + first.kvq_bias(image_pe)
        return ImageFeatures(cells, image_pe, kvq)

    def forward(
        self, features: ImageFeatures, sparse: Tensor, image_index: Tensor | None = None, mask: MaskPrompt | None = None
    ) -> tuple[Tensor, Tensor]:
        """Answer N prompts: `answer`, then `draw` -> low_res logits (N, 4, 4G, 4G) and predicted IoU (N, 4)."""
        answers = self.answer(features, sparse, image_index, mask)
        return self.draw(answers), answers.iou

    def answer(
        self, features: ImageFeatures, sparse: Tensor, image_index: Tensor | None = None, mask: MaskPrompt | None = None
    ) -> Answers:
        """Everything about N prompts but their masks.

        Args:
            features: of B images.
            sparse: (N, T, C) prompt tokens; T may be 0.
            image_index: (N,) which image each prompt is about; may be left out when B is 1.
            mask: mask prompts of all N, or None.
        """
        count = sparse.shape[0]
        if image_index is not None:
            features = features.of_images(image_index)
        elif features.cells.shape[0] != 1:
            raise ValueError("With several images, image_index must say which image each prompt is about.")
        cells, kvq = features.cells, features.kvq
        if mask is not None:
            hidden, gate = mask.hidden.to(cells.dtype), mask.gate.to(cells.dtype)
            weight, offset = mask.weight, mask.offset
            cells = cells + _linear(hidden, weight) + gate * offset.to(cells.dtype)
            # The projection of a sum is the sum of projections: nothing prepared is thrown away.
            first = self.transformer.first_layer.kvq_weight()
            kvq = kvq + _linear(hidden, first @ weight) + gate * (first @ offset).to(cells.dtype)

        output_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([output_tokens.expand(count, -1, -1), sparse.to(output_tokens.dtype)], dim=1)
        tokens, cells = self.transformer(tokens, cells, features.pe, kvq, num_wanted=len(output_tokens))

        iou: Tensor = self.iou_prediction_head(tokens[:, 0])
        return Answers(tokens[:, 1:], cells, iou)

    def draw(self, answers: Answers, window: tuple[int, int] | None = None) -> Tensor:
        """The masks of N answers: low_res logits (N, M, 4G, 4G), or their first `window` (h, w), multiples of 4."""
        rows, columns = (side // 4 for side in window) if window else (self.grid, self.grid)
        cells = answers.cells.reshape(-1, self.grid, self.grid, answers.cells.shape[2])[:, :rows, :columns].flatten(
            1, 2
        )
        first, norm = cast("nn.ConvTranspose2d", self.output_upscaling[0]), cast("CellNorm", self.output_upscaling[1])
        children = CellNorm.forward(norm, _upscale(cells, first))
        return self.finish(children, answers.tokens, (4 * rows, 4 * columns))

    def finish(self, children: Tensor, tokens: Tensor, window: tuple[int, int]) -> Tensor:
        """Masks from what the first upscaling made, normalised: the low_res logits (N, M, *window).

        A 2x2 transposed convolution of stride 2 is a matrix product per cell. Cells stay whole until the end, so that
        only the M finished masks, and not their many channels, are shuffled into place.

        Args:
            children: (N, h/4 * w/4, 4, C') the four children of each cell of the window.
            tokens: (N, M, C).
            window: (h, w), multiples of 4.
        """
        kernels = torch.stack(
            [mlp(tokens[:, index]) for index, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        second = cast("nn.ConvTranspose2d", self.output_upscaling[3])
        x = functional.gelu(_upscale(functional.gelu(children), second))
        logits = kernels.to(x.dtype) @ x.flatten(1, -2).transpose(1, 2)
        masks = rows_of_pixels(logits, window[0] // 4, window[1] // 4)
        return masks.reshape(-1, self.num_mask_tokens, *masks.shape[1:])


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`functional.linear` in the precision of `x`."""
    return functional.linear(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))


def rows_of_pixels(masks: Tensor, height: int, width: int) -> Tensor:
    """Masks cell by cell -> pixel by pixel, (K, 4 * height, 4 * width).

    Args:
        masks: (K, 16 * height * width) or any shape of these numbers in this order: rows of cells, columns of cells, y
            and x of the first upscaling, y and x of the second.
        height, width: rows and columns of cells.
    """
    # The innermost pair stays together as long as it can: a copy that moves single numbers is several times as slow.
    masks = masks.reshape(-1, width, 2, 2, 4).transpose(1, 2)
    masks = masks.reshape(-1, width * 2, 2, 2).transpose(1, 2)
    return masks.reshape(-1, 4 * height, 4 * width)


def per_cell(weight: Tensor) -> Tensor:
    """Weights of a 2x2 transposed convolution of stride 2 -> (C, 4 * C'), the matrix from a cell to its children."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _upscale(x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """(..., C) cells -> (..., 4, C') their four children, row by row."""
    bias = None if layer.bias is None else torch.cat([layer.bias] * 4)
    children = _linear(x, per_cell(layer.weight).t(), bias)
    return children.reshape(*x.shape[:-1], 4, layer.out_channels)
