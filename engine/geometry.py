"""Frames and the maths between them: the only place in Python where coordinates or mask grids change frame.

Frames: `image` (the photograph's own pixels), `model` (the encoder's square input of side S, the image scaled into its
top left corner) and `low_res` (the decoder's S/4 x S/4 logit grid, covering the whole model square).

A `Detail` is a part of the image that is embedded by itself, as if it were an image: its own frames start from it.

The page has the same maths in TypeScript; both are tested on `tests/golden/frames.json`. Pure numpy: knows no torch,
reads no file. Points are (x, y), sizes (h, w), boxes xyxy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LOW_RES_STRIDE",
    "MASK_LOGIT_THRESH",
    "MASK_PROMPT_LOGIT",
    "WHOLE",
    "Detail",
    "Frame",
    "mask_to_low_res",
    "resize_matrix",
    "upsample_low_res",
]

LOW_RES_STRIDE = 4  # model pixels per low_res pixel
MASK_LOGIT_THRESH = 0.0  # a pixel belongs to a mask when its logit is above this
MASK_PROMPT_LOGIT = 10.0  # how sure a stored mask is of itself as a prompt
DETAIL_LEVELS = 4  # levels of details below the whole image, at most
LEAST_DETAIL = (16, 256)  # short and long side of a detail, at least; smaller ones show a model nothing new


@dataclass(frozen=True)
class Frame:
    """How one image sits in the model's square.

    Args:
        original_size: (h, w) of the image in pixels.
        image_size: S, the side of the model's square input.
    """

    original_size: tuple[int, int]
    image_size: int

    def __post_init__(self) -> None:
        height, width = self.original_size
        if height < 1 or width < 1 or self.image_size < 1:
            raise ValueError(
                f"A frame needs positive sizes, got an image of {height}x{width} and a model size of {self.image_size}."
            )

    @property
    def scale(self) -> float:
        """Model pixels per image pixel, before rounding: S / max(h, w)."""
        return self.image_size / max(self.original_size)

    @cached_property
    def input_size(self) -> tuple[int, int]:
        """(h, w) of the scaled image inside the model's square; the rest is padding on the right and at the bottom."""
        height, width = self.original_size
        # A very long image would round its short side to nothing; one row of pixels is the least that can be seen.
        return max(1, int(height * self.scale + 0.5)), max(1, int(width * self.scale + 0.5))

    @property
    def low_res_size(self) -> int:
        """Side of the low_res grid."""
        return self.image_size // LOW_RES_STRIDE

    @property
    def low_res_window(self) -> tuple[int, int]:
        """(h, w) of the low_res values, from the first on, that the image's own pixels read; a multiple of 4 each."""
        # The last pixel reads one value beyond its own.
        height, width = (-(-(-(-side // LOW_RES_STRIDE) + 1) // 4) * 4 for side in self.input_size)
        return min(self.low_res_size, height), min(self.low_res_size, width)

    def points_to_model(self, points: ArrayLike) -> NDArray[np.float32]:
        """(..., 2) image-frame (x, y) -> model frame. The half-pixel shift belongs to the prompt encoder, not here."""
        return (np.asarray(points, dtype=np.float64) * self._point_scale).astype(np.float32)

    def points_to_image(self, points: ArrayLike) -> NDArray[np.float32]:
        """(..., 2) model-frame (x, y) -> image frame."""
        return (np.asarray(points, dtype=np.float64) / self._point_scale).astype(np.float32)

    def boxes_to_model(self, boxes: ArrayLike) -> NDArray[np.float32]:
        """(..., 4) image-frame xyxy -> model frame."""
        corners = np.asarray(boxes, dtype=np.float64)
        return self.points_to_model(corners.reshape(*corners.shape[:-1], 2, 2)).reshape(corners.shape)

    def boxes_to_image(self, boxes: ArrayLike) -> NDArray[np.float32]:
        """(..., 4) model-frame xyxy -> image frame."""
        corners = np.asarray(boxes, dtype=np.float64)
        return self.points_to_image(corners.reshape(*corners.shape[:-1], 2, 2)).reshape(corners.shape)

    def upsample_matrices(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rows (h, S/4) and columns (w, S/4) of the low_res -> image resize: image = rows @ low_res @ columns.T."""
        (height, width), (input_h, input_w) = self.original_size, self.input_size
        return (
            _upsample_matrix(self.low_res_size, self.image_size, input_h, height),
            _upsample_matrix(self.low_res_size, self.image_size, input_w, width),
        )

    @property
    def _point_scale(self) -> NDArray[np.float64]:
        (height, width), (input_h, input_w) = self.original_size, self.input_size
        return np.array([input_w / width, input_h / height], dtype=np.float64)


@dataclass(frozen=True)
class Detail:
    """A part of an image with an embedding of its own, for objects that the whole image's grid is too coarse for.

    At `level` L a detail is a 2**L-th of the image's long side, and so of the short one, but that a panorama is first
    cut into squarer parts. Details follow each other at half their size, so that anything up to half as large as they
    are lies whole in one of them. Level 0 is the image itself.
    """

    level: int
    row: int
    column: int

    @property
    def key(self) -> str:
        """Its name in addresses and files: level, row and column, as in 2-0-5."""
        return f"{self.level}-{self.row}-{self.column}"

    @classmethod
    def parse(cls, key: str) -> Detail:
        """The detail of that name. Raises ValueError."""
        parts = key.split("-")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
            raise ValueError(f"A detail is named by level, row and column, such as 1-0-2, not {key!r}.")
        return cls(*map(int, parts))

    @classmethod
    def smallest(cls, size: tuple[int, int], box: ArrayLike) -> Detail:
        """The smallest detail of an image of `size` (h, w) that holds `box`, xyxy in pixels, [x0, x1) by [y0, y1)."""
        x0, y0, x1, y1 = np.asarray(box, dtype=np.float64).tolist()
        for level in range(deepest_level(size), 0, -1):
            down, across = _halvings(size, level)
            detail = cls(level, _nearest(y0, y1, size[0], down), _nearest(x0, x1, size[1], across))
            left, top, right, bottom = detail.box(size)
            if left <= x0 and top <= y0 and x1 <= right and y1 <= bottom:
                return detail
        return WHOLE

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """xyxy in pixels of an image of `size` (h, w). Raises ValueError where the image has no such detail."""
        halvings = _halvings(size, self.level) if 0 <= self.level <= deepest_level(size) else (-1, -1)
        extents = []
        for step, side, times in zip((self.row, self.column), size, halvings, strict=True):
            if not 0 <= step <= 2 ** (times + 1) - 2:
                raise ValueError(f"An image of {size[1]}x{size[0]} pixels has no detail {self.key}.")
            extents.append((step * side // 2 ** (times + 1), (step + 2) * side // 2 ** (times + 1)))
        (top, bottom), (left, right) = extents
        return left, top, right, bottom


WHOLE = Detail(0, 0, 0)


def deepest_level(size: tuple[int, int]) -> int:
    """How far details of an image of `size` (h, w) go before they are too small to show a model anything new."""
    short, long = LEAST_DETAIL
    levels = range(1, DETAIL_LEVELS + 1)
    return max(
        (n for n in levels if min(size) >= short << min(_halvings(size, n)) and max(size) >= long << n), default=0
    )


def _halvings(size: tuple[int, int], level: int) -> tuple[int, int]:
    """How often an image's height and width are halved at a level: the short side once less for every time that it
    goes twice into the long one.
    """
    short, long = sorted(size)
    fewer = max(0, level - ((long // short).bit_length() - 1))
    return (level, fewer) if size[0] > size[1] else (fewer, level)


def _nearest(start: float, end: float, side: int, halvings: int) -> int:
    """Of the details along an axis, the one whose middle is nearest to that of [start, end)."""
    steps = 2 ** (halvings + 1)
    return int(np.clip(np.floor((start + end) / 2 * steps / side - 0.5), 0, steps - 2))


def resize_matrix(source: int, target: int) -> NDArray[np.float64]:
    """(target, source) matrix of a one-dimensional bilinear resize.

    Half-pixel centres, no antialiasing, clamped at the border: `align_corners=False` of the usual libraries.
    """
    centres = np.clip((np.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    low = np.floor(centres).astype(np.int64)
    high = np.minimum(low + 1, source - 1)
    fraction = centres - low
    matrix = np.zeros((target, source))
    rows = np.arange(target)
    np.add.at(matrix, (rows, low), 1.0 - fraction)
    np.add.at(matrix, (rows, high), fraction)
    return matrix


def upsample_low_res(low_res: NDArray[np.float32], frame: Frame) -> NDArray[np.float32]:
    """Bring low_res logits to the image frame.

    Two bilinear resizes with the padding cut away between them (S/4 -> S, crop, -> image), as one linear map per axis.

    Args:
        low_res: (..., S/4, S/4) float32 logits.

    Returns:
        (..., h, w) float32 logits; a pixel is in the mask where the logit is above `MASK_LOGIT_THRESH`.
    """
    side = frame.low_res_size
    if low_res.shape[-2:] != (side, side):
        raise ValueError(f"low_res logits must end in ({side}, {side}) for this frame, got {low_res.shape}.")
    rows, columns = frame.upsample_matrices()
    image: NDArray[np.float32] = np.matmul(np.matmul(rows, low_res), columns.T)
    return image


def mask_to_low_res(mask: NDArray[np.bool_], frame: Frame) -> NDArray[np.float32]:
    """A finished mask as low_res logits, to prompt with.

    The antialiased resize to the low_res grid: a cell's logit grows with the share of it that the mask covers, from
    -`MASK_PROMPT_LOGIT` (nothing) over 0 (half) to `MASK_PROMPT_LOGIT` (all). Cells in the padding are not covered.

    Args:
        mask: (h, w) bool, image frame.

    Returns:
        (S/4, S/4) float32 logits.
    """
    if mask.shape != frame.original_size:
        raise ValueError(f"The mask must have shape {frame.original_size} for this frame, got {mask.shape}.")
    # Only the mask's own window is multiplied: most masks are small, and images are not.
    used_y, used_x = _span(np.any(mask, axis=1)), _span(np.any(mask, axis=0))
    (height, width), (input_h, input_w) = frame.original_size, frame.input_size
    rows = _cover_matrix(frame.low_res_size, input_h / (height * LOW_RES_STRIDE), used_y)
    columns = _cover_matrix(frame.low_res_size, input_w / (width * LOW_RES_STRIDE), used_x)
    covered = np.matmul(np.matmul(rows, mask[used_y, used_x].astype(np.float32)), columns.T)
    logits: NDArray[np.float32] = (np.clip(covered, 0, 1) * 2 - 1) * np.float32(MASK_PROMPT_LOGIT)
    return logits


def _span(marked: ArrayLike) -> slice:
    """From the first marked place to the last."""
    places = np.flatnonzero(marked)
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)


def _cover_matrix(cells: int, cells_per_pixel: float, pixels: slice) -> NDArray[np.float32]:
    """(cells, pixels) which part of each cell each of the pixels covers, along one axis."""
    low = np.arange(pixels.start, pixels.stop) * cells_per_pixel
    high = np.arange(pixels.start + 1, pixels.stop + 1) * cells_per_pixel
    cell = np.arange(cells)[:, None]
    cover: NDArray[np.float64] = np.clip(np.minimum(high, cell + 1) - np.maximum(low, cell), 0, None)
    return cover.astype(np.float32)


@lru_cache(maxsize=64)
def _upsample_matrix(low_res: int, model: int, used: int, original: int) -> NDArray[np.float32]:
    to_model = resize_matrix(low_res, model)[:used]
    matrix = (resize_matrix(used, original) @ to_model).astype(np.float32)
    matrix.setflags(write=False)  # shared by every caller through the cache
    return matrix
