"""Ground truth for the simulated annotators: a COCO file (`engine.train.coco`) as masks per file name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from engine.errors import FormatError
from engine.masks import rle
from engine.train.coco import AnnotatedImage, read_coco

Mask = NDArray[np.bool_]


class Truth:
    """Masks by file name, decoded when asked for: thousands of full-size masks would not fit in memory.

    `problems`: what of the file cannot be used and was left out, one sentence each.
    """

    def __init__(self, source: Path, num_images: int, seed: int) -> None:
        """Choose `num_images` annotated images that are there.

        Raises `TrainingError` if `source` is no COCO file or folder, `FormatError` if no usable image is in it.
        """
        found = read_coco(source)
        self.problems = found.problems
        rows = self._usable(found.images)
        if not rows:
            first = f" First problem: {self.problems[0]}" if self.problems else ""
            raise FormatError(f"{found.path} annotates no image that is there. Choose a folder with some.{first}")
        order = np.random.default_rng(seed).permutation(len(rows))[:num_images]
        chosen = [rows[i] for i in sorted(order)]
        self.paths = [row.path for row in chosen]
        self._encoded = {row.path.name: row.rles for row in chosen}

    def _usable(self, images: list[AnnotatedImage]) -> list[AnnotatedImage]:
        """Those whose files are there, one of each bare name: that is what the platform shows."""
        rows: dict[str, AnnotatedImage] = {}
        for row in images:
            name = PurePosixPath(row.name).name
            if not row.path.is_file():
                self.problems.append(f"Image {row.name} is missing from {row.path.parent}; it was skipped.")
            elif name in rows:
                self.problems.append(f"Image {row.name} has the name of another in a different folder; it was skipped.")
            else:
                rows[name] = row
        return list(rows.values())

    def __len__(self) -> int:
        return len(self.paths)

    def masks(self, file_name: str) -> list[Mask]:
        """The truth of one image, largest first (the order of prominence)."""
        return sorted((rle.decode(encoded) for encoded in self._encoded[file_name]), key=np.count_nonzero, reverse=True)
