"""The released SAM image encoder: a plain ViT with windowed and global attention and a convolutional neck.

Follows Li et al. 2022 (ViTDet) as used in the SAM paper, appendix A, with the released state-dict keys. Input is the
preprocessed (B, 3, S, S) square, output the (B, C, G, G) embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from engine.model.layers import LayerNorm2d

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.config import ViTConfig

__all__ = ["ViTEncoder"]


class ViTEncoder(nn.Module):
    """Args: encoder sizes, S, the patch size, and C, the channels of the embedding."""

    def __init__(self, config: ViTConfig, image_size: int, patch_size: int, out_dim: int) -> None:
        super().__init__()
        grid = image_size // patch_size
        self.patch_embed = PatchEmbed(config.embed_dim, patch_size)
        self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, config.embed_dim))
        self.blocks = nn.ModuleList(
            Block(config, grid, 0 if index in config.global_attn_indexes else config.window_size)
            for index in range(config.depth)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(config.embed_dim, out_dim, kernel_size=1, bias=False),
            LayerNorm2d(out_dim),
            nn.Conv2d(out_dim, out_dim, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(out_dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        features: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return features.contiguous()


class PatchEmbed(nn.Module):
    """(B, 3, S, S) -> (B, G, G, D)."""

    def __init__(self, embed_dim: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x: Tensor) -> Tensor:
        patches: Tensor = self.proj(x)
        return patches.permute(0, 2, 3, 1)


class Block(nn.Module):
    """Pre-norm transformer block on (B, G, G, D); `window_size` 0 means global attention."""

    def __init__(self, config: ViTConfig, grid: int, window_size: int) -> None:
        super().__init__()
        self.window_size = window_size
        self.norm1 = nn.LayerNorm(config.embed_dim, eps=1e-6)
        self.attn = Attention(config.embed_dim, config.num_heads, window_size or grid)
        self.norm2 = nn.LayerNorm(config.embed_dim, eps=1e-6)
        self.mlp = MlpBlock(config.embed_dim, int(config.embed_dim * config.mlp_ratio))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        if self.window_size:
            height, width = x.shape[1:3]
            windows, padded = partition_windows(normed, self.window_size)
            attended = merge_windows(self.attn(windows), self.window_size, padded)[:, :height, :width]
        else:
            attended = self.attn(normed)
        x = x + attended
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class MlpBlock(nn.Module):
    """The block's two linear layers with GELU between; keys `lin1`, `lin2`."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, hidden_dim)
        self.lin2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lin2(functional.gelu(self.lin1(x)))
        return out


class Attention(nn.Module):
    """Self-attention over a square of `side` x `side` tokens with decomposed relative positions."""

    def __init__(self, dim: int, num_heads: int, side: int) -> None:
        super().__init__()
        head_dim = dim // num_heads
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, head_dim))

    def forward(self, x: Tensor) -> Tensor:
        batch, side, _, dim = x.shape
        qkv = self.qkv(x).reshape(batch, side * side, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        # The bias joins the logits inside the fused kernel; only it, not the attention matrix, is ever held.
        bias = self._relative_position_bias(q, side)
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        merged: Tensor = self.proj(out.transpose(1, 2).reshape(batch, side, side, dim))
        return merged

    def _relative_position_bias(self, q: Tensor, side: int) -> Tensor:
        """(B, heads, side*side, side*side): q . R_h + q . R_w, for unscaled q (MViTv2, section 4)."""
        offsets = torch.arange(side, device=q.device)
        index = offsets[:, None] - offsets[None, :] + side - 1
        grid_q = q.reshape(*q.shape[:2], side, side, -1)
        rel_h = torch.einsum("bnhwc,hkc->bnhwk", grid_q, self.rel_pos_h[index])
        rel_w = torch.einsum("bnhwc,wkc->bnhwk", grid_q, self.rel_pos_w[index])
        bias: Tensor = rel_h[..., :, None] + rel_w[..., None, :]
        return bias.reshape(*q.shape[:3], side * side)


def partition_windows(x: Tensor, window: int) -> tuple[Tensor, tuple[int, int]]:
    """(B, H, W, D) -> (B * windows, window, window, D) after zero padding on the right and at the bottom.

    Returns the windows and the padded (H, W). As released, padding takes part in attention.
    """
    batch, height, width, dim = x.shape
    x = functional.pad(x, (0, 0, 0, -width % window, 0, -height % window))
    padded = (x.shape[1], x.shape[2])
    x = x.reshape(batch, padded[0] // window, window, padded[1] // window, window, dim)
    return x.transpose(2, 3).reshape(-1, window, window, dim), padded


def merge_windows(windows: Tensor, window: int, padded: tuple[int, int]) -> Tensor:
    """Inverse of `partition_windows`, padding still there."""
    rows, columns = padded[0] // window, padded[1] // window
    x = windows.reshape(-1, rows, columns, window, window, windows.shape[-1])
    return x.transpose(2, 3).reshape(-1, *padded, windows.shape[-1])
