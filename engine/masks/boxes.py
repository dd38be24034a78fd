"""Boxes of masks: xyxy with inclusive pixel coordinates, as the released generator and SA-1B have them.

A mask of one pixel at (3, 4) has the box (3, 4, 3, 4); an empty mask has (0, 0, 0, 0).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.masks.rle import Mask

Boxes = npt.NDArray[np.float64]


def of_masks(masks: Mask) -> npt.NDArray[np.int64]:
    """Boxes (N, 4) xyxy of masks (N, H, W), in the masks' own frame."""
    num, height, width = masks.shape
    rows: Mask = np.any(masks, axis=2)
    columns: Mask = np.any(masks, axis=1)
    y0, x0 = rows.argmax(axis=1), columns.argmax(axis=1)
    y1 = height - 1 - rows[:, ::-1].argmax(axis=1)
    x1 = width - 1 - columns[:, ::-1].argmax(axis=1)
    boxes = np.stack((x0, y0, x1, y1), axis=1).reshape(num, 4)
    boxes[~np.any(rows, axis=1)] = 0
    return boxes


def xywh(box: Sequence[float] | npt.NDArray[np.generic]) -> list[int]:
    """SA-1B's [x, y, xmax - xmin, ymax - ymin] of one xyxy box in whole pixels."""
    x0, y0, x1, y1 = (int(side) for side in box)
    return [x0, y0, x1 - x0, y1 - y0]


def areas(boxes: npt.NDArray[np.generic]) -> Boxes:
    """Areas (N,) of boxes (N, 4) xyxy, as (x1 - x0) * (y1 - y0)."""
    wide = boxes.astype(np.float64)
    return (wide[:, 2] - wide[:, 0]) * (wide[:, 3] - wide[:, 1])


def pairwise_iou(boxes: npt.NDArray[np.generic], others: npt.NDArray[np.generic]) -> Boxes:
    """IoU (N, M) of every box (N, 4) with every other (M, 4); 0 where both have no area."""
    first, second = boxes.astype(np.float64), others.astype(np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(axis=2)
    union = areas(first)[:, None] + areas(second)[None] - inter
    iou: Boxes = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return iou


def near_crop_edge(
    boxes: npt.NDArray[np.generic], crop: Sequence[int], size: tuple[int, int], tolerance: float = 20.0
) -> Mask:
    """Which boxes (N, 4), in the image frame, end within `tolerance` pixels of an inner border of the crop.

    `crop` is xyxy in the image frame, `size` the image's (h, w). A side on the image's own border does not count:
    nothing was cut off there. (The 20 pixels are the released generator's.)
    """
    height, width = size
    wide = boxes.astype(np.float64)
    at_crop = np.abs(wide - np.asarray(crop, dtype=np.float64)) <= tolerance
    at_image = np.abs(wide - np.array([0, 0, width, height], dtype=np.float64)) <= tolerance
    near: Mask = np.any(at_crop & ~at_image, axis=1)
    return near
