"""Greedy non-maximum suppression of boxes and of masks.

Boxes are quick but blunt: two thin diagonal things share a box. Masks cost more and remove true duplicates only. Both
take the best score first (ties in the order given) and drop what overlaps it by more than the threshold.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.masks import boxes as box_ops
from engine.masks.metrics import pairwise_rle_iou
from engine.masks.rle import Rle, box_xyxy

Indices = npt.NDArray[np.int64]


def box_nms(boxes: npt.NDArray[np.generic], scores: npt.NDArray[np.generic], iou_thresh: float) -> Indices:
    """Indices (K,) of the boxes (N, 4) xyxy to keep, best score (N,) first."""
    order = _best_first(scores)
    sorted_boxes = boxes[order].astype(np.float64)
    alive = np.ones(len(order), dtype=bool)
    for place in range(len(order)):
        if not alive[place]:
            continue
        rest = place + 1 + np.flatnonzero(alive[place + 1 :])
        overlap = box_ops.pairwise_iou(sorted_boxes[place : place + 1], sorted_boxes[rest])[0]
        alive[rest[overlap > iou_thresh]] = False
    return order[alive]


def mask_nms(rles: Sequence[Rle], scores: npt.NDArray[np.generic], iou_thresh: float) -> Indices:
    """Indices (K,) of the masks to keep, best score (N,) first; only masks whose boxes touch are compared."""
    order = _best_first(scores)
    corners = np.array([box_xyxy(rle) for rle in rles], dtype=np.float64).reshape(-1, 4)[order]
    corners[:, 2:] += 1  # whole pixels, so that masks one pixel wide touch too
    alive = np.ones(len(order), dtype=bool)
    for place in range(len(order)):
        if not alive[place]:
            continue
        rest = place + 1 + np.flatnonzero(alive[place + 1 :])
        near = rest[box_ops.pairwise_iou(corners[place : place + 1], corners[rest])[0] > 0]
        if len(near) == 0:
            continue
        overlap = pairwise_rle_iou([rles[order[place]]], [rles[order[index]] for index in near])[0]
        alive[near[overlap > iou_thresh]] = False
    return order[alive]


def _best_first(scores: npt.NDArray[np.generic]) -> Indices:
    return np.argsort(-scores.astype(np.float64), kind="stable").astype(np.int64)
