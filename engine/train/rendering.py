"""Crops made from their plans with numpy and OpenCV: normalised pixels, and mask targets on the low_res grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.geometry import LOW_RES_STRIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.train.augment import AugmentSettings, Colour, CropPlan, Paste
    from engine.train.data import UInt8Array

PIXEL_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
PIXEL_STD = np.array([58.395, 57.12, 57.375], np.float32)

MIN_BARE = 16  # cells
MIN_LEFT = 0.3  # of a mask that something was laid over; less is no longer the object

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Crop:
    """A training crop.

    `image` float32 (size, size, 3), normalised, zero where padded; `targets` float32 (K, size/4, size/4), the fraction
    of each low_res cell that a mask covers; `masks` says which of the sample's masks each is, -1 for what was laid over
    it; `bare` (size/4, size/4) is 1 where there is surely no object, or None where that is not known.
    """

    image: FloatArray
    targets: FloatArray
    masks: tuple[int, ...]
    bare: FloatArray | None = None


def render(plan: CropPlan, settings: AugmentSettings) -> Crop:
    """The crop that was planned."""
    sample, size, (x0, y0, x1, y1), (out_h, out_w) = plan.sample, plan.size, plan.window, plan.out_size
    pixels = _resize(sample.image[y0:y1, x0:x1], (out_h, out_w)).astype(np.float32)
    pixels = np.ascontiguousarray(pixels[:, ::-1]) if plan.flip else pixels
    covers = [_lay_over(pixels, paste, size) for paste in plan.pastes]
    laid = np.max(covers, axis=0) if covers else None

    kept = [cover for cover in _topmost(covers) if _usable(cover, settings)]
    masks = [-1] * len(kept)
    for index in plan.masks:
        if len(kept) >= plan.num_masks:
            break
        target = low_res_target(sample.mask(index)[y0:y1, x0:x1], plan.out_size, size, flip=plan.flip)
        before = float(target.sum())
        target = target if laid is None else target * (1 - laid)
        if _usable(target, settings) and float(target.sum()) >= MIN_LEFT * before:
            kept.append(target)
            masks.append(index)
    grid = size // LOW_RES_STRIDE
    targets = np.stack(kept[: plan.num_masks]) if kept else np.zeros((0, grid, grid), np.float32)

    normalised = np.zeros((size, size, 3), np.float32)
    normalised[:out_h, :out_w] = (jitter_colour(pixels, plan.colour) - PIXEL_MEAN) / PIXEL_STD
    bare = None
    if sample.complete:
        bare = bare_cells(sample.bare()[y0:y1, x0:x1], plan.out_size, size, flip=plan.flip, laid=laid)
    return Crop(normalised, targets, tuple(masks[: plan.num_masks]), bare)


def _usable(target: FloatArray, settings: AugmentSettings) -> bool:
    return settings.min_cells <= float(target.sum()) <= settings.max_cover * target.size


def _topmost(covers: Sequence[FloatArray]) -> list[FloatArray]:
    """What is seen of things laid over each other in this order."""
    seen: list[FloatArray] = []
    left = np.ones((1, 1), np.float32)  # of every cell, in sight
    for cover in reversed(covers):
        seen.append(cover * left)
        left = np.minimum(left, 1 - cover)
    return seen


def _lay_over(pixels: FloatArray, paste: Paste, size: int) -> FloatArray:
    """Paint the object into `pixels`, in place -> the fraction of each low_res cell that it covers."""
    x0, y0, x1, y1 = paste.source
    left, top, right, bottom = paste.target
    shape = (bottom - top, right - left)
    mask = _resize(paste.donor.mask(paste.index)[y0:y1, x0:x1].view(np.uint8) * np.uint8(255), shape)
    thing = _resize(paste.donor.image[y0:y1, x0:x1], shape)
    if paste.flip:
        mask, thing = mask[:, ::-1], thing[:, ::-1]
    alpha = mask[..., None].astype(np.float32) / np.float32(255)
    pixels[top:bottom, left:right] += alpha * (thing - pixels[top:bottom, left:right])
    square = np.zeros((size, size), np.uint8)
    square[top:bottom, left:right] = mask
    return _cells(square)


def _resize(image: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """uint8 (h, w) or (h, w, 3) -> `size` (h, w), averaging where it gets smaller."""
    shrink = size[0] < image.shape[0]
    scaled = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    return np.asarray(scaled, np.uint8)


def _cells(square: UInt8Array) -> FloatArray:
    """uint8 0..255 (S, S) -> means of whole low_res cells, 0..1 (S/4, S/4)."""
    grid = len(square) // LOW_RES_STRIDE
    return cv2.resize(square, (grid, grid), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)


def low_res_target(mask: NDArray[np.bool_], out_size: tuple[int, int], size: int, *, flip: bool = False) -> FloatArray:
    """Coverage of each low_res cell by `mask` scaled to `out_size` (h, w) at the top left of a square of `size`."""
    height, width = out_size
    scaled = _resize(mask.view(np.uint8) * np.uint8(255), out_size)
    square = np.zeros((size, size), np.uint8)
    square[:height, :width] = scaled[:, ::-1] if flip else scaled
    return _cells(square)


def bare_cells(
    bare: NDArray[np.bool_],
    out_size: tuple[int, int],
    size: int,
    *,
    flip: bool = False,
    laid: FloatArray | None = None,
) -> FloatArray | None:
    """1 for each low_res cell that is bare and has bare neighbours, else 0; None if there are fewer than `MIN_BARE`.

    `laid` (size/4, size/4): what is covered by something laid over the image.
    """
    cells = low_res_target(bare, out_size, size, flip=flip)
    cells = cells if laid is None else cells * (1 - laid)
    inner = cv2.erode((cells > 0.99).astype(np.float32), np.ones((3, 3), np.uint8), borderValue=0)
    return np.asarray(inner, np.float32) if inner.sum() >= MIN_BARE else None


def jitter_colour(pixels: FloatArray, colour: Colour) -> FloatArray:
    """Float32 RGB in 0..255 (h, w, 3) -> the same in other light."""
    shift = np.full(3, float(pixels.mean()) * colour.middle + colour.shift)
    changed = np.asarray(cv2.transform(pixels, np.column_stack([colour.matrix, shift])), np.float32)
    if colour.noise:
        noise = np.random.default_rng(colour.seed).standard_normal(changed.shape, dtype=np.float32)
        changed += np.float32(colour.noise) * noise
    return np.clip(changed, 0, 255, out=changed)
