"""Overlap of masks: intersection over union, of arrays and of RLEs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from engine.errors import FormatError
from engine.masks import rle as rle_ops
from engine.masks.rle import Mask


def iou(mask: Mask, other: Mask) -> float:
    """IoU of two masks (H, W); 1 where both are empty (they agree)."""
    if mask.shape != other.shape:
        raise FormatError(f"Masks of different sizes cannot be compared: {mask.shape} and {other.shape} (h, w).")
    union = int(np.count_nonzero(mask | other))
    return 1.0 if union == 0 else int(np.count_nonzero(mask & other)) / union


def pairwise_iou(masks: Mask, others: Mask) -> npt.NDArray[np.float64]:
    """IoU (N, M) of every mask (N, H, W) with every other (M, H, W); 1 where both are empty."""
    if masks.shape[1:] != others.shape[1:]:
        raise FormatError(
            f"Masks of different sizes cannot be compared: {masks.shape[1:]} and {others.shape[1:]} (h, w)."
        )
    # float32 counts up to 2**24 exactly, so longer images are summed in slices of that many pixels.
    flat, flat_others = masks.reshape(len(masks), -1), others.reshape(len(others), -1)
    inter = np.zeros((len(masks), len(others)))
    for start in range(0, flat.shape[1], 2**22):
        part = slice(start, start + 2**22)
        inter += flat[:, part].astype(np.float32) @ flat_others[:, part].astype(np.float32).T
    sizes, other_sizes = np.count_nonzero(flat, axis=1), np.count_nonzero(flat_others, axis=1)
    union = sizes[:, None] + other_sizes[None] - inter
    overlap: npt.NDArray[np.float64] = np.divide(inter, union, out=np.ones_like(inter), where=union > 0)
    return overlap


def pairwise_rle_iou(rles: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> npt.NDArray[np.float64]:
    """IoU (N, M) of every RLE with every other, computed on the runs; all must be of one size. 0 where both are
    empty.
    """
    if not rles or not others:
        return np.zeros((len(rles), len(others)))
    height, width = rles[0]["size"]
    first = [dict(rle_ops.validate(rle, height, width)) for rle in rles]
    second = [dict(rle_ops.validate(rle, height, width)) for rle in others]
    overlaps = coco_mask.iou(first, second, [0] * len(second))
    return np.nan_to_num(np.asarray(overlaps, dtype=np.float64).reshape(len(first), len(second)))
