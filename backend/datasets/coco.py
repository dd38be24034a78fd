"""COCO annotation files: read, checked, and turned into RLE masks per image. Pure, no database."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from backend.datasets.quarantine import clean_name
from backend.datasets.sources import Refused
from engine.errors import FormatError
from engine.masks import polygons, rle


class NotCoco(Exception):  # noqa: N818
    """A JSON file that is not a COCO file; the message says why."""


@dataclass(frozen=True, kw_only=True)
class CocoImage:
    """One image of the file, and its annotations as they stand there."""

    file_name: str
    width: int | None
    height: int | None
    annotations: list[Mapping[str, Any]] = field(default_factory=list)


def parse(data: bytes) -> list[CocoImage]:
    """The images that have annotations. Raises `NotCoco`."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotCoco(f"This is not valid JSON ({error}).") from None
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise NotCoco("This JSON file is not in COCO format: it has no list called 'images'.")
    if not isinstance(document.get("annotations"), list):
        raise NotCoco("This JSON file is not in COCO format: it has no list called 'annotations'.")
    by_image: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in document["annotations"]:
        if isinstance(annotation, dict) and isinstance(annotation.get("image_id"), int | str):
            by_image[annotation["image_id"]].append(annotation)
    images = []
    for entry in document["images"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str):
            raise NotCoco("This JSON file is not in COCO format: an image in it has no 'file_name'.")
        key = entry.get("id")
        annotations = by_image.get(key, []) if isinstance(key, int | str) else []
        if annotations:
            sizes = (entry.get("width"), entry.get("height"))
            width, height = (value if isinstance(value, int) else None for value in sizes)
            images.append(CocoImage(file_name=entry["file_name"], width=width, height=height, annotations=annotations))
    return images


def masks_of(image: CocoImage, height: int, width: int) -> tuple[list[dict[str, Any]], list[Refused]]:
    """RLE masks of the image's annotations, and a line for each that is no mask of an image of this size."""
    shown = PurePosixPath(clean_name(image.file_name)).name
    if (image.width, image.height) not in ((width, height), (None, None)):
        reason = f"Its annotations are for {image.width} x {image.height} pixels; the image is {width} x {height}."
        if (image.width, image.height) == (height, width):
            reason += " It was turned upright, as its EXIF data asks; export the annotations for the upright image."
        return [], [Refused(name=shown, reason=reason)]
    masks: list[dict[str, Any]] = []
    refused: list[Refused] = []
    for annotation in image.annotations:
        name = f"{shown}, annotation {annotation.get('id', '?')}"
        segmentation = annotation.get("segmentation")
        if annotation.get("iscrowd") == 1:
            refused.append(Refused(name=name, reason="It marks a crowd, not one object."))
            continue
        if not segmentation:
            refused.append(Refused(name=name, reason="It has no segmentation, only a box."))
            continue
        try:
            encoded = dict(polygons.to_rle(segmentation, height, width))
        except FormatError as error:
            refused.append(Refused(name=name, reason=str(error)))
            continue
        if rle.area(encoded) == 0:
            refused.append(Refused(name=name, reason="Its outline covers no pixel."))
            continue
        masks.append(encoded)
    return masks, refused
