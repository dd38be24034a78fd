"""SA-1B's format: one JSON file per image, masks as COCO RLE.

    {"image": {"image_id", "width", "height", "file_name"},
     "annotations": [{"id", "segmentation": {"size", "counts"}, "bbox": [x, y, w, h], "area", "predicted_iou",
                      "stability_score", "crop_box": [x, y, w, h], "point_coords": [[x, y]]}]}

Boxes are [x, y, xmax - xmin, ymax - ymin] without +1, as SA-1B's own are. Area and box are computed from the mask,
never taken over: a file written here is consistent with itself.
"""

import json
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from engine.errors import FormatError
from engine.masks import components
from engine.masks import rle as rle_ops
from engine.masks.rle import Rle


class ImageMeta(TypedDict):
    """The image of a file; `file_name` is the image's own name, extension included."""

    image_id: int
    width: int
    height: int
    file_name: str


class Annotation(TypedDict):
    """One mask of a file, exactly SA-1B's fields."""

    id: int
    segmentation: Rle
    bbox: list[int]
    area: int
    predicted_iou: float
    stability_score: float
    crop_box: list[int]
    point_coords: list[list[float]]


def image_record(
    segmentation: Mapping[str, Any],
    *,
    annotation_id: int,
    width: int,
    height: int,
    predicted_iou: float | None = None,
    stability_score: float | None = None,
    crop_box: Iterable[int] | None = None,
    point_coords: Iterable[Iterable[float]] | None = None,
) -> Annotation:
    """One annotation of an image of width x height pixels; FormatError when the RLE does not fit it or is empty.

    What a mask made by a person lacks is filled in so that readers of SA-1B can take it: both scores are 1 (a person
    accepted it, a filter on scores should too), the crop is the whole image, the point is the pixel deepest inside.
    """
    checked = rle_ops.validate(segmentation, height, width)
    area = rle_ops.area(checked)
    if area == 0:
        raise FormatError(f"Annotation {annotation_id} is an empty mask. Leave it out, or draw it again.")
    points = [[float(value) for value in point] for point in point_coords or ()]
    if not points:
        points = [[float(value) for value in components.inner_point(rle_ops.decode(checked))]]
    return {
        "id": annotation_id,
        "segmentation": checked,
        "bbox": rle_ops.bbox_xywh(checked),
        "area": area,
        "predicted_iou": 1.0 if predicted_iou is None else float(predicted_iou),
        "stability_score": 1.0 if stability_score is None else float(stability_score),
        "crop_box": [0, 0, width, height] if crop_box is None else [int(side) for side in crop_box],
        "point_coords": points,
    }


def image_document(image: ImageMeta, records: Iterable[Mapping[str, Any]], *, first_id: int = 1) -> dict[str, Any]:
    """The content of one file. `records` are a generator's (or any mapping with at least `segmentation`).

    A record without `id` is numbered, from `first_id` on.
    """
    width, height = image["width"], image["height"]
    annotations = [
        image_record(
            record["segmentation"],
            annotation_id=record.get("id", first_id + index),
            width=width,
            height=height,
            predicted_iou=record.get("predicted_iou"),
            stability_score=record.get("stability_score"),
            crop_box=record.get("crop_box"),
            point_coords=record.get("point_coords"),
        )
        for index, record in enumerate(records)
    ]
    meta = {
        "image_id": image["image_id"],
        "width": width,
        "height": height,
        "file_name": image["file_name"],
    }
    return {"image": meta, "annotations": annotations}


def write_image_json(
    path: Path | str, image: ImageMeta, records: Iterable[Mapping[str, Any]], *, first_id: int = 1
) -> dict[str, Any]:
    """Write one image's file, whole or not at all; returns what was written."""
    document = image_document(image, records, first_id=first_id)
    write_json(Path(path), document)
    return document


def read_image_json(path: Path | str) -> dict[str, Any]:
    """Read one image's file back, every RLE checked against the image's size; FormatError says what is wrong."""
    annotation: Any = None
    try:
        document = json.loads(Path(path).read_bytes())
        image, annotations = document["image"], document["annotations"]
        for annotation in annotations:
            rle_ops.validate(annotation["segmentation"], image["height"], image["width"])
    except FormatError as error:
        raise FormatError(f"{path}, annotation {annotation.get('id')}: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path} is not an SA-1B file ({type(error).__name__}: {error}). Export it again.") from error
    return {"image": image, "annotations": annotations}


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON beside its place and rename it there: a reader, a crash or a full disk never sees half a file.

    NaN and infinity are refused (FormatError): JSON has no words for them.
    """
    try:
        text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise FormatError(f"{path.name} would hold a number that JSON cannot say ({error}).") from error
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
