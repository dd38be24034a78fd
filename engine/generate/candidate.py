"""A mask on its way from an answer to a record: what is known of it, how it is cleaned, which of several stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt

from engine.generate.crops import Crop
from engine.masks import boxes, components, nms
from engine.masks import rle as rle_ops
from engine.masks.rle import Rle

Box = tuple[int, int, int, int]


class MaskRecord(TypedDict):
    """One generated mask, in the image frame and in SA-1B's conventions."""

    segmentation: Rle
    area: int
    bbox: list[int]
    predicted_iou: float
    stability_score: float
    point_coords: list[list[float]]
    crop_box: list[int]


@dataclass(frozen=True)
class Candidate:
    """A mask on its way through the filters; everything is in the image frame, `box` is xyxy inclusive."""

    rle: Rle
    area: int
    box: Box
    predicted_iou: float
    stability: float
    point: tuple[float, float]
    crop: Crop

    def record(self) -> MaskRecord:
        """As it leaves the generator."""
        return {
            "segmentation": self.rle,
            "area": self.area,
            "bbox": boxes.xywh(self.box),
            "predicted_iou": self.predicted_iou,
            "stability_score": self.stability,
            "point_coords": [list(self.point)],
            "crop_box": self.crop.xywh,
        }


@dataclass(frozen=True)
class Sketch:
    """A mask that has passed, before it is written down; `low_res` (h, w) are its logits, where they were made.

    Most are suppressed, so that their RLEs would be made for nothing. `box` is in the image frame, `point` in the
    crop's.
    """

    low_res: Any
    box: Box
    predicted_iou: float
    stability: float
    point: tuple[float, float]


Found = TypeVar("Found", bound=Candidate | Sketch)


def clean_candidate(candidate: Candidate, area: int, *, keep_largest: bool) -> Candidate | None:
    """The candidate without holes and islands below `area` pixels: itself if it has none, None if nothing is left."""
    height, width = candidate.rle["size"]
    x0, y0, x1, y1 = candidate.box
    # A margin of `area` pixels: background that leaves the window is at least that large, so it is never a hole.
    left, top = max(0, x0 - area), max(0, y0 - area)
    right, bottom = min(width, x1 + 1 + area), min(height, y1 + 1 + area)
    window = rle_ops.decode(candidate.rle)[top:bottom, left:right]
    mask, changed = components.clean(window, area, keep_largest=keep_largest)
    if not changed:
        return candidate
    if not mask.any():
        return None
    rle = rle_ops.encode_window(mask, (left, top), (height, width))
    return replace(candidate, rle=rle, area=rle_ops.area(rle), box=rle_ops.box_xyxy(rle))


def suppress(found: Sequence[Found], scores: npt.NDArray[np.float64], thresh: float) -> list[Found]:
    """Of candidates whose boxes overlap by more than `thresh`, the one of the highest score; best first."""
    corners = np.array([candidate.box for candidate in found], dtype=np.float64).reshape(-1, 4)
    return [found[index] for index in nms.box_nms(corners, scores, thresh)]
