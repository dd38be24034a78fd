"""Small islands and holes of masks (connected components, 8-connectivity).

SA-1B's masks had islands and holes below 100 pixels removed (paper, section B). The released code and the paper
differ in one case: where every component is too small the code keeps the largest, the paper drops the mask.
`keep_largest` chooses.
"""

from typing import Literal

import cv2
import numpy as np

from engine.errors import EngineError
from engine.masks.rle import Mask


def remove_small_regions(
    mask: Mask, area: int, mode: Literal["holes", "islands"], *, keep_largest: bool = False
) -> tuple[Mask, bool]:
    """(mask with regions below `area` pixels removed, whether anything changed).

    "holes" fills background components, "islands" erases foreground components. With `keep_largest` the largest
    island stays even if it is too small; without it a mask of small islands comes back empty.
    """
    if mode not in ("holes", "islands"):
        raise EngineError(f"The mode must be 'holes' or 'islands', not {mode!r}.")
    holes = mode == "holes"
    regions = (mask != holes).astype(np.uint8)
    num, labels, stats, _ = cv2.connectedComponentsWithStats(regions, connectivity=8)
    sizes = stats[1:num, cv2.CC_STAT_AREA]
    small = sizes < area
    if not small.any():
        return mask, False
    if not holes and keep_largest and small.all():
        small[int(sizes.argmax())] = False
        if not small.any():
            return mask, False
    gone = np.concatenate(([False], small))[labels]
    return (mask | gone if holes else mask & ~gone), True


def clean(mask: Mask, area: int, *, keep_largest: bool = False) -> tuple[Mask, bool]:
    """(mask cleaned of small holes, then of small islands; whether anything changed): the released code's order."""
    filled, had_holes = remove_small_regions(mask, area, "holes")
    cleaned, had_islands = remove_small_regions(filled, area, "islands", keep_largest=keep_largest)
    return cleaned, had_holes or had_islands


def inner_point(mask: Mask) -> tuple[int, int]:
    """The (x, y) pixel deepest inside the mask: the maximum of its distance transform, the image's border counting as
    an edge. EngineError for an empty mask.
    """
    if not mask.any():
        raise EngineError("An empty mask has no inner point.")
    padded = np.pad(mask, 1).astype(np.uint8)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = divmod(int(np.argmax(depth)), mask.shape[1])
    return x, y
