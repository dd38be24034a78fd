"""What stands in an export: its documents, built from images and masks. Pure, no database and no files.

Every RLE is decoded and encoded again before it is written; what does not survive that is an error here, not a
surprise in somebody's training run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from engine.errors import ExportError, FormatError
from engine.export import coco, sa1b
from engine.export.sa1b import ImageMeta
from engine.masks import rle as rles

MANIFEST_FORMAT = "maskloom-export-1"
MANIFEST_NAME = "manifest.json"
COCO_NAME = "annotations/instances.json"


@dataclass(frozen=True, kw_only=True)
class ExportImage:
    """One image of the export. `stem` is unique in the archive, `number` counts from 1 in the export's order."""

    number: int
    stem: str
    original_name: str
    suffix: str
    height: int
    width: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The image's name in the export: its own, unless another image has that name already."""
        return f"{self.stem}{self.suffix}"

    @property
    def meta(self) -> ImageMeta:
        return {"image_id": self.number, "width": self.width, "height": self.height, "file_name": self.file_name}


@dataclass(frozen=True, kw_only=True)
class ExportMask:
    """One mask of an image: what SA-1B says of a mask."""

    mask_id: str
    rle: Mapping[str, Any]
    predicted_iou: float | None
    stability_score: float | None
    crop_box: Sequence[float] | None
    points: Sequence[Sequence[float]]


def suffix_of(file_name: str, media_type: str) -> str:
    """The image's own suffix; one that fits its type where the name has none."""
    suffix = PurePosixPath(file_name.replace("\\", "/")).suffix
    return suffix or {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}.get(media_type, ".img")


def checked_rle(mask: ExportMask, image: ExportImage) -> rles.Rle:
    """The RLE in its shortest form, after a round trip through pixels; ExportError names the mask that fails it."""
    try:
        pixels = rles.decode(rles.validate(mask.rle, image.height, image.width))
        again = rles.encode(pixels)
        same = np.array_equal(rles.decode(again), pixels)
    except FormatError as error:
        raise ExportError(f"Mask {mask.mask_id} of {image.original_name} cannot be exported. {error}") from error
    if not same or not pixels.any():
        raise ExportError(
            f"Mask {mask.mask_id} of {image.original_name} does not survive being written and read. "
            "Delete it or draw it again, then export again."
        )
    return again


def records(image: ExportImage, masks: Sequence[ExportMask]) -> list[dict[str, Any]]:
    """The masks as the engine's export functions take them."""
    return [
        {
            "segmentation": checked_rle(mask, image),
            "predicted_iou": mask.predicted_iou,
            "stability_score": mask.stability_score,
            "crop_box": mask.crop_box,
            "point_coords": mask.points,
        }
        for mask in masks
    ]


def sa1b_json(image: ExportImage, items: Sequence[Mapping[str, Any]], first_id: int) -> bytes:
    """One image's file; its annotations are numbered from `first_id`."""
    return to_json(sa1b.image_document(image.meta, items, first_id=first_id))


def coco_json(entries: Sequence[tuple[ExportImage, Sequence[Mapping[str, Any]]]], name: str) -> bytes:
    """The instances file of the whole export."""
    return to_json(coco.dataset([(image.meta, items) for image, items in entries], description=f"{name}, by Maskloom"))


def to_json(document: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8; NaN and infinity, for which JSON has no words, are refused."""
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode()
    except ValueError as error:
        raise ExportError(f"The export would hold a number that JSON cannot say ({error}).") from error
