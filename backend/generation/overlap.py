"""Which automatic masks may stand beside the masks that are there already. Pure: RLEs in, positions out."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.masks.metrics import pairwise_rle_iou

# Above this IoU two masks are the same object. Whole, part and subpart of one thing stay well below it, so nesting is
# kept.
SAME_OBJECT_IOU = 0.7


def free_of(
    candidates: Sequence[Mapping[str, Any]], taken: Sequence[Mapping[str, Any]], *, same_iou: float = SAME_OBJECT_IOU
) -> list[int]:
    """Positions of the candidates (COCO RLEs of one size) that repeat none of `taken`."""
    if not candidates:
        return []
    if not taken:
        return list(range(len(candidates)))
    overlaps = pairwise_rle_iou(candidates, taken)
    return [index for index, row in enumerate(overlaps) if float(row.max()) < same_iou]
