"""Reading masks from a COCO instances file, wherever the usual tools put it and its images.

Whatever cannot be used is left out and described in `problems`, one sentence each, so that one broken polygon never
stops a run. Looks at no pixel; `engine.train.data` decodes the images.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import FormatError, TrainingError
from engine.masks import polygons
from engine.masks import rle as rle_ops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.masks.rle import Rle

# In a folder: as this project has it, as Roboflow exports it (images beside it), as this project exports it.
NAMES = ("instances.json", "_annotations.coco.json", "annotations/instances.json")
LAYOUTS = "instances.json beside images/, annotations/instances*.json beside images/, or _annotations.coco.json"
PROBED = 50  # images looked for until one tells in which folder they are


@dataclass(frozen=True)
class AnnotatedImage:
    """A row of the file: `name` as it stands there, (h, w), and its masks, one at least."""

    name: str
    path: Path
    size: tuple[int, int]
    rles: tuple[Rle, ...]


@dataclass
class CocoFile:
    """What `path` holds: every image with a usable mask, whether or not its own file can be read."""

    path: Path
    images: list[AnnotatedImage]
    problems: list[str] = field(default_factory=list)


def read_coco(source: Path, images_dir: Path | None = None, *, min_area: int = 1) -> CocoFile:
    """Read a COCO file, given itself or by a folder that holds one in a usual place; crowds are left out.

    `images_dir` is where its images are; without it they are looked for beside the file and in `images/`. Masks of
    fewer than `min_area` pixels are left out.

    Raises:
        TrainingError: there is no such file, more than one it could be, or it is not a COCO instances file.
    """
    path = source if source.is_file() else _file_in(source)
    document = _document(path)
    found = CocoFile(path, [])
    rows = _rows(document, found.problems)
    rles = _masks(document, rows, min_area, found.problems)
    annotated = [(name, size, tuple(rles[image_id])) for image_id, (name, size) in rows.items() if rles[image_id]]
    folder = images_dir or _images_dir(path, [name for name, _, _ in annotated])
    found.images = [AnnotatedImage(name, folder / name, size, masks) for name, size, masks in annotated]
    return found


def _file_in(folder: Path) -> Path:
    for name in NAMES:
        if (folder / name).is_file():
            return folder / name
    others = sorted((folder / "annotations").glob("instances*.json"))
    if not others:
        raise TrainingError(f"No COCO file in {folder}; give a folder with {LAYOUTS} in it, or the file itself.")
    if len(others) > 1:
        names = ", ".join(path.name for path in others)
        raise TrainingError(f"{folder} holds several COCO files ({names}); give the one that is meant.")
    return others[0]


def _images_dir(path: Path, names: list[str]) -> Path:
    """The first folder in which one of the images is, else the most usual one."""
    folder = path.parent.parent if path.parent.name == "annotations" else path.parent
    part = path.stem.removeprefix("instances_")  # val2017/ for COCO itself, images/default/ for CVAT
    usual = [folder / "images", path.parent, folder, folder / "images" / part, folder / part]
    for place in usual:
        if any((place / name).is_file() for name in names[:PROBED]):
            return place
    return usual[0]


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TrainingError(f"{path} cannot be read as JSON ({error}); export it again.") from error
    wanted = ("images", "annotations")
    if not isinstance(document, dict) or not all(isinstance(document.get(key), list) for key in wanted):
        raise TrainingError(f"{path} is not a COCO instances file: it needs the lists 'images' and 'annotations'.")
    return document


def _rows(document: dict[str, Any], problems: list[str]) -> dict[Any, tuple[str, tuple[int, int]]]:
    """(file name, (h, w)) by image id."""
    rows = {}
    for number, row in enumerate(document["images"]):
        try:
            rows[row["id"]] = (str(row["file_name"]), (int(row["height"]), int(row["width"])))
        except (KeyError, TypeError, ValueError):
            problems.append(f"Image row {number} lacks id, file_name, height or width; it was skipped.")
    return rows


def _masks(
    document: dict[str, Any], rows: dict[Any, tuple[str, tuple[int, int]]], min_area: int, problems: list[str]
) -> dict[Any, list[Rle]]:
    rles: dict[Any, list[Rle]] = {image_id: [] for image_id in rows}
    for number, annotation in _numbered(document["annotations"]):
        image_id = annotation.get("image_id")
        if image_id not in rows:
            problems.append(f"Annotation {number} belongs to no image of the file; it was skipped.")
            continue
        if annotation.get("iscrowd"):
            continue
        name, size = rows[image_id]
        label = f"Annotation {annotation.get('id', number)} of {name}"
        try:
            rle = polygons.to_rle(annotation.get("segmentation"), *size)
        except FormatError as error:
            problems.append(f"{label} was skipped: {error}")
            continue
        area = rle_ops.area(rle)
        if area >= max(min_area, 1):
            rles[image_id].append(rle)
        elif area == 0:
            problems.append(f"{label} covers no pixel; it was skipped.")
    return rles


def _numbered(annotations: list[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((number, row if isinstance(row, dict) else {}) for number, row in enumerate(annotations))
