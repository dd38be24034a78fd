"""COCO's instance format: one JSON for all images, masks as compressed RLE, one category "object".

COCO's own conventions, which are not SA-1B's: boxes are tight with +1 (as pycocotools.toBbox gives them), `iscrowd`
is 0 although the mask is an RLE (pycocotools and every reader built on it take that), ids start at 1. Masks stay
RLEs: outlines would lose holes and pixels.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.errors import FormatError
from engine.export.sa1b import ImageMeta, write_json
from engine.masks import polygons
from engine.masks import rle as rle_ops

CATEGORIES = [{"id": 1, "name": "object", "supercategory": "object"}]


def annotation(segmentation: object, *, annotation_id: int, image_id: int, width: int, height: int) -> dict[str, Any]:
    """One COCO annotation from an RLE or polygons (kept as RLE); FormatError when it does not fit or is empty."""
    rle = polygons.to_rle(segmentation, height, width)
    area = rle_ops.area(rle)
    if area == 0:
        raise FormatError(f"Annotation {annotation_id} is an empty mask. Leave it out, or draw it again.")
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": 1,
        "segmentation": rle,
        "area": area,
        "bbox": rle_ops.coco_bbox_xywh(rle),
        "iscrowd": 0,
    }


def dataset(
    entries: Iterable[tuple[ImageMeta, Iterable[Mapping[str, Any]]]], *, description: str = "Maskloom export"
) -> dict[str, Any]:
    """A COCO dataset from (image, its records) pairs; a record is any mapping with `segmentation`.

    Annotations are numbered through from 1. FormatError when two images share an id or a name, or a mask does not fit.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    ids: set[int] = set()
    names: set[str] = set()
    for image, records in entries:
        image_id, name, width, height = image["image_id"], image["file_name"], image["width"], image["height"]
        if image_id in ids or name in names:
            raise FormatError(f"Two images of the export share the id {image_id} or the name {name!r}. Rename one.")
        ids.add(image_id)
        names.add(name)
        images.append({"id": image_id, "width": width, "height": height, "file_name": name})
        for record in records:
            annotations.append(
                annotation(
                    record["segmentation"],
                    annotation_id=len(annotations) + 1,
                    image_id=image_id,
                    width=width,
                    height=height,
                )
            )
    return {
        "info": {"description": description},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": CATEGORIES,
    }


def write_dataset(
    path: Path | str,
    entries: Iterable[tuple[ImageMeta, Iterable[Mapping[str, Any]]]],
    *,
    description: str = "Maskloom export",
) -> dict[str, Any]:
    """Write a COCO dataset, whole or not at all; returns what was written."""
    document = dataset(entries, description=description)
    write_json(Path(path), document)
    return document
