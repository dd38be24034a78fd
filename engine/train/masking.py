"""Masked images: what an encoder sees in pre-training, and how well its embedding tells what was hidden.

Square patches of a crop are replaced by the mean colour, which is zero after normalisation; from the embedding a light
head paints the pixels of every cell, and the error counts where they were hidden (He et al. 2022, "Masked autoencoders
are scalable vision learners"; for encoders that need the whole square: Xie et al. 2022, SimMIM). A patch is a whole
number of the embedding's cells, so that a cell is hidden or seen, never both. Batches follow from (seed, step) alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import ImageError, TrainingError
from engine.train.augment import AugmentSettings, plan_crop
from engine.train.batches import MixedSource
from engine.train.rendering import render

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.train.data import Sample, SampleSource

__all__ = ["MaskedBatch", "MaskedBatches", "PixelHead", "cell_values", "draw_hidden", "hide", "masked_loss"]

# Of augmentations, reconstruction wants crops and flips only (He et al., section 4.1).
AUGMENT = AugmentSettings(scale_range=(0.5, 2.0), colour=0.0, grey=0.0, invert=0.0)
MAX_DRAWS = 100  # of images that cannot be read, one after the other
VARIANCE_FLOOR = 1e-6  # of a cell's pixels


@dataclass(frozen=True)
class MaskedBatch:
    """`images` (B, 3, S, S) normalised, zero where padded; `hidden` (B, g, g) bool, cells that the encoder must not
    see; `counted` (B, g, g) bool, the hidden cells that lie in the image as a whole; `offset` (x, y) of the crops in
    cells of the full grid.
    """

    images: Tensor
    hidden: Tensor
    counted: Tensor
    offset: tuple[int, int]

    def pin(self) -> MaskedBatch:
        """The same batch in memory from which a GPU can fetch it by itself."""
        return replace(
            self,
            images=self.images.pin_memory(),
            hidden=self.hidden.pin_memory(),
            counted=self.counted.pin_memory(),
        )

    def to(self, device: torch.device) -> MaskedBatch:
        """The same batch on another device; the copy of a pinned one does not hold up the caller."""
        return replace(
            self,
            images=self.images.to(device, non_blocking=True),
            hidden=self.hidden.to(device, non_blocking=True),
            counted=self.counted.to(device, non_blocking=True),
        )


class MaskedBatches:
    """Crops of images, masks or not, with patches to hide.

    Args:
        frame: side of the model frame, px.
        cell: side of an embedding cell, px.
        size: side of the crops, px, a multiple of `patch`.
        num_images: crops in a batch.
        patch: side of the squares that are hidden together, px, a multiple of `cell`.
        mask_ratio: share of an image's patches that are hidden.
    """

    def __init__(
        self,
        source: SampleSource,
        *,
        frame: int,
        cell: int,
        size: int,
        num_images: int,
        patch: int,
        mask_ratio: float,
        augment: AugmentSettings = AUGMENT,
    ) -> None:
        self._source = source
        self._probabilities = source.probabilities if isinstance(source, MixedSource) else None
        self._frame, self._cell, self._size, self._patch = frame, cell, size, patch
        self._num_images = num_images
        self._mask_ratio = mask_ratio
        self._augment = augment

    def batch(self, seed: int, step: int) -> MaskedBatch:
        """Batch `step`; may be called from several threads. TrainingError where no image can be read."""
        size, grid = self._size, self._size // self._cell
        images = np.zeros((self._num_images, size, size, 3), np.float32)
        hidden = np.zeros((self._num_images, grid, grid), bool)
        counted = np.zeros_like(hidden)
        for place in range(self._num_images):
            rng = np.random.default_rng([seed, step, 1 + place])
            plan = plan_crop(self._sample(rng), rng, size=size, frame=self._frame, num_masks=0, settings=self._augment)
            images[place] = render(plan, self._augment).image
            patches = draw_hidden(rng, plan.out_size, size // self._patch, self._patch, self._mask_ratio)
            hidden[place] = np.kron(patches, np.ones((self._patch // self._cell,) * 2, bool))
            rows, columns = (side // self._cell for side in plan.out_size)
            counted[place, :rows, :columns] = hidden[place, :rows, :columns]
        rng = np.random.default_rng([seed, step])
        room = (self._frame - size) // self._cell
        offset = (int(rng.integers(0, room + 1)), int(rng.integers(0, room + 1)))
        # Laid out as convolutions like it: channels last.
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        return MaskedBatch(pixels, torch.from_numpy(hidden), torch.from_numpy(counted), offset)

    def _sample(self, rng: np.random.Generator) -> Sample:
        """An image that can be read, without its masks: crops shall lie anywhere, not around them."""
        problem = ""
        for _ in range(MAX_DRAWS):
            try:
                sample = self._source[int(rng.choice(len(self._source), p=self._probabilities))]
                return replace(sample, rles=(), complete=False)
            except ImageError as error:
                problem = str(error)
        raise TrainingError(f"The images cannot be read; give others. The last one's problem: {problem}.")


def draw_hidden(
    rng: np.random.Generator, filled: tuple[int, int], side: int, patch: int, mask_ratio: float
) -> NDArray[np.bool_]:
    """Which of side x side patches of `patch` px are hidden: `mask_ratio` of those that show some of the image.

    The image fills the first `filled` (h, w) pixels of the square.
    """
    rows, columns = (-(-length // patch) for length in filled)
    hidden = np.zeros((side, side), bool)
    order = rng.permutation(rows * columns)
    hidden[:rows, :columns] = (order < round(mask_ratio * rows * columns)).reshape(rows, columns)
    return hidden


def hide(images: Tensor, hidden: Tensor) -> Tensor:
    """`images` (B, 3, S, S), zero in the cells where `hidden` (B, g, g)."""
    cell = images.shape[-1] // hidden.shape[-1]
    pixels = hidden.repeat_interleave(cell, dim=1).repeat_interleave(cell, dim=2)
    return images.masked_fill(pixels[:, None], 0.0)


class PixelHead(nn.Module):
    """An embedding (B, C, g, g) -> the pixels of its cells, (B, g, g, 3 * cell * cell)."""

    def __init__(self, width: int, cell: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.pixels = nn.Conv2d(width, 3 * cell * cell, kernel_size=1)

    def forward(self, embedding: Tensor) -> Tensor:
        painted: Tensor = self.pixels(nn.functional.gelu(self.around(embedding)))
        return painted.permute(0, 2, 3, 1)


def cell_values(images: Tensor, grid: int) -> Tensor:
    """What the head should paint: images (B, 3, S, S) -> (B, g, g, 3 * cell * cell), each cell's values (channel, row,
    column) shifted and scaled to a mean of 0 and a variance of 1.
    """
    batch, channels, size = images.shape[:3]
    cell = size // grid
    cells = images.reshape(batch, channels, grid, cell, grid, cell).permute(0, 2, 4, 1, 3, 5).flatten(3)
    variance, mean = torch.var_mean(cells, dim=-1, keepdim=True)
    return (cells - mean) * torch.rsqrt(variance + VARIANCE_FLOOR)


def masked_loss(painted: Tensor, images: Tensor, counted: Tensor) -> Tensor:
    """Mean squared error of `painted` (B, g, g, values) over the cells `counted` (B, g, g); 0 if there are none."""
    errors = (painted - cell_values(images, counted.shape[-1])).square().mean(dim=-1)
    return torch.where(counted, errors, 0.0).sum() / counted.sum().clamp(min=1)
