"""Simulated prompts.

Training draws points uniformly from the mask or the error region, on the low_res grid and batched in torch (the clicks
of evaluation are `engine.masks.clicks`). Points are (x, y). Random numbers come from a generator on the CPU wherever
the masks are, so that a seed means the same on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.geometry import LOW_RES_STRIDE

BOX_NOISE = 0.1
BOX_NOISE_MAX_PX = 20.0


def random_points(regions: Tensor, generator: torch.Generator) -> Tensor:
    """One point drawn uniformly from each region: bool (N, h, w) -> model-frame points float32 (N, 2).

    The point lies anywhere inside its low_res cell. An empty region gives a point anywhere.
    """
    count, _, width = regions.shape
    noise = torch.rand(regions.shape, generator=generator).to(regions.device)
    cells = (regions.float() + 1e-6).mul_(noise).flatten(1).argmax(dim=1)
    inside = torch.rand((count, 2), generator=generator).to(regions.device)
    xy = torch.stack([cells % width, cells.div(width, rounding_mode="floor")], dim=1).float()
    return (xy + inside) * LOW_RES_STRIDE - 0.5


def first_region(targets: Tensor) -> Tensor:
    """Where a first foreground click may fall: cells covered by more than half, or a tiny mask's most covered ones."""
    peak = targets.flatten(1).max(dim=1).values[:, None, None]
    return targets > torch.minimum(torch.full_like(peak, 0.5), peak * 0.9)


def noisy_boxes(targets: Tensor, generator: torch.Generator) -> Tensor:
    """Boxes around masks with noise: (N, h, w) coverage -> (N, 4) xyxy in the model frame.

    Each coordinate moves by a normal of 10 % of the side's length, at most 20 px (SAM section A).
    """
    tight = tight_boxes(targets)
    sides = (tight[:, 2:] - tight[:, :2]).repeat(1, 2)
    noise = torch.randn(tight.shape, generator=generator).to(tight.device) * (BOX_NOISE * sides)
    noise = noise.clamp(-BOX_NOISE_MAX_PX, BOX_NOISE_MAX_PX)
    height, width = targets.shape[1] * LOW_RES_STRIDE, targets.shape[2] * LOW_RES_STRIDE
    limit = torch.tensor([width, height, width, height], dtype=tight.dtype, device=tight.device) - 1
    return torch.minimum((tight + noise).clamp(min=0), limit)


def tight_boxes(targets: Tensor) -> Tensor:
    """xyxy boxes in model-frame pixels of coverage maps (N, h, w), exact to the fraction of border cells covered."""
    columns, rows = targets.amax(dim=1), targets.amax(dim=2)
    edges = []
    for profile in (columns, rows):
        touched = profile > 0.05
        size = profile.shape[1]
        first = touched.float().argmax(dim=1)
        last = size - 1 - touched.flip(1).float().argmax(dim=1)
        start = first + 1 - profile.gather(1, first[:, None])[:, 0]
        stop = last + profile.gather(1, last[:, None])[:, 0]
        edges.append((start * LOW_RES_STRIDE - 0.5, stop * LOW_RES_STRIDE - 0.5))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, torch.maximum(right, left + 1), torch.maximum(bottom, top + 1)], dim=1)


def next_click_training(logits: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A corrective point drawn uniformly from the whole error region: (N, h, w) each -> points (N, 2), labels (N,).

    A false negative gives a foreground click, a false positive a background one; no error gives a foreground click.
    """
    wanted = first_region(targets)
    errors = (logits > 0) != wanted
    none_left = ~errors.flatten(1).any(dim=1)
    regions = torch.where(none_left[:, None, None], wanted, errors)
    points = random_points(regions, generator)
    cells = ((points + 0.5) / LOW_RES_STRIDE).long()
    labels = wanted[torch.arange(len(wanted), device=wanted.device), cells[:, 1], cells[:, 0]].float()
    return points, labels


def sample_prompt(
    targets: Tensor, generator: torch.Generator, *, box_probability: float = 0.5
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """First prompts of training: a uniform foreground point or a noisy box for each mask (N, h, w).

    -> points (N, 2), labels (N,) (1, or -1 where the prompt is a box), boxes (N, 4), is_box bool (N,).
    """
    is_box = (torch.rand(len(targets), generator=generator) < box_probability).to(targets.device)
    points = random_points(first_region(targets), generator)
    labels = 1.0 - 2.0 * is_box
    return points, labels, noisy_boxes(targets, generator), is_box
