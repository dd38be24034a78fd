"""Images with masks for training and evaluation.

A `Sample` is one upright RGB image with its masks kept as COCO RLE and decoded on demand. `CocoDataset` reads a COCO
file, `ImageFolder` nothing but images; whatever cannot be used is left out and named in `problems`, so that one broken
polygon never stops a run.
Knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pycocotools import mask as coco_mask

from engine.errors import ImageError, TrainingError
from engine.generate.images import find_images, read_image
from engine.masks import rle as rle_ops
from engine.masks.rle import Rle
from engine.train.coco import read_coco

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from engine.train.coco import AnnotatedImage

BoolArray = NDArray[np.bool_]
UInt8Array = NDArray[np.uint8]
Box = tuple[float, float, float, float]

KEEP_BYTES = 8 * 2**30  # of decoded images: some 9000 of 640 x 480 px


@dataclass(frozen=True)
class Sample:
    """One image and its masks.

    `image` is uint8 RGB (H, W, 3); `rles` are compressed COCO RLEs of exactly (H, W). `complete`: all that counts as an
    object here has a mask, so that a prompt beside the masks has no right answer. `clicks`: where a person first
    clicked for each mask, (x, y) in pixels, or None; empty: not known. `dropped`: boxes of proposals that a person
    threw away, xyxy in pixels.
    """

    name: str
    image: UInt8Array
    rles: tuple[Rle, ...]
    complete: bool = False
    clicks: tuple[tuple[float, float] | None, ...] = ()
    dropped: tuple[Box, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of the image."""
        return self.image.shape[0], self.image.shape[1]

    @cached_property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of each mask, (K,)."""
        return np.array([int(coco_mask.area(rle)) for rle in self.rles], dtype=np.int64)

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """Tight boxes of the masks, xyxy with exclusive right and bottom edges, (K, 4)."""
        if not self.rles:
            return np.zeros((0, 4))
        xywh = np.array([coco_mask.toBbox(rle) for rle in self.rles], dtype=np.float64)
        return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)

    def mask(self, index: int) -> BoolArray:
        """Mask `index`, bool (H, W)."""
        return rle_ops.decode(self.rles[index])

    def bare(self) -> BoolArray:
        """What no mask covers, bool (H, W)."""
        if not self.rles:
            return np.ones(self.size, dtype=bool)
        return np.logical_not(rle_ops.decode(coco_mask.merge(list(self.rles))))

    def masks(self) -> BoolArray:
        """All masks, bool (K, H, W)."""
        if not self.rles:
            return np.zeros((0, *self.size), dtype=bool)
        return np.stack([self.mask(i) for i in range(len(self.rles))])


def sample_from_masks(
    name: str, image: UInt8Array, masks: Sequence[BoolArray] | BoolArray, *, complete: bool = False
) -> Sample:
    """A `Sample` from bool masks (H, W); empty masks are left out."""
    return Sample(name, image, tuple(rle_ops.encode(mask) for mask in masks if np.any(mask)), complete)


class SampleSource(Protocol):
    """What training and evaluation read: a fixed number of samples, each loaded by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class CocoDataset:
    """A COCO instances file and its images, decoded once and kept in memory.

    `source` is a COCO file or a folder that holds one (`read_coco`), or a pair (json file, images folder). Crowd
    annotations are left out. Broken polygons and RLEs, unknown image ids and images that are missing or cannot be
    decoded are left out and described in `problems`, one sentence each. Images that keep no mask are left out too.

    Raises `TrainingError` if the JSON file is missing or is not a COCO instances file, or if nothing usable is left.
    """

    def __init__(self, source: str | Path | tuple[str | Path, str | Path], *, min_area: int = 1) -> None:
        place, images_dir = source if isinstance(source, tuple) else (source, None)
        found = read_coco(Path(place), None if images_dir is None else Path(images_dir))
        self.problems = found.problems
        self.samples: list[Sample] = []
        for row in found.images:
            masks = row.masks(self.problems, min_area)
            image = read_annotated(row, self.problems) if masks else None
            if image is not None:
                self.samples.append(Sample(row.name, image, masks))
        if not self.samples:
            first = f" First problem: {self.problems[0]}" if self.problems else ""
            raise TrainingError(
                f"{found.path} holds no image with a usable mask; add annotated images or point to another file.{first}"
            )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)


class KeptImages:
    """Decoded images, kept in memory until they take `keep_bytes` together: for reads in random order, where none
    deserves a place more than another.
    """

    def __init__(self, keep_bytes: int) -> None:
        self._kept: dict[Hashable, UInt8Array] = {}
        self._room = keep_bytes

    def get(self, key: Hashable, read: Callable[[], UInt8Array]) -> UInt8Array:
        """The image of this key, which `read` reads where it is not kept."""
        image = self._kept.get(key)
        if image is None:
            image = read()
            if image.nbytes <= self._room:  # threads may race for the last place: a limit, not an account
                self._room -= image.nbytes
                self._kept[key] = image
        return image


class ImageFolder:
    """The images of a folder as samples without masks.

    `folder` holds image files itself, or is one with `instances.json`, of whose `images/` all are taken. An image is
    decoded when it is asked for, and kept in memory until they take `keep_bytes` together. Asking for one that cannot
    be decoded raises `ImageError` and describes it in `problems`, by name.

    Raises `TrainingError` if the folder does not exist or holds no image file.
    """

    def __init__(self, folder: str | Path, *, keep_bytes: int = KEEP_BYTES) -> None:
        place = Path(folder)
        if (place / "instances.json").is_file():
            place = place / "images"
        if not place.is_dir():
            raise TrainingError(f"There is no folder {place}; give one that holds images.")
        self._paths = find_images(place)
        if not self._paths:
            raise TrainingError(f"{place} holds no image; add some, or give another folder.")
        self.problems: dict[str, str] = {}
        self._images = KeptImages(keep_bytes)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self._paths[index].name, self._images.get(index, lambda: self._read(index)), ())

    def _read(self, index: int) -> UInt8Array:
        path = self._paths[index]
        try:
            return read_image(path)
        except ImageError as error:
            self.problems[path.name] = f"Image {path.name} was skipped: {error}"
            raise


def read_annotated(entry: AnnotatedImage, problems: list[str]) -> UInt8Array | None:
    """The upright pixels of an annotated image, uint8 (h, w, 3); None, and a problem more, where they are missing,
    cannot be decoded or are not of the size that its row says.
    """
    if not entry.is_there():
        problems.append(f"Image {entry.name} is missing from {entry.path.parent}; it was skipped.")
        return None
    try:
        with Image.open(entry.path) as opened:
            image = np.array(ImageOps.exif_transpose(opened).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        problems.append(f"Image {entry.name} cannot be decoded ({error}); it was skipped.")
        return None
    if image.shape[:2] != entry.size:
        problems.append(f"Image {entry.name} is {image.shape[:2]} but its row says {entry.size}; it was skipped.")
        return None
    return image
