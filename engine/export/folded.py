"""The decoder arranged for one prompt about one prepared image: the arithmetic of the exported graphs.

`Sam.decode` writes out every image cell after every layer. Here no cell is ever written out. A layer changes a cell by
a weighted mean of a few value vectors, at most heads * tokens of them, so all cells together are always

    cells = scale * (X @ basis) + shares.T @ rows

with X (P, C) the image as `prepare` knows it, `basis` (C, C) made of weights alone, `scale` one number per cell, and
`rows` (m, C) the few vectors that this prompt adds, `shares` (m, P) how much of each a cell takes. For a click of the
official size m grows to 114, of C = 256. Each step keeps that form:

- the mask prompt adds rows: its last convolution's weights; the shares are what that convolution would read;
- attention of the cells adds rows: the tokens' values, projected; the shares are the attention's weights;
- layer norm centres basis and rows, multiplies both by its gain, divides scale and shares by the cell's deviation, and
  adds its bias as one more row, of which every cell takes one.

So whatever a layer reads of the cells is scale * (X @ basis @ W), which `prepare` computes once per image up to the
scale, plus shares.T @ (rows @ W), which is small. The deviation needs the squared length of a cell: that of the image's
part, that of the rows' part, and the dot product of both. Rows are known vectors times coefficients of this prompt, so
`prepare` also computes the known vectors' dot products with the image.

Cells lie along the last axis. For a click this is a third of `Sam.decode`'s multiplications, in another order: answers
agree to rounding. With many clicks m grows; from about twenty on `Sam.decode` would need fewer.

P = G*G cells, C channels, h heads of d channels, T tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.layers import LayerNorm2d
    from engine.model.sam import Sam
    from engine.model.transformer import Attention, TwoWayLayer

__all__ = ["FoldedDecoder"]


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

    def prepare(self, embedding: Tensor) -> dict[str, Tensor]:
        """All that does not depend on a prompt.

        Args:
            embedding: (1, C, G, G).

        Returns:
            Tensors by name, for `decode`; i and j stand for layers, i also for "final".
            keys_i, values_i, queries_i (h, d, P): what attention reads of the image.
            keys_i_positions, queries_i_positions (h, d, P): the positions' share; keys_0 and queries_0 hold it already.
            squares_i (1, P), dots_i_mask (1, ., P), dots_i_values_j (h, d + 1, P), dots_i_bias_j (1, 1, P): for norms.
            children (P, 4 * C'): the image's part of what each cell's four children get.
        """
        image = embedding.flatten(2)[0] + self.prompts.no_mask_embed.weight.t()
        positions = self.prompts.dense_pe().t()
        basis = torch.eye(image.shape[0])
        known = {"mask": self._mask_rows()}  # what coefficients make rows of, (h or 1, number of coefficients, C)
        features: dict[str, Tensor] = {}

        def read(name: str, projection: nn.Linear, *, placed: bool) -> None:
            seen = (projection.weight @ basis.t()) @ image
            if placed:
                place = projection.weight @ positions + projection.bias[:, None]
                if name.endswith("_0"):  # cells are not scaled yet
                    seen = seen + place
                else:
                    features[f"{name}_positions"] = self._by_head(place)
            features[name] = self._by_head(seen)

        for index, layer in enumerate(self.layers):
            ask, answer = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
            read(f"keys_{index}", ask.k_proj, placed=True)
            read(f"values_{index}", ask.v_proj, placed=False)
            read(f"queries_{index}", answer.q_proj, placed=True)
            known[f"values_{index}"] = self._value_rows(answer)
            basis, known = _centred(basis), {name: _centred(rows) for name, rows in known.items()}
            centred = basis.t() @ image if index else image - image.mean(dim=0, keepdim=True)
            features[f"squares_{index}"] = (centred * centred).sum(dim=0, keepdim=True)
            for name, rows in known.items():
                features[f"dots_{index}_{name}"] = (rows @ basis.t()) @ image
            gain, bias = layer.norm4.weight, layer.norm4.bias
            basis, known = basis * gain, {name: rows * gain for name, rows in known.items()}
            known[f"bias_{index}"] = bias[None, None]
        read("keys_final", self.final.k_proj, placed=True)
        read("values_final", self.final.v_proj, placed=False)
        features["children"] = image.t() @ (basis @ self._first_upscaling()[0])
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
        cells, coefficients = self._mask_prompt(mask, has_mask)
        for index, layer in enumerate(self.layers):
            answer = layer.cross_attn_image_to_token
            # The first layer's tokens are nothing but their positions.
            asking = tokens + token_pe if index else tokens
            seen = layer.self_attn(asking, asking, tokens)
            tokens = layer.norm1(tokens + seen if index else seen)
            tokens = layer.norm2(
                tokens + self._look(layer.cross_attn_token_to_image, tokens + token_pe, cells, features, index)
            )
            tokens = layer.norm3(tokens + layer.mlp(tokens))

            keys = self._tokens_by_head(answer.k_proj(tokens + token_pe))
            shares = _softmax_of_few(self._scores(keys, answer.q_proj, cells, features, f"queries_{index}"))
            # One more coefficient, always 1, for the attention's bias.
            values = functional.pad(self._tokens_by_head(answer.v_proj(tokens)), (0, 1), value=1.0)
            coefficients[f"values_{index}"] = values
            cells = _Cells(
                cells.scale,
                torch.cat([cells.shares, shares.flatten(0, 1)]),
                torch.cat([cells.rows, (values @ self._value_rows(answer)).flatten(0, 1)]),
            )
            dots = [(of @ features[f"dots_{index}_{name}"]).flatten(0, 1) for name, of in coefficients.items()]
            cells = _normed(cells, features[f"squares_{index}"], torch.cat(dots), layer.norm4)
            coefficients[f"bias_{index}"] = torch.ones(1, 1, 1)

        tokens, token_pe = tokens[:, : 1 + decoder.num_mask_tokens], token_pe[:, : 1 + decoder.num_mask_tokens]
        tokens = decoder.transformer.norm_final_attn(
            tokens + self._look(self.final, tokens + token_pe, cells, features, "final")
        )
        return self._draw(tokens[0, 1:], cells, features["children"]), decoder.iou_prediction_head(tokens[:, 0])

    def _mask_prompt(self, mask: Tensor, has_mask: Tensor) -> tuple[_Cells, dict[str, Tensor]]:
        """The cells before the first layer: rows of the mask prompt, if there is one; and the rows' coefficients."""
        hidden = self.prompts.mask_prompt(mask).hidden[0].t()
        known = self._mask_rows()[0]
        count = has_mask[0].to(torch.int64) * known.shape[0]
        shares = torch.cat([hidden, torch.ones_like(hidden[:1])])
        cells = _Cells(None, shares[:count], known[:count])
        return cells, {"mask": torch.eye(known.shape[0])[:count][None]}

    def _mask_rows(self) -> Tensor:
        """(1, channels + 1, C): weights and offset of the mask prompt's last convolution."""
        projection = cast("nn.Conv2d", self.prompts.mask_downscaling[-1])
        offset = cast("Tensor", projection.bias) - self.prompts.no_mask_embed.weight[0]
        return torch.cat([projection.weight.flatten(1).t(), offset[None]])[None]

    def _value_rows(self, attention: Attention) -> Tensor:
        """(h, d + 1, C): output weights and bias. The weights of each head's values sum to 1: each brings its share."""
        projection = attention.out_proj
        weights = projection.weight.t().reshape(self.heads, self.head_dim, -1)
        bias = (projection.bias / self.heads).expand(self.heads, 1, -1)
        return torch.cat([weights, bias], dim=1)

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
            scores = scores * cells.scale + of_tokens @ features[f"{name}_positions"]
        absorbed = (of_tokens @ self._by_head(projection.weight)).flatten(0, 1)
        return scores + ((absorbed @ cells.rows.t()) @ cells.shares).reshape(scores.shape)

    def _draw(self, tokens: Tensor, cells: _Cells, children: Tensor) -> Tensor:
        """(M, C) mask tokens, and what `prepare` knows of each cell's children -> logits (1, M, 4G, 4G)."""
        decoder = self.decoder
        grid, count = decoder.grid, decoder.num_mask_tokens
        norm, second = (
            cast("LayerNorm2d", decoder.output_upscaling[1]),
            cast("nn.ConvTranspose2d", decoder.output_upscaling[3]),
        )
        weight, bias = self._first_upscaling()
        # The last row is the last norm's bias, of which every cell takes one: the place for another.
        rows = torch.cat([cells.rows[:-1] @ weight, cells.rows[-1:] @ weight + bias])
        x = torch.addmm(cast("Tensor", cells.scale).t() * children, cells.shares.t(), rows)
        x = x.reshape(-1, norm.weight.shape[0])
        # Centred already, by its weights. Written out because runtimes know this form and are many times as fast at it.
        x = x / torch.sqrt((x**2).mean(dim=-1, keepdim=True) + norm.eps) * norm.weight
        x = functional.gelu(x + norm.bias)
        x = functional.gelu(x @ _per_cell(second.weight) + torch.cat([cast("Tensor", second.bias)] * 4))
        mlps = decoder.output_hypernetworks_mlps
        kernels = torch.cat([mlp(tokens[index : index + 1]) for index, mlp in enumerate(mlps)])
        masks = kernels @ x.reshape(-1, second.out_channels).t()
        # (rows of cells, columns of cells, y and x of the first upscaling, y and x of the second) -> rows of pixels.
        masks = masks.reshape(count * grid, grid, 2, 2, 4).transpose(1, 2)
        masks = masks.reshape(count * grid * 2, grid * 2, 2, 2).transpose(1, 2)
        return masks.reshape(1, count, 4 * grid, 4 * grid)

    def _first_upscaling(self) -> tuple[Tensor, Tensor]:
        """(C, 4 * C') and (1, 4 * C'): from a cell to its four children, each centred over its channels."""
        layer = cast("nn.ConvTranspose2d", self.decoder.output_upscaling[0])
        weight = _per_cell(layer.weight).reshape(-1, 4, layer.out_channels)
        bias = cast("Tensor", layer.bias)
        return _centred(weight).flatten(1), torch.cat([_centred(bias)] * 4)[None]

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
    rows, scale = _centred(cells.rows), cells.scale
    around = (rows @ rows.t()) @ cells.shares + (2 * dots if scale is None else dots * (2 * scale))
    total = (cells.shares * around).sum(dim=0, keepdim=True) + (squares if scale is None else squares * scale * scale)
    # Rounding may leave a sum of squares a little below nothing.
    deviation = torch.sqrt(functional.relu(total) / rows.shape[-1] + norm.eps)
    return _Cells(
        (1 if scale is None else scale) / deviation,
        torch.cat([cells.shares / deviation, torch.ones_like(deviation)]),
        torch.cat([rows * norm.weight, norm.bias[None]]),
    )


def _softmax_of_few(scores: Tensor) -> Tensor:
    """Softmax over the middle one of three axes, step by step: runtimes would turn the array round and back."""
    shares = torch.exp(scores - scores.amax(dim=1, keepdim=True))
    return shares / shares.sum(dim=1, keepdim=True)


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(dim=-1, keepdim=True)


def _per_cell(weight: Tensor) -> Tensor:
    """Weights of a 2x2 transposed convolution of stride 2 -> (C, 4 * C'), the matrix from a cell to its children."""
    return weight.permute(0, 2, 3, 1).flatten(1)
