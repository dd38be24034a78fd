"""The decoder arranged for one prompt about one prepared image: the arithmetic of the exported graphs.

`Sam.decode` writes out every image cell after every layer. Here no cell is ever written out. A layer changes a cell by
a weighted mean of a few value vectors, one per head and token, so all cells together are always

    cells = scale * X + shares.T @ rows

with X (P, C) the image as `prepare` knows it, `scale` one number per cell, and `rows` (m, C) the few vectors that this
prompt adds, `shares` (m, P) how much of each a cell takes. For a click of the official size m grows to 98, of C = 256.
Each step keeps that form:

- the mask prompt adds rows: its last convolution's weights; the shares are what that convolution would read;
- attention of the cells adds rows: the tokens' values, projected; the shares are the attention's weights. A head's
  weights sum to 1, so that its first token needs no row: the others' rows are differences from it;
- what every cell takes alike (first tokens, biases) is one more row;
- layer norm centres X and rows, multiplies both by its gain, divides scale and shares by the cell's deviation, and
  begins the next such row with its bias.

So X passes from norm to norm without the prompt, and whatever a layer reads of the cells is scale * (X @ W), which
`prepare` computes once per image up to the scale, plus shares.T @ (rows @ W), which is small. The deviation needs the
squared length of a cell: that of the image's part, that of the rows' part, and the dot product of both. Rows are known
vectors times coefficients of this prompt, so `prepare` also computes the known vectors' dot products with the image.

Cells lie along the last axis. For a click this is a third of `Sam.decode`'s multiplications, in another order: answers
agree to rounding. With many clicks m grows; from about twenty on `Sam.decode` would need fewer.

P = G*G cells, C channels, h heads of d channels, T tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import nn
from torch.nn import functional

from engine.model.constraints import constrained
from engine.model.mask_decoder import per_cell, rows_of_pixels

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.layers import LayerNorm2d, Mlp
    from engine.model.sam import Sam
    from engine.model.transformer import Attention, TwoWayLayer

__all__ = ["FoldedDecoder", "centred"]


class _Cells(NamedTuple):
    """All cells as a prompt sees them; the module's first lines say how.

    scale: (1, P), or None for 1. shares: (m, P). rows: (m, C).
    """

    scale: Tensor | None
    shares: Tensor
    rows: Tensor


class FoldedDecoder(nn.Module):
    """`Sam.prepare` and `Sam.decode` for one image and one prompt, with the model's own parameters."""

    def __init__(self, model: Sam) -> None:
        super().__init__()
        self.prompts, self.decoder = model.prompt_encoder, model.mask_decoder
        self.layers = cast("list[TwoWayLayer]", list(self.decoder.transformer.layers))
        self.final = self.decoder.transformer.final_attn_token_to_image
        self.heads, self.head_dim = self.final.num_heads, self.final.head_dim
        self.dim: int = model.config.prompt_dim
        self.num_cells: int = model.config.grid**2
        self.constrained: bool = model.config.constrained

    def prepare(self, embedding: Tensor) -> dict[str, Tensor]:
        """All that does not depend on a prompt.

        Args:
            embedding: (1, C, G, G).

        Returns:
            Tensors by name, for `decode`; i and j stand for layers, i also for "final".
            keys_i, values_i, queries_i (h, d, P): what attention reads of the image, positions aside.
            squares_i (1, P), dots_i_mask (., P), dots_i_values_j (h * d, P), dots_i_always_j (1, P): for norms.
            children (P, 4 * C'): the image's part of what each cell's four children get.
        """
        image = embedding.flatten(2)[0] + self.prompts.no_mask_embed.weight.t()
        # Vectors that coefficients of a prompt make rows of, (., C) each; "always" has the coefficient 1.
        known = {"mask": self._mask_rows(), "always_0": torch.zeros(1, image.shape[0])}
        features: dict[str, Tensor] = {}
        for index, layer in enumerate(self.layers):
            ask, answer = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
            features[f"keys_{index}"] = self._by_head(ask.k_proj.weight @ image)
            features[f"values_{index}"] = self._by_head(ask.v_proj.weight @ image)
            features[f"queries_{index}"] = self._by_head(answer.q_proj.weight @ image)
            known[f"values_{index}"] = answer.out_proj.weight.t()
            known[f"always_{index}"] = known[f"always_{index}"] + answer.out_proj.bias
            known = {name: centred(rows) for name, rows in known.items()}
            image = image - image.mean(dim=0, keepdim=True)
            features[f"squares_{index}"] = (image * image).sum(dim=0, keepdim=True)
            for name, rows in known.items():
                features[f"dots_{index}_{name}"] = rows @ image
            gain, bias = layer.norm4.weight, layer.norm4.bias
            image, known = image * gain[:, None], {name: rows * gain for name, rows in known.items()}
            known[f"always_{index + 1}"] = bias[None]
        features["keys_final"] = self._by_head(self.final.k_proj.weight @ image)
        features["values_final"] = self._by_head(self.final.v_proj.weight @ image)
        features["children"] = image.t() @ self.first_upscaling()[0]
        return features

    def decode(
        self, features: dict[str, Tensor], points: Tensor, labels: Tensor, mask: Tensor, has_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answer one prompt.

        Args:
            features: what `prepare` gave.
            points, labels: (1, N, 2) and (1, N), padding included.
            mask: (1, 1, 4G, 4G) logits. has_mask: (1,), 1 to use them, 0 not to.

        Returns:
            low_res logits (1, M, 4G, 4G) and predicted IoU (1, M), in the order [single, candidate 1, 2, 3].
        """
        decoder = self.decoder
        output_tokens = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        tokens = token_pe = torch.cat([output_tokens[None], self.prompts.point_tokens(points, labels)], dim=1)
        cells, offset = self._mask_prompt(mask, has_mask)
        hidden = cells.rows.shape[0] - 1
        values: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            answer = layer.cross_attn_image_to_token
            # The first layer's tokens are nothing but their positions.
            asking = tokens + token_pe if index else tokens
            seen = layer.self_attn(asking, tokens)
            tokens = layer.norm1(tokens + seen if index else seen)
            seen = self._look(layer.cross_attn_token_to_image, tokens + token_pe, cells, features, index)
            tokens = layer.norm2(tokens + seen)
            tokens = layer.norm3(tokens + layer.mlp(tokens))

            keys = self._tokens_by_head(answer.k_proj(tokens + token_pe))
            scores = self._scores(keys, answer.q_proj, cells, features, f"queries_{index}")
            values.append(self._tokens_by_head(answer.v_proj(tokens)))
            cells = self._add(cells, scores, values[-1], answer.out_proj)
            dots = [features[f"dots_{index}_mask"][:hidden]]
            for earlier, value in enumerate(values):
                alike, others = self._by_token(value, features[f"dots_{index}_values_{earlier}"])
                alike = alike + features[f"dots_{index}_always_{earlier}"]
                if not earlier:
                    alike = alike + offset * features[f"dots_{index}_mask"][-1:]
                dots = [alike, *dots, others]
            cells = _normed(cells, features[f"squares_{index}"], torch.cat(dots), layer.norm4)

        tokens, token_pe = tokens[:, : 1 + decoder.num_mask_tokens], token_pe[:, : 1 + decoder.num_mask_tokens]
        tokens = decoder.transformer.norm_final_attn(
            tokens + self._look(self.final, tokens + token_pe, cells, features, "final")
        )
        low_res = self._draw(tokens[0, 1:], cells, features["children"])
        if self.constrained:
            low_res = constrained(low_res, points, labels, mask, has_mask)
        return low_res, decoder.iou_prediction_head(tokens[:, 0])

    def _mask_prompt(self, mask: Tensor, has_mask: Tensor) -> tuple[_Cells, Tensor]:
        """The cells before the first layer, and 1 or 0: how much of the mask prompt's offset they take."""
        # Without a mask prompt this is done for none, not for one that is then multiplied by 0.
        hidden = self.prompts.mask_downscaling[:-1](mask[: has_mask[0].to(torch.int64)])
        hidden = hidden.reshape(hidden.shape[0] * hidden.shape[1], self.num_cells)
        known = self._mask_rows()
        rows = torch.cat([has_mask[:, None] * known[-1:], known[: hidden.shape[0]]])
        return _Cells(None, torch.cat([torch.ones(1, self.num_cells), hidden]), rows), has_mask[:, None]

    def _mask_rows(self) -> Tensor:
        """(channels + 1, C): weights of the mask prompt's last convolution, and its offset."""
        projection = cast("nn.Conv2d", self.prompts.mask_downscaling[-1])
        offset = cast("Tensor", projection.bias) - self.prompts.no_mask_embed.weight[0]
        return torch.cat([projection.weight.flatten(1).t(), offset[None]])

    def _add(self, cells: _Cells, scores: Tensor, values: Tensor, projection: nn.Linear) -> _Cells:
        """What the cells are told by attention with (h, T, P) scores and (h, T, d) values."""
        # Softmax over the middle axis, step by step: runtimes would turn the array round and back.
        shares = torch.exp(scores - scores.amax(dim=1, keepdim=True))
        shares = shares[:, 1:] / shares.sum(dim=1, keepdim=True)
        alike, others = self._by_token(values, projection.weight.t())
        return _Cells(
            cells.scale,
            torch.cat([cells.shares, shares.reshape(-1, self.num_cells)]),
            torch.cat([cells.rows[:1] + alike + projection.bias, cells.rows[1:], others]),
        )

    def _by_token(self, values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """(h, T, d) values times (h * d, .): the first tokens' sum (1, .), the others' differences (h * (T - 1), .)."""
        first = values[:, :1]
        others = (values[:, 1:] - first) @ self._by_head(known)
        return first.reshape(1, -1) @ known, others.reshape(-1, known.shape[-1])

    def _look(
        self, attention: Attention, asking: Tensor, cells: _Cells, features: dict[str, Tensor], index: int | str
    ) -> Tensor:
        """(1, T, C) tokens ask the cells -> (1, T, C)."""
        queries = self._tokens_by_head(attention.q_proj(asking))
        weights = self._scores(queries, attention.k_proj, cells, features, f"keys_{index}").softmax(dim=-1)
        scaled = weights if cells.scale is None else weights * cells.scale
        seen = scaled @ features[f"values_{index}"].transpose(1, 2)
        rows = (weights.flatten(0, 1) @ cells.shares.t()) @ cells.rows
        seen = seen + rows.reshape(self.heads, -1, rows.shape[-1]) @ self._by_head(attention.v_proj.weight).transpose(
            1, 2
        )
        merged: Tensor = attention.out_proj(seen.transpose(0, 1).flatten(1) + attention.v_proj.bias)
        return merged[None]

    def _scores(
        self, of_tokens: Tensor, projection: nn.Linear, cells: _Cells, features: dict[str, Tensor], name: str
    ) -> Tensor:
        """(h, T, d) times the cells as `projection` sees them -> (h, T, P), scaled for a softmax."""
        of_tokens = of_tokens * self.head_dim**-0.5
        scores = of_tokens @ features[name]
        if cells.scale is not None:
            scores = scores * cells.scale
        # Weights alone make this: a runtime computes it once, when it loads the graph.
        place = self._by_head(projection.weight @ self.prompts.dense_pe().t() + projection.bias[:, None])
        absorbed = (of_tokens @ self._by_head(projection.weight)).reshape(-1, self.dim)
        rows = ((absorbed @ cells.rows.t()) @ cells.shares).reshape(self.heads, -1, self.num_cells)
        return scores + of_tokens @ place + rows

    def _draw(self, tokens: Tensor, cells: _Cells, children: Tensor) -> Tensor:
        """(M, C) mask tokens, and what `prepare` knows of each cell's children -> logits (1, M, 4G, 4G)."""
        decoder = self.decoder
        norm, second = (
            cast("LayerNorm2d", decoder.output_upscaling[1]),
            cast("nn.ConvTranspose2d", decoder.output_upscaling[3]),
        )
        weight, bias = self.first_upscaling()
        rows = cells.rows @ weight
        rows = torch.cat([rows[:1] + bias, rows[1:]])
        x = torch.addmm(cast("Tensor", cells.scale).t() * children, cells.shares.t(), rows)
        x = x.reshape(-1, norm.weight.shape[0])
        # Centred already, by its weights. Written out because runtimes know this form and are many times as fast at it.
        x = x / torch.sqrt((x**2).mean(dim=-1, keepdim=True) + norm.eps) * norm.weight
        x = functional.gelu(x + norm.bias)
        x = functional.gelu(x @ per_cell(second.weight) + torch.cat([cast("Tensor", second.bias)] * 4))
        masks = self._kernels(tokens) @ x.reshape(-1, second.out_channels).t()
        return rows_of_pixels(masks, decoder.grid, decoder.grid)[None]

    def _kernels(self, tokens: Tensor) -> Tensor:
        """(M, C) mask tokens, each through its own little network, all at once -> (M, C')."""
        networks = [cast("Mlp", mlp).layers for mlp in self.decoder.output_hypernetworks_mlps]
        x = tokens[:, None]
        for depth, layers in enumerate(zip(*networks, strict=True)):
            linears = [cast("nn.Linear", layer) for layer in layers]
            weight = torch.stack([linear.weight.t() for linear in linears])
            bias = torch.stack([linear.bias for linear in linears])[:, None]
            x = x @ weight + bias
            if depth + 1 < len(networks[0]):
                x = functional.relu(x)
        return x[:, 0]

    def first_upscaling(self) -> tuple[Tensor, Tensor]:
        """(C, 4 * C') and (1, 4 * C'): from a cell to its four children, each centred over its channels."""
        layer = cast("nn.ConvTranspose2d", self.decoder.output_upscaling[0])
        weight = per_cell(layer.weight).reshape(-1, 4, layer.out_channels)
        bias = cast("Tensor", layer.bias)
        return centred(weight).flatten(1), torch.cat([centred(bias)] * 4)[None]

    def _by_head(self, x: Tensor) -> Tensor:
        """(h * d, .) -> (h, d, .)."""
        return x.reshape(self.heads, self.head_dim, -1)

    def _tokens_by_head(self, x: Tensor) -> Tensor:
        """(1, T, h * d) -> (h, T, d)."""
        return x.reshape(-1, self.heads, self.head_dim).transpose(0, 1)


def _normed(cells: _Cells, squares: Tensor, dots: Tensor, norm: nn.LayerNorm) -> _Cells:
    """Layer norm.

    Args:
        cells: to be normalised.
        squares: (1, P) squared lengths of the image's part, centred, at scale 1.
        dots: (m, P) its dot products with the centred rows, at scale 1.
        norm: whose gain and bias to use.
    """
    rows, scale = centred(cells.rows), cells.scale
    around = (rows @ rows.t()) @ cells.shares + (2 * dots if scale is None else dots * (2 * scale))
    total = (cells.shares * around).sum(dim=0, keepdim=True) + (squares if scale is None else squares * scale * scale)
    # Rounding may leave a sum of squares a little below nothing.
    deviation = torch.sqrt(functional.relu(total) / rows.shape[-1] + norm.eps)
    rows = rows * norm.weight
    return _Cells(
        (1 if scale is None else scale) / deviation,
        torch.cat([torch.ones_like(deviation), cells.shares / deviation]),
        torch.cat([norm.bias[None], rows]),
    )


def centred(x: Tensor) -> Tensor:
    """`x` (..., C) less its mean over the channels."""
    return x - x.mean(dim=-1, keepdim=True)
