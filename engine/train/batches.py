"""Batches for the training loop, made from a step number and a seed alone.

Since a batch depends on nothing but (seed, step), a run that was killed continues exactly where it was, and batches can
be made ahead in a thread without changing the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from engine.errors import TrainingError
from engine.train.augment import AugmentSettings, make_crop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.train.data import Sample, SampleSource

MAX_EMPTY_DRAWS = 200


@dataclass(frozen=True)
class BatchSize:
    """What one step works on: `num_images` square crops of `size` px with up to `num_masks` masks each."""

    size: int
    num_images: int
    num_masks: int


@dataclass(frozen=True)
class Batch:
    """`inputs`: normalised images (B, 3, S, S), or embeddings (B, C, g, g) where `embedded`.

    `targets` (N, 4g, 4g) coverage, `image_index` (N,), `offset` (x, y) of the crop in cells of the full grid.
    """

    inputs: Tensor
    embedded: bool
    targets: Tensor
    image_index: Tensor
    offset: tuple[int, int]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(
            inputs=self.inputs.to(device),
            embedded=self.embedded,
            targets=self.targets.to(device),
            image_index=self.image_index.to(device),
            offset=self.offset,
        )

    def split(self, parts: int) -> list[Batch]:
        """Up to `parts` batches of about as many images each, masks going with their images."""
        batches = []
        for images in torch.arange(len(self.inputs)).chunk(parts):
            first, last = int(images[0]), int(images[-1])
            mine = (self.image_index >= first) & (self.image_index <= last)
            if bool(mine.any()):
                batches.append(
                    Batch(
                        inputs=self.inputs[first : last + 1],
                        embedded=self.embedded,
                        targets=self.targets[mine],
                        image_index=self.image_index[mine] - first,
                        offset=self.offset,
                    )
                )
        return batches


class BatchSource(Protocol):
    """Makes batch `step` of a run; must be a pure function of its arguments."""

    def batch(self, seed: int, step: int, size: BatchSize) -> Batch: ...


class MixedSource:
    """Several sources drawn with given weights; index runs over all of them in order."""

    def __init__(self, sources: Sequence[SampleSource], weights: Sequence[float]) -> None:
        if len(sources) != len(weights) or not sources:
            raise ValueError("Every source needs one weight.")
        self._entries = [(source, index) for source in sources for index in range(len(source))]
        chances = [
            np.full(len(source), weight / len(source))
            for source, weight in zip(sources, weights, strict=True)
            if len(source)
        ]
        self.probabilities = np.concatenate(chances) / sum(float(part.sum()) for part in chances)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Sample:
        source, inner = self._entries[index]
        return source[inner]


class ImageBatches:
    """Augmented crops of images, for training the whole model."""

    def __init__(self, source: SampleSource, *, frame: int, patch_size: int, augment: AugmentSettings) -> None:
        if not len(source):
            raise TrainingError("There is no image with masks to train on; accept some masks first.")
        self._source = source
        self._frame = frame
        self._patch_size = patch_size
        self._augment = augment
        self._probabilities = source.probabilities if isinstance(source, MixedSource) else None

    def batch(self, seed: int, step: int, size: BatchSize) -> Batch:
        rng = np.random.default_rng([seed, step])
        images: list[NDArray[np.float32]] = []
        targets: list[NDArray[np.float32]] = []
        owners: list[int] = []
        draws = 0
        while len(images) < size.num_images:
            index = int(rng.choice(len(self._source), p=self._probabilities))
            crop = make_crop(
                self._source[index],
                rng,
                size=size.size,
                frame=self._frame,
                num_masks=size.num_masks,
                settings=self._augment,
            )
            draws += 1
            if not len(crop.targets):
                if draws > MAX_EMPTY_DRAWS * size.num_images:
                    raise TrainingError(
                        "No crop of the training images keeps a mask; the masks are too small to learn."
                    )
                continue
            owners += [len(images)] * len(crop.targets)
            images.append(crop.image)
            targets.append(crop.targets)
        room = (self._frame - size.size) // self._patch_size
        offset = (int(rng.integers(0, room + 1)), int(rng.integers(0, room + 1)))
        return Batch(
            inputs=torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2),
            embedded=False,
            targets=torch.from_numpy(np.concatenate(targets)),
            image_index=torch.tensor(owners),
            offset=offset,
        )
