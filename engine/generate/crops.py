"""The crops of an image: the whole of it, then layers of overlapping windows that show small things larger.

Layer i has 2^i windows per side (paper, section B: 2 x 2 and 4 x 4 partially overlapping windows). Windows of one layer
share a fixed overlap, a fraction of the image's short side that halves from layer to layer.

How many layers are worth their time depends on how large the objects are that one looks for, in cells of the model:
`layers_for` chooses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.model.config import ModelConfig

OVERLAP_RATIO = 512 / 1500  # of the first layer's windows, as a part of the image's short side
CELLS_PER_OBJECT = 2.0  # along a side: smaller ones are seldom found, at this size most are (docs/log.md)


@dataclass(frozen=True)
class Crop:
    """A window of the image: box xyxy in the image frame (x1, y1 exclusive), and its layer (0 is the whole image)."""

    box: tuple[int, int, int, int]
    layer: int

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)."""
        x0, y0, x1, y1 = self.box
        return y1 - y0, x1 - x0

    @property
    def xywh(self) -> list[int]:
        """SA-1B's `crop_box`."""
        x0, y0, x1, y1 = self.box
        return [x0, y0, x1 - x0, y1 - y0]


def crop_windows(size: tuple[int, int], num_layers: int, overlap_ratio: float) -> list[Crop]:
    """All crops of an image of (h, w), the whole image first, layer by layer, column by column."""
    height, width = size
    crops = [Crop((0, 0, width, height), 0)]
    for layer in range(1, num_layers + 1):
        tops, lefts, (crop_height, crop_width) = _layer(size, layer, overlap_ratio)
        crops += [
            Crop((left, top, min(left + crop_width, width), min(top + crop_height, height)), layer)
            for left in lefts
            for top in tops
        ]
    return crops


def layers_for(
    size: tuple[int, int],
    object_side: float,
    config: ModelConfig,
    *,
    least: int = 1,
    most: int,
    overlap_ratio: float = OVERLAP_RATIO,
) -> int:
    """How many layers, `least` to `most`, an image of (h, w) needs until objects of `object_side` pixels span enough
    cells.

    Where nothing is to be missed the first layer is always worth it (docs/log.md, 2026-11-26); each further one has
    four times the crops.
    """
    for layer in range(least, most):
        window = max(_layer(size, layer, overlap_ratio)[2])
        if object_side * config.image_size / window >= CELLS_PER_OBJECT * config.patch_size:
            return layer
    return most


def _layer(size: tuple[int, int], layer: int, overlap_ratio: float) -> tuple[list[int], list[int], tuple[int, int]]:
    """(tops, lefts, (h, w)) of a layer's windows."""
    height, width = size
    per_side = 2**layer
    overlap = int(overlap_ratio * min(size) * (2 / per_side))
    lefts, crop_width = _windows(width, per_side, overlap)
    tops, crop_height = _windows(height, per_side, overlap)
    return tops, lefts, (crop_height, crop_width)


def _windows(length: int, count: int, overlap: int) -> tuple[list[int], int]:
    """(starts, length) of `count` windows that overlap by `overlap` and together cover `length` pixels."""
    window = math.ceil((overlap * (count - 1) + length) / count)
    return [(window - overlap) * index for index in range(count)], window
