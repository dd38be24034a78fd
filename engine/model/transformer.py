"""The two-way transformer between prompt tokens and image cells (SAM paper, appendix A), released state-dict keys.

The arithmetic is the released one, arranged so that work is done once and where it is small:

- All that the first layer reads of the image (keys, values, and queries for the way back: "kvq") is projected once per
  image. Prompts about the same image share it.
- In later layers every prompt has cells of its own, thousands of them, and a handful of tokens. There the projections
  are multiplied into the tokens: q . (W k) = (W' q) . k, and a weighted mean of projected cells is the projection of
  the weighted mean. So the cells themselves are never projected.

The cells may be of a lower precision than the tokens (`ImageFeatures.to`); whatever meets them takes theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn import functional

from engine.model.layers import CellNorm

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.config import ModelConfig

__all__ = ["TwoWayTransformer"]

CROSS_DOWNSAMPLE = 2  # cross-attention works on half the channels


class Attention(nn.Module):
    """Projections of one attention, and heads; `inner_dim` is the channel count inside."""

    def __init__(self, dim: int, num_heads: int, inner_dim: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = inner_dim // num_heads
        self.scale = self.head_dim**-0.5
        self.q_proj = nn.Linear(dim, inner_dim)
        self.k_proj = nn.Linear(dim, inner_dim)
        self.v_proj = nn.Linear(dim, inner_dim)
        self.out_proj = nn.Linear(inner_dim, dim)

    def _heads(self, x: Tensor) -> Tensor:
        """(N, L, inner_dim) -> (N, heads, L, head_dim)."""
        return x.reshape(x.shape[0], -1, self.num_heads, self.head_dim).transpose(1, 2)

    def _merge(self, x: Tensor) -> Tensor:
        """(N, heads, L, head_dim) -> (N, L, dim)."""
        merged: Tensor = self.out_proj(x.transpose(1, 2).flatten(2))
        return merged


class SelfAttention(Attention):
    """The tokens of a prompt look at each other."""

    def forward(self, placed: Tensor, tokens: Tensor) -> Tensor:
        """(N, T, C) tokens with and without their positions -> (N, T, C)."""
        q, k, v = self._heads(self.q_proj(placed)), self._heads(self.k_proj(placed)), self._heads(self.v_proj(tokens))
        return self._merge(functional.scaled_dot_product_attention(q, k, v, scale=self.scale))


class TokensToCells(Attention):
    """Few tokens look at many cells."""

    def shared(self, tokens: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(N, T, C) tokens; (N or 1, P, inner_dim) projected cells, 1 where all prompts share them -> (N, T, C)."""
        q = self._heads(self.q_proj(tokens) * self.scale)
        k, v = self._heads(keys), self._heads(values)
        count, length = tokens.shape[:2]
        if keys.shape[0] != count:  # one image: the prompts' tokens stand in one row
            q = q.transpose(0, 1).flatten(1, 2)[None]
        out = (q.to(k.dtype) @ k.transpose(2, 3)).softmax(dim=-1) @ v
        if keys.shape[0] != count:
            out = out[0].reshape(self.num_heads, count, length, -1).transpose(0, 1)
        return self._merge(out.to(tokens.dtype))

    def forward(self, tokens: Tensor, cells: Tensor, placed: Tensor) -> Tensor:
        """(N, T, C) tokens, (N, P, C) cells without and with their positions -> (N, T, C)."""
        heads, head_dim = self.num_heads, self.head_dim
        # A bias of the keys would move all scores of a query alike, which the softmax does not see.
        asking = self._heads(self.q_proj(tokens) * self.scale) @ self.k_proj.weight.view(heads, head_dim, -1)
        weights = (asking.flatten(1, 2).to(cells.dtype) @ placed.transpose(1, 2)).softmax(dim=-1)
        seen = (weights @ cells).to(tokens.dtype).reshape(tokens.shape[0], heads, -1, tokens.shape[2])
        values = seen @ self.v_proj.weight.view(heads, head_dim, -1).transpose(1, 2)
        return self._merge(values + self.v_proj.bias.view(heads, 1, head_dim))


