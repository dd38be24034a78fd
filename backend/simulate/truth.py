"""Ground truth for the simulated annotators: a COCO folder (`images/`, `instances.json`) as masks per file name."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import FormatError
from engine.masks import polygons, rle

Mask = NDArray[np.bool_]


class Truth:
    """Masks by file name, decoded when asked for: thousands of full-size masks would not fit in memory."""

    def __init__(self, folder: Path, num_images: int, seed: int) -> None:
        """Choose `num_images` annotated images of the folder; raises FormatError when it is no COCO folder."""
        source = folder / "instances.json"
        if not source.is_file():
            raise FormatError(f"{folder} holds no instances.json. Give a COCO folder: images/ beside instances.json.")
        try:
            rows, by_image = _annotated(json.loads(source.read_text()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"{source} is not in COCO format ({type(error).__name__}: {error}).") from error
        if not rows:
            raise FormatError(f"{source} annotates no image. Choose a folder with annotated images.")
        order = np.random.default_rng(seed).permutation(len(rows))[:num_images]
        chosen = [rows[i] for i in sorted(order)]
        self.paths = [folder / "images" / row["file_name"] for row in chosen]
        missing = [path for path in self.paths if not path.is_file()]
        if missing:
            raise FormatError(f"{len(missing)} images of {source} are not there, the first is {missing[0]}.")
        # The platform shows an image by its bare name.
        if len({path.name for path in self.paths}) < len(self.paths):
            raise FormatError(f"Several images of {source} have the same name. Rename them, or choose fewer.")
        self._encoded = {
            PurePosixPath(row["file_name"]).name: [
                rle.encode(polygons.to_mask(a["segmentation"], row["height"], row["width"]))
                for a in by_image[row["id"]]
            ]
            for row in chosen
        }

    def __len__(self) -> int:
        return len(self.paths)

    def masks(self, file_name: str) -> list[Mask]:
        """The truth of one image, largest first (the order of prominence)."""
        masks = [rle.decode(encoded) for encoded in self._encoded[file_name]]
        return sorted((m for m in masks if m.any()), key=np.count_nonzero, reverse=True)


def _annotated(coco: Any) -> tuple[list[Any], dict[Any, list[Any]]]:
    """The images that have annotations, and the annotations by image id; crowds are left out."""
    by_image: dict[Any, list[Any]] = {}
    for row in coco["annotations"]:
        if not row.get("iscrowd"):
            by_image.setdefault(row["image_id"], []).append({"segmentation": row["segmentation"]})
    keys = ("id", "file_name", "height", "width")
    rows = [{key: row[key] for key in keys} for row in coco["images"] if row["id"] in by_image]
    return rows, by_image
