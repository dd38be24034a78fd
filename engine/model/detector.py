"""A class-agnostic detector on the image embedding: where are objects, and in which boxes?

An optional part of a model: released checkpoints have none. One small convolutional head at half the embedding's
stride, so that crowded objects smaller than an embedding cell get cells of their own; each cell says how well it knows
a box (predicted IoU of that box, after "Generalized Focal Loss", Li et al. 2020) and which one. It reads what the mask
decoder reads, so it costs no second backbone (DESIGN.md, decision 11). Knows the model frame only, and no prompts.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from engine.masks import nms
from engine.model.layers import LayerNorm2d

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from engine.model.config import ModelConfig

__all__ = ["Boxes", "Detections", "Detector", "DetectorConfig", "build_detector"]

UPSCALE = 2  # detector cells per embedding cell, along each axis
FIRST_QUALITY = 0.05  # what a fresh detector predicts everywhere: most cells know no box
FIRST_SIDE = 3.0  # of its boxes, in cells
LOOKED_AT = 4  # boxes suppressed among, for each that may be kept


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """Sizes of a detector; what it reads is the model's.

    Args:
        width: channels of its maps at the embedding's stride; half of that at the finer one, of four times the cells.
        depth: residual blocks at the embedding's stride; one more follows at the finer one.
    """

    width: int = 64
    depth: int = 2

    def __post_init__(self) -> None:
        if self.width < 2 or self.depth < 0:
            raise ValueError(
                f"A detector needs a positive width and no negative depth, got {self.width}, {self.depth}."
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; `DetectorConfig(**values)` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DetectorConfig:
        """From `to_dict`'s output; TypeError or ValueError for anything else."""
        return cls(**values)


class Boxes(NamedTuple):
    """What each cell says of B images, n = (side of the detector's grid)^2 cells, row by row.

    quality: (B, n) logits of the predicted IoU of the cell's box. boxes: (B, n, 4) xyxy in the model frame.
    """

    quality: Tensor
    boxes: Tensor


class Detections(NamedTuple):
    """Boxes of one image, best first: `boxes` (N, 4) xyxy in the model frame, `quality` (N,) in 0..1."""

    boxes: NDArray[np.float64]
    quality: NDArray[np.float64]


class Detector(nn.Module):
    """Boxes of objects from embeddings (B, C, G, G)."""

    def __init__(self, config: ModelConfig, sizes: DetectorConfig | None = None) -> None:
        super().__init__()
        self.sizes = sizes or DetectorConfig()
        width, fine = self.sizes.width, self.sizes.width // 2
        self.side = config.grid * UPSCALE
        self.stride = config.patch_size / UPSCALE
        self.image_size = config.image_size
        self.norm = LayerNorm2d(config.prompt_dim)
        self.project = nn.Conv2d(config.prompt_dim, width, 1)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(self.sizes.depth)))
        self.upscale = nn.ConvTranspose2d(width, fine, UPSCALE, UPSCALE)
        self.fine = _Block(fine)
        self.last_norm = LayerNorm2d(fine)
        self.answer = nn.Conv2d(fine, 5, 1)
        self._start()

    def _start(self) -> None:
        with torch.no_grad():
            self.answer.weight.mul_(0.1)
            bias = [-math.log(1 / FIRST_QUALITY - 1), 0.0, 0.0, math.log(FIRST_SIDE), math.log(FIRST_SIDE)]
            assert self.answer.bias is not None
            self.answer.bias.copy_(torch.tensor(bias))

    def centres(self) -> Tensor:
        """(n, 2) the cells' middles (x, y) in the model frame, row by row."""
        steps = (torch.arange(self.side, device=self.answer.weight.device) + 0.5) * self.stride
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        return torch.stack([x, y], dim=-1).reshape(-1, 2)

    def forward(self, embedding: Tensor) -> Boxes:
        """(B, C, G, G) embeddings -> what each cell says.

        A cell gives a box by its size, and by how far its middle is from the cell's in parts of that size: so the same
        slip counts the same for small and large boxes, and a box may be so small that the cell's middle is outside.
        """
        x = self.project(self.norm(embedding.contiguous(memory_format=torch.channels_last)))
        x = self.fine(self.upscale(self.blocks(x)))
        values = self.answer(functional.gelu(self.last_norm(x))).float().flatten(2).transpose(1, 2)
        largest = math.log(2 * self.side)
        sides = values[..., 3:].clamp(-2.0, largest).exp() * self.stride
        middles = self.centres() + values[..., 1:3] * sides
        return Boxes(values[..., 0], torch.cat([middles - sides / 2, middles + sides / 2], dim=-1))

    @torch.inference_mode()
    def detect(
        self,
        embedding: Tensor,
        input_size: tuple[int, int],
        *,
        max_boxes: int,
        quality_thresh: float = 0.0,
        nms_thresh: float = 0.7,
    ) -> Detections:
        """At most `max_boxes` boxes of the image whose embedding is (1, C, G, G).

        Args:
            input_size: (h, w) of the image in the model frame; boxes are cut off there, padding is not looked at.
            quality_thresh: boxes of no higher predicted IoU are left out.
            nms_thresh: of boxes that overlap by more than this IoU the best one stays.
        """
        height, width = input_size
        quality, boxes = (part[0] for part in self(embedding))
        centres = self.centres()
        quality = quality.sigmoid()
        inside = (centres[:, 0] < width) & (centres[:, 1] < height) & (quality > quality_thresh)
        quality = quality.where(inside, torch.zeros_like(quality))
        best = quality.topk(min(LOOKED_AT * max_boxes, int(inside.sum()))).indices
        limits = torch.tensor([width, height, width, height], dtype=boxes.dtype, device=boxes.device)
        chosen = boxes[best].clamp(min=0).minimum(limits).double().cpu().numpy()
        scores = quality[best].double().cpu().numpy()
        kept = nms.box_nms(chosen, scores, nms_thresh)[:max_boxes]
        return Detections(chosen[kept], scores[kept])


class _Block(nn.Module):
    """A 3x3 convolution of the normalised map around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = LayerNorm2d(width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(functional.gelu(self.norm(x)))
        return x + y


def build_detector(config: ModelConfig, sizes: DetectorConfig | None = None, seed: int = 0) -> Detector:
    """A detector with fresh random weights, in eval mode; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Detector(config, sizes).eval()
