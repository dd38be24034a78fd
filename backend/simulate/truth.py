"""Ground truth for the simulated annotators: a COCO file (`engine.train.coco`) as masks per file name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import FormatError
from engine.masks import rle
from engine.masks.rle import Rle
from engine.train.coco import AnnotatedImage, read_coco
from engine.train.data import read_annotated

Mask = NDArray[np.bool_]


class Truth:
    """Masks by file name, decoded when asked for: thousands of full-size masks would not fit in memory.

    `problems`: what of the file cannot be used and was left out, one sentence each.
    """

    def __init__(self, source: Path, num_images: int, seed: int) -> None:
        """Choose `num_images` annotated images that can be read.

        Raises `TrainingError` if `source` is no COCO file or folder, `FormatError` if no usable image is in it.
        """
        found = read_coco(source)
        self.problems = found.problems
        chosen: dict[int, tuple[Path, tuple[Rle, ...]]] = {}
        names: set[str] = set()
        for index in np.random.default_rng(seed).permutation(len(found.images)):
            if len(chosen) == num_images:
                break
            row = found.images[index]
            masks = self._usable(row, names)
            if masks:
                chosen[int(index)] = (row.path, masks)
                names.add(row.path.name)
        if not chosen:
            first = f" First problem: {self.problems[0]}" if self.problems else ""
            raise FormatError(f"{found.path} annotates no image that can be read. Choose a folder with some.{first}")
        ordered = [chosen[index] for index in sorted(chosen)]
        self.paths = [path for path, _ in ordered]
        self._encoded = {path.name: masks for path, masks in ordered}

    def _usable(self, row: AnnotatedImage, names: set[str]) -> tuple[Rle, ...]:
        """Its masks; none where it cannot be read, or has the bare name, which the platform shows, of one before."""
        if row.path.name in names:
            self.problems.append(f"Image {row.name} has the name of another in a different folder; it was skipped.")
            return ()
        masks = row.masks(self.problems)
        return masks if masks and read_annotated(row, self.problems) is not None else ()

    def __len__(self) -> int:
        return len(self.paths)

    def masks(self, file_name: str) -> list[Mask]:
        """The truth of one image, largest first (the order of prominence)."""
        return sorted((rle.decode(encoded) for encoded in self._encoded[file_name]), key=np.count_nonzero, reverse=True)
