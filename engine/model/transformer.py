"""The two-way transformer between prompt tokens and image cells (SAM paper, appendix A), released state-dict keys.

The arithmetic is the released one, arranged so that work is done once where it can be:
each layer projects the image cells with one matrix product (keys, values and queries side by side, "kvq"), positional
encodings are projected once and added as a bias, and all that the first layer needs of the image is prepared per image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.config import ModelConfig

__all__ = ["TwoWayLayer", "TwoWayTransformer"]

CROSS_DOWNSAMPLE = 2  # cross-attention works on half the channels


class Attention(nn.Module):
    """Projections of one attention; `inner_dim` is the channel count inside."""

    def __init__(self, dim: int, num_heads: int, inner_dim: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = inner_dim // num_heads
        self.q_proj = nn.Linear(dim, inner_dim)
        self.k_proj = nn.Linear(dim, inner_dim)
        self.v_proj = nn.Linear(dim, inner_dim)
        self.out_proj = nn.Linear(inner_dim, dim)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self.attend(self.q_proj(q), self.k_proj(k), self.v_proj(v))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention over already projected (N, L, inner_dim) queries, keys and values -> (N, L, dim)."""
        heads, head_dim = self.num_heads, self.head_dim
        q, k, v = (x.reshape(x.shape[0], -1, heads, head_dim).transpose(1, 2) for x in (q, k, v))
        out = functional.scaled_dot_product_attention(q, k, v, scale=head_dim**-0.5)
        merged: Tensor = self.out_proj(out.transpose(1, 2).flatten(2))
        return merged

    def attend_to_few(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As `attend`, for many queries and a handful of keys (the image's cells asking the tokens).

        The queries lie along the last axis, so that the softmax over so few keys still runs on long vectors: two and a
        half times as fast on a CPU as the fused kernel, which is made for the opposite case.
        """
        heads, head_dim = self.num_heads, self.head_dim
        columns = q.transpose(1, 2).reshape(q.shape[0], heads, head_dim, -1)
        k, v = (x.reshape(x.shape[0], -1, heads, head_dim).transpose(1, 2) for x in (k, v))
        weights = ((k * head_dim**-0.5) @ columns).softmax(dim=2)
        out = (v.transpose(2, 3) @ weights).flatten(1, 2)
        merged: Tensor = self.out_proj(out.transpose(1, 2))
        return merged


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

    def __init__(self, config: ModelConfig, *, first: bool) -> None:
        super().__init__()
        dim, heads = config.prompt_dim, config.transformer_heads
        self.inner_dim = dim // CROSS_DOWNSAMPLE
        self.first = first
        self.self_attn = Attention(dim, heads, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn_token_to_image = Attention(dim, heads, self.inner_dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MlpBlock(dim, config.transformer_mlp_dim)
        self.norm3 = nn.LayerNorm(dim)
        self.norm4 = nn.LayerNorm(dim)
        self.cross_attn_image_to_token = Attention(dim, heads, self.inner_dim)

    def kvq_weight(self) -> Tensor:
        """(3 * inner_dim, C): what this layer reads of the image: keys, values, and queries for the way back."""
        to_image, to_token = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        return torch.cat([to_image.k_proj.weight, to_image.v_proj.weight, to_token.q_proj.weight])

    def kvq_bias(self, image_pe: Tensor) -> Tensor:
        """(G*G, 3 * inner_dim): biases, and the projected positional encoding where the layer adds it."""
        to_image, to_token = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        values = to_image.v_proj.bias.expand(image_pe.shape[0], -1)
        return torch.cat([to_image.k_proj(image_pe), values, to_token.q_proj(image_pe)], dim=-1)

    def forward(self, tokens: Tensor, token_pe: Tensor, image: Tensor, kvq: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, C) tokens, (N, G*G, C) image cells and their (N, G*G, 3 * inner_dim) projections -> both, updated."""
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attn(q, q, tokens)
        tokens = self.norm1(tokens)

        image_k, image_v, image_q = kvq.chunk(3, dim=-1)
        to_image, to_token = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        tokens = self.norm2(tokens + to_image.attend(to_image.q_proj(tokens + token_pe), image_k, image_v))
        tokens = self.norm3(tokens + self.mlp(tokens))

        update = to_token.attend_to_few(image_q, to_token.k_proj(tokens + token_pe), to_token.v_proj(tokens))
        return tokens, self.norm4(image + update)


class TwoWayTransformer(nn.Module):
    """A stack of two-way layers and a last look of the tokens at the image."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.prompt_dim
        self.layers = nn.ModuleList(TwoWayLayer(config, first=i == 0) for i in range(config.transformer_depth))
        self.final_attn_token_to_image = Attention(dim, config.transformer_heads, dim // CROSS_DOWNSAMPLE)
        self.norm_final_attn = nn.LayerNorm(dim)

    def two_way_layers(self) -> list[TwoWayLayer]:
        """The layers, typed."""
        return [cast("TwoWayLayer", layer) for layer in self.layers]

    def final_kv_weight(self) -> Tensor:
        """(2 * inner_dim, C): keys and values of the last attention."""
        final = self.final_attn_token_to_image
        return torch.cat([final.k_proj.weight, final.v_proj.weight])

    def final_kv_bias(self, image_pe: Tensor) -> Tensor:
        """(G*G, 2 * inner_dim): as `TwoWayLayer.kvq_bias`."""
        final = self.final_attn_token_to_image
        return torch.cat([final.k_proj(image_pe), final.v_proj.bias.expand(image_pe.shape[0], -1)], dim=-1)

    def forward(self, tokens: Tensor, image: Tensor, kvq: Tensor, biases: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Run all layers.

        Args:
            tokens: (N, T, C) output and prompt tokens; also re-added at every attention as their own position.
            image: (N, G*G, C) image cells.
            kvq: (N, G*G, 3 * inner_dim) the first layer's image projections, positions included.
            biases: `kvq_bias` of the layers after the first, then `final_kv_bias`.

        Returns:
            tokens (N, T, C) and image cells (N, G*G, C).
        """
        token_pe = tokens
        for index, layer in enumerate(self.two_way_layers()):
            if index:
                kvq = functional.linear(image, layer.kvq_weight()) + biases[index - 1]
            tokens, image = layer(tokens, token_pe, image, kvq)
        key, value = (functional.linear(image, self.final_kv_weight()) + biases[-1]).chunk(2, dim=-1)
        final = self.final_attn_token_to_image
        tokens = tokens + final.attend(final.q_proj(tokens + token_pe), key, value)
        return self.norm_final_attn(tokens), image
