"""The regular grid of foreground points that prompts the model everywhere, and which of them are neighbours."""

import cv2
import numpy as np
import numpy.typing as npt

Chosen = npt.NDArray[np.bool_]


def point_grid(points_per_side: int) -> npt.NDArray[np.float64]:
    """(n * n, 2) points (x, y) in the unit square, x running fastest, each in the middle of its cell."""
    centres = np.linspace(1 / (2 * points_per_side), 1 - 1 / (2 * points_per_side), points_per_side)
    xs, ys = np.meshgrid(centres, centres)
    return np.stack((xs.ravel(), ys.ravel()), axis=1)


def every_second(points_per_side: int) -> Chosen:
    """(n, n) which points of the grid are every second in both directions; all others lie beside one of them."""
    chosen = np.zeros((points_per_side, points_per_side), dtype=np.bool_)
    first = min(1, points_per_side - 1)
    chosen[first::2, first::2] = True
    return chosen


def beside(chosen: Chosen) -> Chosen:
    """(n, n) which points of the grid are one of the chosen or next to one, diagonally too."""
    around: Chosen = cv2.dilate(chosen.astype(np.uint8), np.ones((3, 3), dtype=np.uint8)) > 0
    return around
