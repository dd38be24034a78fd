"""Where a person would click next: the centre of the largest error region (RITM; SAM section D.1).

The evaluation protocol and the simulated annotators share it. numpy and OpenCV on the image grid; points are (x, y).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["POINT_BACKGROUND", "POINT_FOREGROUND", "centre_click", "next_click"]

POINT_BACKGROUND, POINT_FOREGROUND = 0, 1


def centre_click(region: NDArray[np.bool_]) -> tuple[int, int, float]:
    """The most interior pixel of a region: bool (H, W) -> (x, y, distance to the region's border).

    The region is padded by one pixel, so that the image border counts as a border (RITM). Empty gives distance 0.
    """
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not len(rows):
        return 0, 0, 0.0
    top, left = int(rows[0]), int(columns[0])
    window = region[top : rows[-1] + 1, left : columns[-1] + 1]
    distance = cv2.distanceTransform(np.pad(window.astype(np.uint8), 1), cv2.DIST_L2, 0)[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return left + int(x), top + int(y), float(distance[y, x])


def next_click(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int, int]:
    """The next click on an object: current mask and truth, bool (H, W) each -> (x, y, label).

    Of false negatives and false positives, the side whose most interior pixel lies deeper is clicked at that pixel;
    foreground only if it is strictly deeper.
    """
    miss_x, miss_y, miss = centre_click(truth & ~mask)
    extra_x, extra_y, extra = centre_click(mask & ~truth)
    if miss > extra:
        return miss_x, miss_y, POINT_FOREGROUND
    return extra_x, extra_y, POINT_BACKGROUND
