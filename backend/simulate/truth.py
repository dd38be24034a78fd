"""Ground truth for the simulated annotators: a COCO folder (`images/`, `instances.json`) as masks per file name."""

from __future__ import annotations

import json
from pathlib import Path

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
        coco = json.loads(source.read_text())
        by_image: dict[int, list[dict[str, object]]] = {}
        for row in coco["annotations"]:
            if not row.get("iscrowd"):
                by_image.setdefault(row["image_id"], []).append(row)
        rows = [row for row in coco["images"] if row["id"] in by_image]
        if not rows:
            raise FormatError(f"{source} annotates no image.")
        order = np.random.default_rng(seed).permutation(len(rows))[:num_images]
        chosen = [rows[i] for i in sorted(order)]
        self.paths = [folder / "images" / row["file_name"] for row in chosen]
        self._encoded = {
            row["file_name"]: [
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
