"""Batches for the training loop, made from a step number and a seed alone.

Since a batch depends on nothing but (seed, step), a run that was killed continues exactly where it was, and batches can
be made ahead in threads without changing the run. Each of its images has a place, and depends on nothing but (seed,
step, place): processes that train together make their own places only, and what they make is the same batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypedDict

import numpy as np
import torch
from torch import Tensor

from engine.errors import TrainingError
from engine.geometry import LOW_RES_STRIDE
from engine.train.augment import AugmentSettings, num_pastes, plan_crop
from engine.train.rendering import render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.train.augment import CropPlan
    from engine.train.data import Sample, SampleSource

    Renderer = Callable[["CropPlan", AugmentSettings], "RenderedCrop"]

MAX_EMPTY_DRAWS = 200
LOWERED, LEAST_CELLS = 0.8, 0.5  # the smallest mask a crop may keep, after each that kept none, and in any case


@dataclass(frozen=True)
class BatchSize:
    """What one step works on: `num_images` square crops of `size` px with up to `num_masks` masks each."""

    size: int
    num_images: int
    num_masks: int


@dataclass(frozen=True)
class Batch:
    """`inputs`: normalised images (B, 3, S, S), or embeddings (B, C, g, g) where `embedded`; B may be 0.

    `targets` (N, 4g, 4g) coverage, `image_index` (N,), `offset` (x, y) of the crop in cells of the full grid. Where
    `nothing` (N,) the target is no mask but the cells where there is surely none: a point there should be answered with
    a predicted IoU of 0. `clicks` (N, 2) is where a person first clicked for that mask, (x, y) in the pixels that the
    targets cover, NaN where no one did. A part of a step's batch says with `first` at which place of the whole its
    images begin.
    """

    inputs: Tensor
    embedded: bool
    targets: Tensor
    image_index: Tensor
    nothing: Tensor
    clicks: Tensor
    offset: tuple[int, int]
    first: int = 0

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return replace(
            self,
            inputs=self.inputs.to(device),
            targets=self.targets.to(device),
            image_index=self.image_index.to(device),
            nothing=self.nothing.to(device),
            clicks=self.clicks.to(device),
        )

    def split(self, parts: int) -> list[Batch]:
        """Up to `parts` batches of about as many images each, masks going with their images."""
        batches = []
        for places in part_of(len(self.inputs), parts):
            mine = (self.image_index >= places.start) & (self.image_index < places.stop)
            if bool(mine.any()):
                batches.append(
                    replace(
                        self,
                        inputs=self.inputs[places.start : places.stop],
                        targets=self.targets[mine],
                        image_index=self.image_index[mine] - places.start,
                        nothing=self.nothing[mine],
                        clicks=self.clicks[mine],
                        first=self.first + places.start,
                    )
                )
        return batches


def part_of(count: int, parts: int) -> list[range]:
    """The places 0..count - 1 in `parts` runs whose lengths differ by one at most; some are empty if parts > count."""
    return [range(count * part // parts, count * (part + 1) // parts) for part in range(parts)]


class BatchSource(Protocol):
    """Makes batch `step` of a run, or of its images those at `places`; must be a pure function of its arguments.

    Called from several threads.
    """

    def batch(self, seed: int, step: int, size: BatchSize, places: range | None = None) -> Batch: ...


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


@dataclass(frozen=True)
class RenderedCrop:
    """A crop as a batch takes it: `image` (3, S, S) normalised, `targets` (K, S/4, S/4), which of the sample's `masks`
    they are (-1: none), `bare` (S/4, S/4) or None.
    """

    image: Tensor
    targets: Tensor
    masks: tuple[int, ...]
    bare: Tensor | None


def render_with_numpy(plan: CropPlan, settings: AugmentSettings) -> RenderedCrop:
    """A crop in the CPU's memory."""
    crop = render(plan, settings)
    bare = None if crop.bare is None else torch.from_numpy(crop.bare)
    image, targets = torch.from_numpy(crop.image).permute(2, 0, 1), torch.from_numpy(crop.targets)
    return RenderedCrop(image, targets, crop.masks, bare)


