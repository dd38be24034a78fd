"""The released SAM image encoder: a plain ViT with windowed and global attention and a convolutional neck.

Follows Li et al. 2022 (ViTDet) as used in the SAM paper, appendix A, with the released state-dict keys. Input is the
preprocessed (B, 3, S, S) square, output the (B, C, G, G) embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn import functional

from engine.model.layers import LayerNorm2d

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.config import ViTConfig

__all__ = ["ViTEncoder"]

CPU_ROWS = 256  # queries of one head whose logits to 4096 keys fit the caches; a window's 196 stay together


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

    @property
    def num_blocks(self) -> int:
        """Transformer blocks, of which training may leave some out."""
        return len(self.blocks)

    def forward(self, x: Tensor, kept: Tensor | None = None) -> Tensor:
        """Embed images; `kept` (B, num_blocks): by how much each image's blocks count beside their shortcuts."""
        x = self.patch_embed(x) + self.pos_embed
        shares = [None] * self.num_blocks if kept is None else kept[:, :, None, None, None].unbind(1)
        for block, share in zip(self.blocks, shares, strict=True):
            x = block(x, share)
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
        self.norm1 = nn.LayerNorm(config.embed_dim, eps=1e-6)
        self.attn = Attention(config.embed_dim, config.num_heads, grid, window_size)
        self.norm2 = nn.LayerNorm(config.embed_dim, eps=1e-6)
        self.mlp = MlpBlock(config.embed_dim, int(config.embed_dim * config.mlp_ratio))

    def forward(self, x: Tensor, share: Tensor | None = None) -> Tensor:
        """`share` (B, 1, 1, 1): by how much the block counts beside its shortcuts."""
        if share is None:
            x = x + self.attn(self.norm1(x))
            return x + cast("Tensor", self.mlp(self.norm2(x)))
        x = x + share * self.attn(self.norm1(x))
        return x + share * cast("Tensor", self.mlp(self.norm2(x)))


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
    """Self-attention with decomposed relative positions, over the whole grid or within windows of it."""

    def __init__(self, dim: int, num_heads: int, grid: int, window_size: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.window_size = window_size
        self.side = window_size or grid
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * self.side - 1, dim // num_heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * self.side - 1, dim // num_heads))

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, D) -> (B, H, W, D)."""
        height, width, dim = x.shape[1:]
        qkv = self.qkv(x)
        if self.window_size:
            qkv, padded = partition_windows(qkv, self.window_size, self.qkv.bias)
        q, k, v = qkv.reshape(qkv.shape[0], self.side**2, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        out = self._attend(q, k, v).transpose(1, 2).reshape(-1, self.side, self.side, dim)
        if self.window_size:
            out = merge_windows(out, self.window_size, padded)[:, :height, :width].contiguous()
        merged: Tensor = self.proj(out)
        return merged

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, heads, side*side, d) each -> the same. To the logits comes q . R_h + q . R_w, for unscaled q (MViTv2)."""
        side, cells = self.side, self.side**2
        offsets = torch.arange(side, device=q.device)
        index = offsets[:, None] - offsets[None, :] + side - 1
        grid_q = q.reshape(*q.shape[:2], side, side, -1)
        rows = torch.einsum("bnhwc,hkc->bnhwk", grid_q, self.rel_pos_h[index]).reshape(*q.shape[:3], side)
        columns = torch.einsum("bnhwc,wkc->bnhwk", grid_q, self.rel_pos_w[index]).reshape(*q.shape[:3], side)
        if q.device.type == "cpu" and cells > CPU_ROWS:
            return _attend_in_parts(q, k, v, rows, columns)
        if q.device.type != "cpu" and q.dtype != torch.float32:
            return attend_folded(q, k, v, rows, columns)
        return attend_biased(q, k, v, rows, columns)


def attend_biased(q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Attention of (B, heads, L, d) with what `rows` and `columns` (B, heads, L, side) add to the logits.

    What a row and a column of keys add is written out for each key by a product with zeros and ones: adding two
    broadcast views of so short rows takes several times as long.
    """
    side = rows.shape[3]
    ones = torch.eye(side, dtype=q.dtype, device=q.device)
    places = torch.cat([ones[:, :, None].expand(-1, -1, side), ones[:, None].expand(-1, side, -1)])
    bias = torch.cat([rows, columns], dim=-1) @ places.reshape(2 * side, side**2).to(rows.dtype)
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)


def _attend_in_parts(q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Attention of (B, heads, L, d) with what `rows` and `columns` (B, heads, L, side) add to the logits.

    A few hundred queries of one head at a time, so that their logits stay in the processor's cache: written out for
    all of them they are hundreds of megabytes, several times over.
    """
    side = rows.shape[3]
    by_head = zip(*(x.flatten(0, 1).unbind() for x in (q * q.shape[3] ** -0.5, k, v, rows, columns)), strict=True)
    heads = []
    for queries, keys, values, row, column in by_head:
        parts = zip(*(x.split(CPU_ROWS) for x in (queries, row, column)), strict=True)
        answers = []
        for part, by_row, by_column in parts:
            logits = part @ keys.t()
            grid = logits.view(-1, side, side)
            grid += by_row[:, :, None]
            grid += by_column[:, None]
            answers.append(logits.softmax(dim=-1) @ values)
        heads.append(torch.cat(answers))
    return torch.stack(heads).view_as(q)


def attend_folded(q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The same as one attention without a bias: what is added to the logits becomes channels of queries and keys.

    A query brings what each row and each column of keys adds, a key says with ones which row and column are its own.
    So the kernels can be used that never write logits to memory; they know no bias, and want all three to be of one
    width, a multiple of eight.
    """
    side, head_dim = rows.shape[3], q.shape[3]
    ones = torch.eye(side, dtype=q.dtype, device=q.device)
    places = torch.cat([ones[:, None].expand(-1, side, -1), ones.expand(side, -1, -1)], dim=-1).flatten(0, 1)
    fill = -(head_dim + 2 * side) % 8
    places = functional.pad(places, (0, fill)).expand(*k.shape[:2], -1, -1)
    queries = torch.cat([q * head_dim**-0.5, functional.pad(torch.cat([rows, columns], dim=-1), (0, fill))], dim=-1)
    keys = torch.cat([k, places], dim=-1)
    values = functional.pad(v, (0, 2 * side + fill))
    return functional.scaled_dot_product_attention(queries, keys, values, scale=1.0)[..., :head_dim]


def partition_windows(x: Tensor, window: int, padding: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """(B, H, W, D) -> (B * windows, window, window, D), filled up with `padding` (D,) on the right and at the bottom.

    Returns the windows and the filled-up (H, W). As released, padding takes part in attention: as zeros before the
    projections, so as their bias behind them.
    """
    batch, height, width, dim = x.shape
    padded = (height + -height % window, width + -width % window)
    if padded != (height, width):
        filled = padding.to(x.dtype).expand(batch, *padded, dim).clone()
        filled[:, :height, :width] = x
        x = filled
    x = x.reshape(batch, padded[0] // window, window, padded[1] // window, window, dim)
    return x.transpose(2, 3).reshape(-1, window, window, dim), padded


def merge_windows(windows: Tensor, window: int, padded: tuple[int, int]) -> Tensor:
    """Inverse of `partition_windows`, padding still there."""
    rows, columns = padded[0] // window, padded[1] // window
    x = windows.reshape(-1, rows, columns, window, window, windows.shape[-1])
    return x.transpose(2, 3).reshape(-1, *padded, windows.shape[-1])
