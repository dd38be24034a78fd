"""Small islands and holes of masks (connected components, 8-connectivity).

SA-1B's masks had islands and holes below 100 pixels removed (paper, section B). The released code and the paper
differ in one case: where every component is too small the code keeps the largest, the paper drops the mask.
`keep_largest` chooses.

`without_specks` is another rule, for what a click's answer shows people: its bar goes with the mask, and clicks count.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineError
from engine.masks.clicks import POINT_BACKGROUND, POINT_FOREGROUND
from engine.masks.rle import Mask

# The page's numbers too: frontend/src/geometry/specks.ts; tests/golden/specks.json holds both to one rule.
ISLAND_SHARE = 0.02
HOLE_SHARE = 0.01


def without_specks(mask: Mask, points: Sequence[tuple[float, float]], labels: Sequence[int]) -> Mask:
    """The mask as people are shown it: islands and holes too small to be meant are gone.

    An island goes when it is smaller than ISLAND_SHARE of the largest one and no foreground click lies in it; a hole
    is filled when it is smaller than HOLE_SHARE of the mask and no background click lies in it. Holes come first.

    Args:
        mask: what the model has drawn, bool (h, w).
        points: clicks (x, y) in pixels of the mask.
        labels: 1 foreground, 0 background; points with other labels (corners of a box) are no clicks.
    """

    def clicked(label: int) -> list[tuple[float, float]]:
        return [point for point, own in zip(points, labels, strict=True) if own == label]

    filled, _ = remove_small_regions(mask, HOLE_SHARE * np.count_nonzero(mask), "holes", keep=clicked(POINT_BACKGROUND))
    _, sizes = _regions(filled)
    bar = ISLAND_SHARE * float(sizes.max(initial=0))
    return remove_small_regions(filled, bar, "islands", keep=clicked(POINT_FOREGROUND))[0]


def remove_small_regions(
    mask: Mask,
    area: float,
    mode: Literal["holes", "islands"],
    *,
    keep_largest: bool = False,
    keep: Iterable[tuple[float, float]] = (),
) -> tuple[Mask, bool]:
    """(mask with regions below `area` pixels removed, whether anything changed).

    "holes" fills background components, "islands" erases foreground components. With `keep_largest` the largest
    island (of several the first in reading order) stays even if it is too small; without it a mask of small islands
    comes back empty. Regions that one of the points `keep`, (x, y), lies in stay as well.
    """
    if mode not in ("holes", "islands"):
        raise EngineError(f"The mode must be 'holes' or 'islands', not {mode!r}.")
    holes = mode == "holes"
    labels, sizes = _regions(mask != holes)
    small = sizes < area
    for x, y in keep:
        column, row = int(np.floor(x)), int(np.floor(y))
        if 0 <= column < mask.shape[1] and 0 <= row < mask.shape[0] and labels[row, column]:
            small[labels[row, column] - 1] = False
    if not small.any():
        return mask, False
    if not holes and keep_largest and small.all():
        small[_largest(labels, sizes)] = False
        if not small.any():
            return mask, False
    gone = np.concatenate(([False], small))[labels]
    return (mask | gone if holes else mask & ~gone), True


def _regions(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(labels (h, w), 0 where the mask has none, and the pixels of each label from 1 on)."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels, np.int32), np.asarray(stats[1:, cv2.CC_STAT_AREA], np.int32)


def _largest(labels: NDArray[np.int32], sizes: NDArray[np.int32]) -> int:
    """Index of the largest region; of several the first in reading order, since the labels' order is the window's."""
    candidates = np.flatnonzero(sizes == sizes.max())
    if len(candidates) == 1:
        return int(candidates[0])
    return int(labels.flat[np.isin(labels, candidates + 1).argmax()]) - 1


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
