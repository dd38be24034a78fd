"""The regular grid of foreground points that prompts the model everywhere."""

import numpy as np
import numpy.typing as npt


def point_grid(points_per_side: int) -> npt.NDArray[np.float64]:
    """(n * n, 2) points (x, y) in the unit square, x running fastest, each in the middle of its cell."""
    centres = np.linspace(1 / (2 * points_per_side), 1 - 1 / (2 * points_per_side), points_per_side)
    xs, ys = np.meshgrid(centres, centres)
    return np.stack((xs.ravel(), ys.ravel()), axis=1)
