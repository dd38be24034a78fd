"""From a sample to a training crop: large-scale jitter, flips, colour jitter, and mask targets on the low_res grid.

A crop is a square window of the model frame: the image is scaled as it would be for a model of `frame` pixels, times a
jitter, and a `size` window is cut out. So a model of 512 px can train on 256 px crops that look like parts of its own
input. Pure numpy and OpenCV; every choice comes from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.geometry import LOW_RES_STRIDE

if TYPE_CHECKING:
    from engine.train.data import Sample, UInt8Array

PIXEL_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
PIXEL_STD = np.array([58.395, 57.12, 57.375], np.float32)
GREY = np.tile([0.299, 0.587, 0.114], (3, 1))  # luma in every row: the matrix that makes an image grey

MIN_BARE = 16  # cells

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class AugmentSettings:
    """How crops are made.

    `scale_range` is log-uniform and relative to fitting the long side into the frame. `min_cells` is the smallest mask
    kept, in low_res cells; masks covering more than `max_cover` of the crop are dropped (SAM section A).
    """

    scale_range: tuple[float, float] = (0.4, 1.6)
    flip: float = 0.5
    colour: float = 0.8
    grey: float = 0.08
    invert: float = 0.03
    min_cells: float = 3.0
    max_cover: float = 0.9


NO_AUGMENTATION = AugmentSettings(scale_range=(1.0, 1.0), flip=0.0, colour=0.0, grey=0.0, invert=0.0)


@dataclass(frozen=True)
class Crop:
    """A training crop.

    `image` float32 (size, size, 3), normalised, zero where padded; `targets` float32 (K, size/4, size/4), the fraction
    of each low_res cell that a mask covers; `bare` (size/4, size/4) is 1 where there is surely no object, or None where
    that is not known. The image fills the first `filled` (h, w) pixels of the square.
    """

    image: FloatArray
    targets: FloatArray
    bare: FloatArray | None = None
    filled: tuple[int, int] = (0, 0)


def make_crop(
    sample: Sample, rng: np.random.Generator, *, size: int, frame: int, num_masks: int, settings: AugmentSettings
) -> Crop:
    """One crop with at most `num_masks` masks (possibly none)."""
    height, width = sample.size
    low, high = settings.scale_range
    # Window and size are whole pixels, so the aspect ratio may move by a hair; image and masks move together.
    scale = frame / max(height, width) * float(np.exp(rng.uniform(np.log(low), np.log(high))))
    window = _window(sample, rng, size / scale)
    x0, y0, x1, y1 = window
    out_w = min(size, max(1, round((x1 - x0) * scale)))
    out_h = min(size, max(1, round((y1 - y0) * scale)))
    shrink = scale < 1
    image = cv2.resize(
        sample.image[y0:y1, x0:x1], (out_w, out_h), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    )
    flip = rng.random() < settings.flip
    pixels = jitter_colour(np.asarray(image, np.uint8), rng, settings)
    normalised = np.zeros((size, size, 3), np.float32)
    pixels = (pixels - PIXEL_MEAN) / PIXEL_STD
    normalised[:out_h, :out_w] = pixels[:, ::-1] if flip else pixels
    targets = []
    for index in _candidates(sample, rng, window, num_masks):
        target = low_res_target(sample.mask(index)[y0:y1, x0:x1], (out_h, out_w), size, flip=flip)
        covered = float(target.sum())
        if settings.min_cells <= covered <= settings.max_cover * target.size:
            targets.append(target)
        if len(targets) == num_masks:
            break
    grid = size // LOW_RES_STRIDE
    stacked = np.stack(targets) if targets else np.zeros((0, grid, grid), np.float32)
    bare = bare_cells(sample.bare()[y0:y1, x0:x1], (out_h, out_w), size, flip=flip) if sample.complete else None
    return Crop(normalised, stacked, bare, (out_h, out_w))


def low_res_target(mask: NDArray[np.bool_], out_size: tuple[int, int], size: int, *, flip: bool = False) -> FloatArray:
    """Coverage of each low_res cell by `mask` scaled to `out_size` (h, w) at the top left of a square of `size`."""
    height, width = out_size
    enlarge = height > mask.shape[0]
    scaled = cv2.resize(
        mask.view(np.uint8) * np.uint8(255),
        (width, height),
        interpolation=cv2.INTER_LINEAR if enlarge else cv2.INTER_AREA,
    )
    square = np.zeros((size, size), np.uint8)
    square[:height, :width] = scaled[:, ::-1] if flip else scaled
    grid = size // LOW_RES_STRIDE
    cells = cv2.resize(square, (grid, grid), interpolation=cv2.INTER_AREA)  # whole 4x4 cells: their mean
    return cells.astype(np.float32) / np.float32(255)


def bare_cells(
    bare: NDArray[np.bool_], out_size: tuple[int, int], size: int, *, flip: bool = False
) -> FloatArray | None:
    """1 for each low_res cell that is bare and has bare neighbours, else 0; None if there are fewer than `MIN_BARE`."""
    cells = low_res_target(bare, out_size, size, flip=flip)
    inner = cv2.erode((cells > 0.99).astype(np.float32), np.ones((3, 3), np.uint8), borderValue=0)
    return np.asarray(inner, np.float32) if inner.sum() >= MIN_BARE else None


def _window(sample: Sample, rng: np.random.Generator, side: float) -> tuple[int, int, int, int]:
    """A source window (x0, y0, x1, y1) of at most `side` pixels, around a random mask where it must choose."""
    height, width = sample.size
    span_w, span_h = min(width, round(side)), min(height, round(side))
    if len(sample.rles):
        box = sample.boxes[rng.integers(len(sample.rles))]
        anchor_x, anchor_y = rng.uniform(box[0], box[2]), rng.uniform(box[1], box[3])
    else:
        anchor_x, anchor_y = rng.uniform(0, width), rng.uniform(0, height)
    x0 = int(np.clip(anchor_x - rng.uniform(0.1, 0.9) * span_w, 0, width - span_w))
    y0 = int(np.clip(anchor_y - rng.uniform(0.1, 0.9) * span_h, 0, height - span_h))
    return x0, y0, x0 + span_w, y0 + span_h


def _candidates(
    sample: Sample, rng: np.random.Generator, window: tuple[int, int, int, int], num_masks: int
) -> list[int]:
    """Masks whose box meets the window, in random order; a few more than wanted since some turn out too small."""
    if not len(sample.rles):
        return []
    x0, y0, x1, y1 = window
    boxes = sample.boxes
    inside = np.flatnonzero((boxes[:, 0] < x1) & (boxes[:, 2] > x0) & (boxes[:, 1] < y1) & (boxes[:, 3] > y0))
    chosen: list[int] = rng.permutation(inside)[: num_masks + 4].tolist()
    return chosen


def jitter_colour(image: UInt8Array, rng: np.random.Generator, settings: AugmentSettings) -> FloatArray:
    """Brightness, contrast, saturation, tint and noise; sometimes grey or inverted. Float32 RGB in 0..255.

    All but the noise is one affine map of RGB, applied in a single pass.
    """
    matrix = np.eye(3)
    shift = np.zeros(3)
    noise = 0.0
    if rng.random() < settings.colour:
        saturation, contrast, brightness = rng.uniform(0.5, 1.5), rng.uniform(0.65, 1.4), rng.uniform(0.7, 1.3)
        matrix = saturation * np.eye(3) + (1 - saturation) * GREY
        middle = float(image.mean())
        matrix = contrast * matrix * rng.uniform(0.9, 1.1, 3)[:, None]
        shift = np.full(3, middle * (brightness - contrast))
        noise = rng.uniform(1, 10) if rng.random() < 0.2 else 0.0
    if rng.random() < settings.grey:
        matrix, shift = GREY @ matrix, GREY @ shift
    if rng.random() < settings.invert:
        matrix, shift = -matrix, 255 - shift
    pixels = np.asarray(cv2.transform(image.astype(np.float32), np.column_stack([matrix, shift])), np.float32)
    if noise:
        pixels += np.float32(noise) * rng.standard_normal(pixels.shape, dtype=np.float32)
    return np.clip(pixels, 0, 255, out=pixels)
