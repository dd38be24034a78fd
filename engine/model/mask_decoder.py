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

from engine.model.layers import LayerNorm2d, Mlp
from engine.model.transformer import TwoWayTransformer

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.config import ModelConfig
    from engine.model.prompt_encoder import MaskPrompt

__all__ = ["Answers", "ImageFeatures", "MaskDecoder"]


class ImageFeatures(NamedTuple):
    """What the decoder knows of B images before any prompt.

    tokens: (B, G*G, C) the embedding plus the "no mask" vector, cell by cell.
    kvq: (B, G*G, 3C/2) the first layer's image projections.
    biases: (1, G*G, .) projected positional encodings of the later layers and of the last attention.
    """

    tokens: Tensor
    kvq: Tensor
    biases: list[Tensor]


class Answers(NamedTuple):
    """What the decoder knows of N prompts before it draws their masks.

    tokens: (N, M, C) the mask tokens. image: (N, G*G, C) the cells as each prompt sees them.
    iou: (N, M) predicted IoU, in the order [single, candidate 1, 2, 3].
    """

    tokens: Tensor
    image: Tensor
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
        tokens = embedding.flatten(2).transpose(1, 2) + no_mask
        first, *others = self.transformer.two_way_layers()
        kvq = functional.linear(tokens, first.kvq_weight()) + first.kvq_bias(image_pe)
        biases = [layer.kvq_bias(image_pe)[None] for layer in others]
        biases.append(self.transformer.final_kv_bias(image_pe)[None])
        return ImageFeatures(tokens, kvq, biases)

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
        image, kvq = _for_prompts(features.tokens, count, image_index), _for_prompts(features.kvq, count, image_index)
        if mask is not None:
            image = image + functional.linear(mask.hidden, mask.weight) + mask.gate * mask.offset
            # The projection of a sum is the sum of projections: nothing prepared is thrown away.
            weight = self.transformer.two_way_layers()[0].kvq_weight()
            kvq = kvq + functional.linear(mask.hidden, weight @ mask.weight) + mask.gate * (weight @ mask.offset)

        output_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([output_tokens.expand(count, -1, -1), sparse.to(output_tokens.dtype)], dim=1)
        tokens, image = self.transformer(tokens, image, kvq, features.biases)

        iou: Tensor = self.iou_prediction_head(tokens[:, 0])
        return Answers(tokens[:, 1 : 1 + self.num_mask_tokens], image, iou)

    def draw(self, answers: Answers) -> Tensor:
        """The masks of N answers: low_res logits (N, M, 4G, 4G).

        A 2x2 transposed convolution of stride 2 is a matrix product per cell. Cells stay whole until the end, so that
        only the M finished masks, and not their many channels, are shuffled into place.
        """
        kernels = torch.stack(
            [mlp(answers.tokens[:, index]) for index, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        first, second = (
            cast("nn.ConvTranspose2d", self.output_upscaling[0]),
            cast("nn.ConvTranspose2d", self.output_upscaling[3]),
        )
        norm = cast("LayerNorm2d", self.output_upscaling[1])
        x = _upscale(answers.image, first)
        x = functional.gelu(functional.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps))
        x = functional.gelu(_upscale(x, second))
        cells = kernels @ x.flatten(1, -2).transpose(1, 2)
        count, masks, grid = kernels.shape[0], self.num_mask_tokens, self.grid
        # (rows of cells, columns of cells, y and x of the first upscaling, y and x of the second). The innermost pair
        # stays together as long as it can: a copy that moves single numbers is several times as slow.
        cells = cells.reshape(count * masks * grid, grid, 2, 2, 4).transpose(1, 2)
        cells = cells.reshape(count * masks * grid * 2, grid * 2, 2, 2).transpose(1, 2)
        return cells.reshape(count, masks, 4 * grid, 4 * grid)


def _for_prompts(values: Tensor, count: int, image_index: Tensor | None) -> Tensor:
    """(B, ...) per image -> (N, ...) per prompt, without a copy when there is one image."""
    if values.shape[0] == 1:
        return values.expand(count, *values.shape[1:])
    if image_index is None:
        raise ValueError("With several images, image_index must say which image each prompt is about.")
    return values[image_index]


def _upscale(x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """(..., C) cells -> (..., 4, C') their four children, row by row."""
    weight = layer.weight.permute(2, 3, 1, 0).flatten(0, 2)
    bias = None if layer.bias is None else torch.cat([layer.bias] * 4)
    children: Tensor = functional.linear(x, weight, bias)
    return children.reshape(*x.shape[:-1], 4, layer.out_channels)
