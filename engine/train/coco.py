"""Reading masks from a COCO instances file, wherever the usual tools put it and its images.

Whatever cannot be used is left out and described in `problems`, one sentence each, so that one broken polygon never
stops a run. Masks are made of an image's annotations when they are asked for: most files hold more than is used. Looks
at no pixel; `engine.train.data` decodes the images.
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
    from engine.masks.rle import Rle

# In a folder: as this project has it, as Roboflow exports it (images beside it), as this project exports it.
NAMES = ("instances.json", "_annotations.coco.json", "annotations/instances.json")
LAYOUTS = "instances.json beside images/, annotations/instances*.json beside images/, or _annotations.coco.json"
PROBED = 200  # images looked for to tell in which folder they are


@dataclass(frozen=True)
class AnnotatedImage:
    """A row of the file: `name` as it stands there, (h, w), and its annotations, crowds left out, one at least."""

    name: str
    path: Path
    size: tuple[int, int]
    annotations: tuple[dict[str, Any], ...]

    def masks(self, problems: list[str], min_area: int = 1) -> tuple[Rle, ...]:
        """Those of at least `min_area` pixels; broken and empty ones are left out and described in `problems`."""
        masks = []
        for annotation in self.annotations:
            label = f"Annotation {annotation.get('id', 'without id')} of {self.name}"
            try:
                rle = polygons.to_rle(annotation.get("segmentation"), *self.size)
            except FormatError as error:
                problems.append(f"{label} was skipped: {error}")
                continue
            area = rle_ops.area(rle)
            if area >= max(min_area, 1):
                masks.append(rle)
            elif area == 0:
                problems.append(f"{label} covers no pixel; it was skipped.")
        return tuple(masks)

    def is_there(self) -> bool:
        """Whether its file is; a name that no file can have is not."""
        return _is_file(self.path)


@dataclass
class CocoFile:
    """What `path` holds: every annotated image, whether or not its own file can be read."""

    path: Path
    images: list[AnnotatedImage]
    problems: list[str] = field(default_factory=list)


def read_coco(source: Path, images_dir: Path | None = None) -> CocoFile:
    """Read a COCO file, given itself or by a folder that holds one in a usual place.

    `images_dir` is where its images are; without it the usual folder is taken in which most of them are.

    Raises:
        TrainingError: there is no such file, more than one it could be, or it is not a COCO instances file.
    """
    path = source if source.is_file() else _file_in(source)
    document = _document(path)
    found = CocoFile(path, [])
    rows = _rows(document, found.problems)
    annotations = _by_image(document, rows, found.problems)
    annotated = [(name, size, tuple(annotations[key])) for key, (name, size) in rows.items() if annotations[key]]
    folder = images_dir or _images_dir(path, [name for name, _, _ in annotated])
    found.images = [AnnotatedImage(name, folder / name, size, rows) for name, size, rows in annotated]
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
    """The folder in which most of the images are that are looked for; of equal ones that made for this file."""
    beside = path.parent
    folder = beside.parent if beside.name == "annotations" else beside
    part = path.stem.removeprefix("instances_")  # val2017/ for COCO itself, images/default/ for CVAT
    usual = [folder / "images" / part, folder / part, folder / "images", beside / "images", beside, folder]
    probed = names[:: len(names) // PROBED + 1]
    hits = [sum(_is_file(place / name) for name in probed) for place in usual]
    return usual[hits.index(max(hits))] if any(hits) else folder / "images"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


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


def _by_image(
    document: dict[str, Any], rows: dict[Any, tuple[str, tuple[int, int]]], problems: list[str]
) -> dict[Any, list[dict[str, Any]]]:
    """Annotations by image id, crowds left out."""
    found: dict[Any, list[dict[str, Any]]] = {key: [] for key in rows}
    for number, annotation in enumerate(document["annotations"]):
        key = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not isinstance(key, str | int | float) or key not in rows:
            problems.append(f"Annotation {number} belongs to no image of the file; it was skipped.")
        elif not annotation.get("iscrowd"):
            found[key].append(annotation)
    return found
