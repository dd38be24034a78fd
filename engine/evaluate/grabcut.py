"""The classical floor: cv2.grabCut from a box (Rother et al. 2004)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

ITERATIONS = 5
MIN_SIDE = 3


def grabcut_from_box(image: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """Segment what lies in a box: RGB uint8 (h, w, 3), xyxy in inclusive pixels -> bool (h, w).

    Boxes on which grabCut cannot run (it needs pixels outside the box, and some inside) give the whole box.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box
    inside = np.zeros((height, width), dtype=bool)
    inside[y0 : y1 + 1, x0 : x1 + 1] = True
    if inside.all() or x1 - x0 + 1 < MIN_SIDE or y1 - y0 + 1 < MIN_SIDE:
        return inside
    labels = np.zeros((height, width), np.uint8)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its colour clusters start at random places
    bgr = np.ascontiguousarray(image[..., ::-1])
    rect = (x0, y0, x1 - x0 + 1, y1 - y0 + 1)
    try:
        cv2.grabCut(bgr, labels, rect, background, foreground, ITERATIONS, cv2.GC_INIT_WITH_RECT)
    except cv2.error:
        return inside
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