class CellsToTokens(Attention):
    """Many cells look at few tokens.

    The cells lie along the last axis, so that the softmax over so few tokens runs on long vectors.
    """

    def shared(self, cells: Tensor, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(N or 1, P, C) cells, (N or 1, P, inner_dim) their projected queries, 1 where all prompts share them; (N, T,
        C) tokens with and without their positions -> (N, P, C), the answer added to the cells.
        """
        # Each head's keys stand among zeros, so that one product serves all heads, on queries as they lie there.
        k = self._heads(self.k_proj(keys) * self.scale)
        apart = torch.eye(self.num_heads, device=k.device, dtype=k.dtype)[:, None, :, None]
        k = (k[:, :, :, None] * apart).flatten(3).flatten(1, 2).to(queries.dtype)
        scores = k @ queries.transpose(1, 2) if queries.shape[0] != 1 else functional.linear(k, queries[0])
        scores = scores.reshape(k.shape[0], self.num_heads, -1, queries.shape[1])
        return self._add(cells, scores, values)

    def forward(self, cells: Tensor, placed: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(N, P, C) cells without and with their positions; (N, T, C) tokens likewise -> as `shared`."""
        heads, head_dim = self.num_heads, self.head_dim
        k = self._heads(self.k_proj(keys) * self.scale)
        asked = k @ self.q_proj.weight.view(heads, head_dim, -1)
        bias = k @ self.q_proj.bias.view(heads, head_dim, 1)
        scores = asked.flatten(1, 2).to(cells.dtype) @ placed.transpose(1, 2)
        scores = scores.reshape(cells.shape[0], heads, -1, cells.shape[1]) + bias.to(cells.dtype)
        return self._add(cells, scores, values)

    def _add(self, cells: Tensor, scores: Tensor, values: Tensor) -> Tensor:
        heads, head_dim = self.num_heads, self.head_dim
        weights = scores.softmax(dim=2).flatten(1, 2).transpose(1, 2)
        answers = self._heads(self.v_proj(values)) @ self.out_proj.weight.t().reshape(heads, head_dim, -1)
        # Each head's weights sum to one: a share of the bias in every head's answers is the bias.
        answers = (answers + self.out_proj.bias / heads).flatten(1, 2)
        # One operation, for it needs no room for what is added.
        return torch.baddbmm(cells.expand(len(weights), -1, -1), weights, answers.to(cells.dtype))


class MlpBlock(nn.Module):
    """Two linear layers with ReLU between; keys `lin1`, `lin2`."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, hidden_dim)
        self.lin2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lin2(functional.relu(self.lin1(x)))
        return out


class TwoWayLayer(nn.Module):
    """Self-attention on tokens, tokens look at the image, MLP on tokens, the image looks at the tokens."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, heads = config.prompt_dim, config.transformer_heads
        self.self_attn = SelfAttention(dim, heads, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn_token_to_image = TokensToCells(dim, heads, dim // CROSS_DOWNSAMPLE)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MlpBlock(dim, config.transformer_mlp_dim)
        self.norm3 = nn.LayerNorm(dim)
        self.norm4 = CellNorm(dim)
        self.cross_attn_image_to_token = CellsToTokens(dim, heads, dim // CROSS_DOWNSAMPLE)

    def forward(self, tokens: Tensor, token_pe: Tensor, cells: Tensor, cell_pe: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, C) tokens, (N, P, C) cells, and the positions of both -> both, updated."""
        asking = tokens + token_pe
        tokens = self.norm1(tokens + self.self_attn(asking, tokens))
        placed = cells + cell_pe
        tokens = self.think(tokens, self.cross_attn_token_to_image(tokens + token_pe, cells, placed))
        cells = self.cross_attn_image_to_token(cells, placed, tokens + token_pe, tokens)
        return tokens, self.norm4(cells)

    def think(self, tokens: Tensor, seen: Tensor) -> Tensor:
        """(N, T, C) tokens, and what they have seen of the image -> tokens."""
        tokens = self.norm2(tokens + seen)
        thought: Tensor = self.norm3(tokens + self.mlp(tokens))
        return thought


class FirstLayer(TwoWayLayer):
    """The layer whose view of the image is prepared; its tokens are still nothing but their positions."""

    def kvq_weight(self) -> Tensor:
        """(3 * inner_dim, C): what this layer reads of the image: keys, values, and queries for the way back."""
        to_image, to_token = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        return torch.cat([to_image.k_proj.weight, to_image.v_proj.weight, to_token.q_proj.weight])

    def kvq_bias(self, cell_pe: Tensor) -> Tensor:
        """(P, 3 * inner_dim): biases, and the projected positions where the layer adds them."""
        to_image, to_token = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        values = to_image.v_proj.bias.expand(cell_pe.shape[0], -1)
        return torch.cat([to_image.k_proj(cell_pe), values, to_token.q_proj(cell_pe)], dim=-1)

    def begin(self, token_pe: Tensor, cells: Tensor, kvq: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, C) tokens; (N or 1, P, C) cells and their (N or 1, P, 3 * inner_dim) projections, positions included,
        1 where all prompts are about the same -> (N, T, C) tokens, (N, P, C) cells.
        """
        keys, values, queries = kvq.chunk(3, dim=-1)
        tokens = self.norm1(self.self_attn(token_pe, token_pe))
        tokens = self.think(tokens, self.cross_attn_token_to_image.shared(tokens + token_pe, keys, values))
        cells = self.cross_attn_image_to_token.shared(cells, queries, tokens + token_pe, tokens)
        return tokens, self.norm4(cells)


class TwoWayTransformer(nn.Module):
    """A stack of two-way layers and a last look of the tokens at the image."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.prompt_dim
        others = (TwoWayLayer(config) for _ in range(config.transformer_depth - 1))
        self.layers = nn.ModuleList([FirstLayer(config), *others])
        self.final_attn_token_to_image = TokensToCells(dim, config.transformer_heads, dim // CROSS_DOWNSAMPLE)
        self.norm_final_attn = nn.LayerNorm(dim)

    @property
    def first_layer(self) -> FirstLayer:
        """The layer whose projections of the image `MaskDecoder.prepare` makes."""
        return cast("FirstLayer", self.layers[0])

    def forward(
        self, tokens: Tensor, cells: Tensor, cell_pe: Tensor, kvq: Tensor, num_wanted: int
    ) -> tuple[Tensor, Tensor]:
        """Run all layers.

        Args:
            tokens: (N, T, C) output and prompt tokens; also re-added at every attention as their own position.
            cells: (N or 1, P, C) image cells, 1 where all prompts are about the same.
            cell_pe: (P, C) positional encoding of the cells.
            kvq: (N or 1, P, 3 * inner_dim) the first layer's image projections, positions included.
            num_wanted: how many tokens, from the first on, take the last look; the others are no longer needed.

        Returns:
            tokens (N, num_wanted, C) and image cells (N, P, C).
        """
        token_pe = tokens
        tokens, cells = self.first_layer.begin(token_pe, cells, kvq)
        for layer in self.layers[1:]:
            tokens, cells = layer(tokens, token_pe, cells, cell_pe)
        tokens, token_pe = tokens[:, :num_wanted], token_pe[:, :num_wanted]
        tokens = tokens + self.final_attn_token_to_image(tokens + token_pe, cells, cells + cell_pe)
        return self.norm_final_attn(tokens), cells
