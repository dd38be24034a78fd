"""The decoder arranged for many prompts about one image on a CPU: what automatic generation asks.

`engine.model.folded` says how cells can stay unwritten; here it is done for N prompts at once, without mask prompts.
After a layer the cells of each prompt are

    cells = scale * (inner cells) + shares.T @ rows + bias

where the inner cells are those after the layer before, and before the first the image X, which all prompts share. So
whatever is read of the cells is a product with X that one matrix holds for all prompts, plus one small product for each
layer, multiplied by the scales from the inside out. The numbers are float32's, in another order: answers agree with
`MaskDecoder.answer` to rounding, in half its time.

N prompts, T tokens each, M masks each, h heads of d channels, P = G*G cells, C channels, K = h * (T - 1) + 1 rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import torch

from engine.model.folded import FoldedDecoder, centred

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from engine.model.layers import LayerNorm2d
    from engine.model.sam import Sam
    from engine.model.transformer import Attention

__all__ = ["ManyAnswers", "ManyPrompts"]


class _Level(NamedTuple):
    """What one layer adds to the cells of N prompts; the module's first lines say how.

    shares: (N, K, P), of which the first row is 1 everywhere. rows: (N, K, C).
    told: (h, N, T, d) what each head told before its projection: the first row is the sum of the first tokens', the
        others the differences of the other tokens'.
    scale: (N, 1, P) what all cells, these included, are multiplied by since.
    """

    shares: Tensor
    rows: Tensor
    told: Tensor
    scale: Tensor

    def of(self, index: Tensor) -> _Level:
        """That of the prompts `index` (K,)."""
        return _Level(self.shares[index], self.rows[index], self.told[:, index], self.scale[index])


class ManyAnswers:
    """What is known of N prompts before their masks are drawn.

    Attributes:
        iou: (N, M) predicted IoU, in the order [single, candidate 1, 2, 3].
    """

    def __init__(self, asked: ManyPrompts, tokens: Tensor, token_pe: Tensor, levels: list[_Level]) -> None:
        self._asked, self._levels = asked, levels
        first = asked.last_look(tokens[:, :1], token_pe[:, :1], levels)
        self.iou: Tensor = asked.decoder.iou_prediction_head(first[:, 0])
        masks = slice(1, 1 + asked.decoder.num_mask_tokens)
        self._tokens, self._token_pe = tokens[:, masks], token_pe[:, masks]

    def draw(self, index: Tensor, window: tuple[int, int]) -> Tensor:
        """The masks of the prompts `index` (K,): the first `window` (h, w) of their low_res logits, (K, M, h, w)."""
        levels = [level.of(index) for level in self._levels]
        tokens = self._asked.last_look(self._tokens[index], self._token_pe[index], levels)
        return self._asked.draw(tokens, levels, window)


class ManyPrompts:
    """An image, prepared for batches of prompts.

    Args:
        model: on a CPU, its decoder in float32.
        embedding: (1, C, G, G) of the image.
    """

    def __init__(self, model: Sam, embedding: Tensor) -> None:
        folded = FoldedDecoder(model)
        self._first_upscaling = folded.first_upscaling()
        self.decoder, self._layers, self._final = folded.decoder, folded.layers, folded.final
        self._heads, self._head_dim = folded.heads, folded.head_dim
        self._grid = model.config.grid
        image = folded.prepare(embedding)
        places = folded.prompts.dense_pe()
        self._places: dict[str, Tensor] = {}
        self._image: dict[str, Tensor] = {"children": image["children"]}
        alike = torch.zeros(places.shape[1])  # what the last norm adds to all cells
        for index, layer in enumerate(self._layers):
            to_image, to_token = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
            self._prepare_look(f"keys_{index}", to_image.k_proj, image, places)
            self._prepare_look(f"queries_{index}", to_token.q_proj, image, places + alike)
            alike = layer.norm4.bias
            self._image[f"values_{index}"] = image[f"values_{index}"].transpose(1, 2)
            self._image[f"squares_{index}"] = image[f"squares_{index}"]
            for level in range(index + 1):
                dots = image[f"dots_{index}_values_{level}"]
                self._image[f"dots_{index}_{level}"] = _split(dots, 0, (self._heads, -1))
                self._image[f"always_{index}_{level}"] = image[f"dots_{index}_always_{level}"]
        self._prepare_look("keys_final", self._final.k_proj, image, places)
        self._image["values_final"] = image["values_final"].transpose(1, 2)

    def _prepare_look(self, name: str, projection: nn.Linear, image: dict[str, Tensor], places: Tensor) -> None:
        """(h, d, P): what a projection makes of the image, and of what is added to it: the cells' places (P, C)."""
        place = (projection.weight @ places.t() + projection.bias[:, None]).reshape_as(image[name])
        # Nothing has scaled the image before the first layer, so that both are one.
        if name.endswith("_0"):
            self._image[name] = image[name] + place
        else:
            self._image[name], self._places[name] = image[name], place

    def answer(self, sparse: Tensor) -> ManyAnswers:
        """(N, T', C) prompt tokens -> everything about the prompts but their masks."""
        output_tokens = torch.cat([self.decoder.iou_token.weight, self.decoder.mask_tokens.weight])
        token_pe = torch.cat([output_tokens.expand(len(sparse), -1, -1), sparse], dim=1)
        tokens, bias = token_pe, None
        levels: list[_Level] = []
        for index, layer in enumerate(self._layers):
            # The first layer's tokens are nothing but their positions.
            asking = tokens + token_pe if index else tokens
            seen = layer.self_attn(asking, tokens)
            tokens = layer.norm1(tokens + seen if index else seen)
            seen = self._look(layer.cross_attn_token_to_image, tokens + token_pe, levels, bias, index)
            tokens = layer.think(tokens, seen)
            levels.append(self._told(layer.cross_attn_image_to_token, tokens, token_pe, levels, bias, index))
            levels = self._normed(levels, layer.norm4, index)
            bias = layer.norm4.bias
        return ManyAnswers(self, tokens, token_pe, levels)

    def last_look(self, tokens: Tensor, token_pe: Tensor, levels: list[_Level]) -> Tensor:
        """(N, n, C) tokens after the last layer, and their positions -> (N, n, C), as they leave the transformer."""
        transformer = self.decoder.transformer
        bias = self._layers[-1].norm4.bias
        seen = self._look(self._final, tokens + token_pe, levels, bias, "final")
        return cast("Tensor", transformer.norm_final_attn(tokens + seen))

    def draw(self, tokens: Tensor, levels: list[_Level], window: tuple[int, int]) -> Tensor:
        """(N, M, C) mask tokens and what their prompts' cells took -> the first `window` of their low_res logits."""
        rows, columns = (side // 4 for side in window)
        weight, bias = self._first_upscaling
        scale, shares = None, []
        for level in reversed(levels):
            scale = level.scale if scale is None else scale * level.scale
            shares.append(self._window(level.shares * scale, rows, columns))
        assert scale is not None, "there are layers"
        image = self._window(self._image["children"].t(), rows, columns).t() * self._window(scale, rows, columns).mT
        of_prompts = torch.cat([level.rows for level in reversed(levels)], dim=1) @ weight
        x = image.baddbmm_(torch.cat(shares, dim=1).mT, of_prompts)
        x = _split(x.add_(self._layers[-1].norm4.bias @ weight + bias), 2, (4, -1))
        # Layer norm, centred already by the weights.
        norm = cast("LayerNorm2d", self.decoder.output_upscaling[1])
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        x = x.mul_(torch.rsqrt(length.square_().div_(x.shape[-1]).add_(norm.eps)))
        return self.decoder.finish(torch.addcmul(norm.bias, x, norm.weight), tokens, window)

    def _window(self, cells: Tensor, rows: int, columns: int) -> Tensor:
        """(..., P) cells -> (..., rows * columns), the first rows and columns of the grid."""
        return _split(cells, -1, (self._grid, self._grid))[..., :rows, :columns].flatten(-2)

    def _look(
        self, attention: Attention, asking: Tensor, levels: list[_Level], bias: Tensor | None, index: int | str
    ) -> Tensor:
        """(N, n, C) tokens ask the cells -> (N, n, C)."""
        count, length = asking.shape[:2]
        # What all cells have alike, their bias among it, moves all scores of a token alike.
        weights = self._scores(attention.q_proj(asking) * attention.scale, attention.k_proj, levels, f"keys_{index}")
        weights = weights.softmax(dim=-1)
        rows: Tensor | float = 0.0 if bias is None else bias
        for level in reversed(levels):
            weights = weights.mul_(level.scale[:, 0, None])
            rows = rows + _prompt_by_prompt(weights) @ level.shares.transpose(1, 2) @ level.rows
        seen = weights.flatten(1, 2) @ self._image[f"values_{index}"]
        seen = seen.reshape(self._heads, count, length, -1).transpose(0, 1)
        if isinstance(rows, torch.Tensor):
            by_head = attention.v_proj.weight.view(self._heads, self._head_dim, -1)
            seen = seen + rows.reshape(count, self._heads, length, -1) @ by_head.transpose(1, 2)
        return cast("Tensor", attention.out_proj(seen.transpose(1, 2).flatten(2) + attention.v_proj.bias))

    def _scores(self, of_tokens: Tensor, projection: nn.Linear, levels: list[_Level], name: str) -> Tensor:
        """(N, n, h * d) times the cells as `projection` sees them, bias aside -> (h, N, n, P)."""
        count = len(of_tokens)
        of_tokens = of_tokens.reshape(count, -1, self._heads, self._head_dim).permute(2, 0, 1, 3)
        flat = of_tokens.flatten(1, 2)
        scores = flat @ self._image[name]
        by_prompt = _split(scores, 1, of_tokens.shape[1:3])
        if levels:
            absorbed = _prompt_by_prompt(of_tokens @ projection.weight.view(self._heads, 1, self._head_dim, -1))
            for level in levels:
                rows = (absorbed @ level.rows.transpose(1, 2)) @ level.shares
                by_prompt.add_(_split(rows, 1, (self._heads, -1)).transpose(0, 1)).mul_(level.scale[:, 0, None])
            scores.baddbmm_(flat, self._places[name])
        return by_prompt

    def _told(
        self,
        attention: Attention,
        tokens: Tensor,
        token_pe: Tensor,
        levels: list[_Level],
        bias: Tensor | None,
        index: int,
    ) -> _Level:
        """What the cells are told when they ask the tokens, still to be normalised."""
        heads, head_dim = self._heads, self._head_dim
        count, length = tokens.shape[:2]
        keys = attention.k_proj(tokens + token_pe) * attention.scale
        scores = self._scores(keys, attention.q_proj, levels, f"queries_{index}")
        projection, always = attention.out_proj.weight.t(), attention.out_proj.bias
        alike = always if bias is None else always + bias
        # A head's weights sum to 1: its first token is told to all cells alike, of the others the difference to it.
        weights = scores.softmax(dim=2)
        shares = scores.new_empty(count, heads * (length - 1) + 1, scores.shape[-1])
        shares[:, 0] = 1
        _split(shares[:, 1:], 1, (heads, -1)).copy_(weights[:, :, 1:].transpose(0, 1))
        told = attention.v_proj(tokens).reshape(count, length, heads, head_dim).permute(2, 0, 1, 3).contiguous()
        told[:, :, 1:] -= told[:, :, :1]
        projected = told.transpose(0, 1) @ projection.view(heads, head_dim, -1)  # (N, h, T, C)
        first = projected[:, :, 0].sum(dim=1, keepdim=True) + alike
        return _Level(shares, torch.cat([first, projected[:, :, 1:].flatten(1, 2)], dim=1), told, shares[:, :1])

    def _normed(self, levels: list[_Level], norm: nn.LayerNorm, index: int) -> list[_Level]:
        """Layer norm, whose bias is left out: the rows with its gain, the last level with its scale."""
        levels = [level._replace(rows=centred(level.rows)) for level in levels]
        squares = self._image[f"squares_{index}"]
        for number, level in enumerate(levels):
            # The level's rows times what lies further inside, image first, and then times themselves.
            met = self._met_in_image(level, f"{index}_{number}").mul_(2)
            for inner in levels[:number]:
                met = met.baddbmm_(level.rows @ inner.rows.transpose(1, 2), inner.shares, alpha=2).mul_(inner.scale)
            if number:
                squares = squares * levels[number - 1].scale[:, 0] ** 2
            met = met.baddbmm_(level.rows @ level.rows.transpose(1, 2), level.shares)
            squares = squares + met.mul_(level.shares).sum(dim=1)
        deviation = squares.clamp_(min=0).div_(norm.weight.shape[0]).add_(norm.eps).sqrt_()  # rounding may go below 0
        *inside, last = (level._replace(rows=level.rows * norm.weight) for level in levels)
        return [*inside, last._replace(scale=deviation.reciprocal_()[:, None])]

    def _met_in_image(self, level: _Level, name: str) -> Tensor:
        """(N, K, P): dot products of a level's rows with the image."""
        dots = _split(level.told.flatten(1, 2) @ self._image[f"dots_{name}"], 1, level.told.shape[1:3])
        met = torch.empty_like(level.shares)
        torch.add(dots[:, :, 0].sum(dim=0), self._image[f"always_{name}"], out=met[:, 0])
        _split(met[:, 1:], 1, (self._heads, -1)).copy_(dots[:, :, 1:].transpose(0, 1))
        return met


def _prompt_by_prompt(x: Tensor) -> Tensor:
    """(h, N, n, .) -> (N, h * n, .), copied."""
    return x.transpose(0, 1).flatten(1, 2)


def _split(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """`Tensor.unflatten`, typed."""
    return cast("Tensor", x.unflatten(dim, sizes))  # type: ignore[no-untyped-call]