class ImageBatches:
    """Augmented crops of images, for training the whole model; `renderer` makes them from their plans."""

    def __init__(
        self,
        source: SampleSource,
        *,
        frame: int,
        patch_size: int,
        augment: AugmentSettings,
        renderer: Renderer = render_with_numpy,
    ) -> None:
        if not len(source):
            raise TrainingError("There is no image with masks to train on; accept some masks first.")
        self._source = source
        self._frame = frame
        self._patch_size = patch_size
        self._augment = augment
        self._renderer = renderer
        self._probabilities = source.probabilities if isinstance(source, MixedSource) else None

    def batch(self, seed: int, step: int, size: BatchSize, places: range | None = None) -> Batch:
        places = range(size.num_images) if places is None else places
        crops = [self._crop(np.random.default_rng([seed, step, 1 + place]), size) for place in places]
        rng = np.random.default_rng([seed, step])
        room = (self._frame - size.size) // self._patch_size
        offset = (int(rng.integers(0, room + 1)), int(rng.integers(0, room + 1)))
        return Batch(
            inputs=torch.stack([image for image, _ in crops]) if crops else torch.zeros(0, 3, size.size, size.size),
            embedded=False,
            offset=offset,
            first=places.start,
            **stack_targets([targets for _, targets in crops], size.size // LOW_RES_STRIDE),
        )

    def _crop(self, rng: np.random.Generator, size: BatchSize) -> tuple[Tensor, ImageTargets]:
        """A crop that keeps at least one mask, and what is asked about it. Every crop that keeps none lowers the bar
        for the next, so that small objects are learned where there are no others.
        """
        for draw in range(MAX_EMPTY_DRAWS):
            least = max(min(LEAST_CELLS, self._augment.min_cells), self._augment.min_cells * LOWERED**draw)
            plan = plan_crop(
                self._draw(rng),
                rng,
                size=size.size,
                frame=self._frame,
                num_masks=size.num_masks,
                settings=self._augment,
                donors=[self._draw(rng) for _ in range(num_pastes(rng, self._augment))],
            )
            crop = self._renderer(plan, replace(self._augment, min_cells=least))
            if len(crop.targets):
                clicks = torch.from_numpy(plan.clicks(crop.masks)).to(crop.targets.device)
                return crop.image, ImageTargets(crop.targets, crop.bare, clicks)
        raise TrainingError("No crop of the training images keeps a mask; the masks are too small to learn.")

    def _draw(self, rng: np.random.Generator) -> Sample:
        return self._source[int(rng.choice(len(self._source), p=self._probabilities))]


@dataclass(frozen=True)
class ImageTargets:
    """Of one image: `targets` (K, h, w); `bare` (h, w) cells; `clicks` (K, 2) as in `Batch`, where they are known."""

    targets: Tensor
    bare: Tensor | None = None
    clicks: Tensor | None = None


class Targets(TypedDict):
    """The part of a `Batch` that is about masks."""

    targets: Tensor
    image_index: Tensor
    nothing: Tensor
    clicks: Tensor


def stack_targets(per_image: Sequence[ImageTargets], side: int) -> Targets:
    """What each image asks about -> what the batch does, an image's bare cells after its masks."""
    device = per_image[0].targets.device if per_image else None
    stacks = [torch.zeros(0, side, side, device=device)]
    clicks = [torch.zeros(0, 2, device=device)]
    counts, nothing = [], []
    for image in per_image:
        bare = 0 if image.bare is None else 1
        masks = len(image.targets)
        stacks += [image.targets] if image.bare is None else [image.targets, image.bare[None]]
        unknown = torch.full((masks + bare, 2), float("nan"), device=device)
        clicks.append(unknown if image.clicks is None else torch.cat([image.clicks, unknown[masks:]]))
        nothing += [False] * masks + [True] * bare
        counts.append(masks + bare)
    return Targets(
        targets=torch.cat(stacks),
        image_index=torch.from_numpy(np.repeat(np.arange(len(counts)), counts)).to(device),
        nothing=torch.tensor(nothing, dtype=torch.bool, device=device),
        clicks=torch.cat(clicks),
    )
