"""COCO's `segmentation` field, polygons or RLE, turned into masks after checking it.

Polygons are rasterised by pycocotools, so that masks are the very pixels every COCO tool gives; it is called only with
coordinates that were checked, because it reserves memory by the outline's length.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pycocotools import mask as coco_mask

from engine.errors import FormatError
from engine.masks import rle as rle_ops
from engine.masks.rle import Mask, Rle

# Annotation tools overshoot the border by some pixels; further outside, the annotation belongs to another image.
_OUTSIDE_PIXELS = 16
_OUTSIDE_PART = 0.1


def to_mask(segmentation: object, h: int, w: int) -> Mask:
    """The mask (h, w), bool, of a COCO segmentation: polygons [[x0, y0, x1, y1, ...], ...] (their union) or an RLE."""
    return rle_ops.decode(to_rle(segmentation, h, w))


def to_rle(segmentation: object, h: int, w: int) -> Rle:
    """The RLE of a COCO segmentation, checked against the image's h x w; FormatError says what is broken."""
    if isinstance(segmentation, Mapping):
        return rle_ops.validate(segmentation, h, w)
    if not isinstance(segmentation, Sequence) or isinstance(segmentation, str | bytes):
        raise FormatError(f"A segmentation is a list of polygons or an RLE, this is {type(segmentation).__name__}.")
    if len(segmentation) == 0:
        raise FormatError("The segmentation has no polygon. Remove the annotation or draw its outline.")
    outlines = [_checked(polygon, number, h, w) for number, polygon in enumerate(segmentation, start=1)]
    merged = coco_mask.merge(coco_mask.frPyObjects(outlines, h, w))
    return rle_ops.validate(merged, h, w)


def _checked(polygon: Any, number: int, h: int, w: int) -> list[float]:
    """One polygon as floats, or FormatError."""
    name = f"Polygon {number}"
    if not isinstance(polygon, Sequence) or isinstance(polygon, str | bytes):
        raise FormatError(f"{name} is {type(polygon).__name__}, not a list of coordinates [x0, y0, x1, y1, ...].")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in polygon):
        raise FormatError(f"{name} holds something that is not a number. Coordinates are [x0, y0, x1, y1, ...].")
    if len(polygon) % 2:
        raise FormatError(f"{name} has {len(polygon)} coordinates, an odd number: one x or y is missing.")
    if len(polygon) < 6:
        raise FormatError(f"{name} has {len(polygon) // 2} points; an outline needs at least 3.")
    try:
        values = [float(value) for value in polygon]
    except OverflowError:
        values = [math.inf]
    if not all(math.isfinite(value) for value in values):
        raise FormatError(f"{name} holds a coordinate that is not a finite number.")
    for side, coordinates, axis in ((w, values[0::2], "x"), (h, values[1::2], "y")):
        slack = max(_OUTSIDE_PIXELS, _OUTSIDE_PART * side)
        low, high = min(coordinates), max(coordinates)
        if low < -slack or high > side + slack:
            raise FormatError(
                f"{name} reaches from {axis} = {low:g} to {high:g}, far outside the image of {w} x {h} pixels. "
                "It was probably drawn on an image of another size."
            )
    return values
