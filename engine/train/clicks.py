"""Simulated prompts.

Training draws points from the mask or the error region, uniformly or about as deep inside as people click, on the
low_res grid and batched in torch (the clicks of evaluation are `engine.masks.clicks`). Points are (x, y). Nothing here
draws random numbers: all that a step needs are drawn before it (`Script`), image by image, so that a mask meets the
same annotator however its batch is split over threads, processes and devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.geometry import LOW_RES_STRIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.train.batches import Batch

BOX_NOISE = 0.1
BOX_NOISE_MAX_PX = 20.0
SCRIPT_STREAM = 0x5A4D  # apart from the random stream of batches
EROSIONS = (1, 1, 1, 1, 2, 2, 4, 4, 8, 8)  # cells, one after the other: depth is exact near the edge, rough far inside


@dataclass(frozen=True)
class Script:
    """What chance decides of the interactions of one step, for N masks and up to L decoder calls.

    Of each mask: `first` (N,) uniform (a box or a point), `aim` (N,) uniform (does this annotator click deep inside),
    `corners` (N, 4) normal (the box's noise), `points` (N, L, 3) uniform: for each call which cell of its region, and
    where in that cell (x, y). Of the step as a whole:
    `num_calls`, 1 to L, and for each call after the first a uniform number that decides whether it gets a new point
    (`asked`) and the mask (`fed`).
    """

    first: Tensor
    aim: Tensor
    corners: Tensor
    points: Tensor
    num_calls: int
    asked: tuple[float, ...]
    fed: tuple[float, ...]

    @classmethod
    def write(cls, seed: int, step: int, batch: Batch, length_weights: Sequence[float]) -> Script:
        """The script for a step's batch, or a part of it; `length_weights[i]` is the weight of i + 1 calls."""
        longest = len(length_weights)
        shared = np.random.default_rng([SCRIPT_STREAM, seed, step])
        chances = np.asarray(length_weights) / np.sum(length_weights)
        num_calls = 1 + int(shared.choice(longest, p=chances))
        asked, fed = shared.random((2, longest)).tolist()
        rows = []
        for place, count in enumerate(torch.bincount(batch.image_index, minlength=len(batch.inputs)).tolist()):
            rng = np.random.default_rng([SCRIPT_STREAM, seed, step, 1 + batch.first + place])
            uniform, normal = rng.random((count, 2 + 3 * longest)), rng.standard_normal((count, 4))
            rows.append(np.concatenate([uniform, normal], axis=1, dtype=np.float32))
        table = torch.from_numpy(np.concatenate(rows)).to(batch.targets.device)
        first, aim, points, corners = table.split_with_sizes([1, 1, 3 * longest, 4], dim=1)
        points = points.reshape(-1, longest, 3)
        return cls(first[:, 0], aim[:, 0], corners, points, num_calls, tuple(asked), tuple(fed))


def random_points(regions: Tensor, chance: Tensor) -> Tensor:
    """One point of each region, uniform where `chance` (N, 3) is: bool (N, h, w) -> model-frame points float32 (N, 2).

    The point lies anywhere inside its low_res cell. An empty region gives a point anywhere.
    """
    width = regions.shape[2]
    flat = regions.flatten(1)
    flat = flat | ~flat.any(dim=1, keepdim=True)
    passed = flat.cumsum(dim=1, dtype=torch.int32)
    counts = passed[:, -1]
    # A float32 just below 1 times a large count may round up to the count itself.
    wanted = torch.minimum((chance[:, 0] * counts).int(), counts - 1) + 1
    cells = torch.searchsorted(passed, wanted[:, None], out_int32=True)[:, 0]
    xy = torch.stack([cells % width, cells.div(width, rounding_mode="floor")], dim=1).float()
    # Never so near the cell's end that float32 rounds into the next one.
    return (xy + chance[:, 1:].clamp(max=0.999)) * LOW_RES_STRIDE - 0.5


def interior_points(regions: Tensor, chance: Tensor) -> Tensor:
    """About the most interior point of each region: bool (N, h, w) -> model-frame points float32 (N, 2).

    Of places about equally deep, the one nearest to the random point that `chance` (N, 3) gives.
    """
    width = regions.shape[2]
    somewhere = random_points(regions, chance)
    depth = _depth(regions)
    places = (somewhere + 0.5) / LOW_RES_STRIDE - 0.5
    rows = torch.arange(regions.shape[1], device=regions.device) - places[:, 1:]
    columns = torch.arange(width, device=regions.device) - places[:, :1]
    away = (rows.square()[:, :, None] + columns.square()[:, None]).sqrt()
    cells = (depth - away / (2 * sum(regions.shape[1:]))).flatten(1).argmax(dim=1)
    xy = torch.stack([cells % width, cells.div(width, rounding_mode="floor")], dim=1).float()
    deepest = (xy + chance[:, 1:].clamp(max=0.999)) * LOW_RES_STRIDE - 0.5
    return torch.where(regions.flatten(1).any(dim=1, keepdim=True), deepest, somewhere)


def _depth(regions: Tensor) -> Tensor:
    """Cells to the nearest cell outside (N, h, w), in chessboard steps, at most the sum of `EROSIONS` plus one."""
    left = regions[:, None].float()
    depth = left.clone()
    for radius in EROSIONS:
        outside = functional.pad(1 - left, (radius,) * 4, value=1.0)
        side = 2 * radius + 1  # along one axis, then along the other: a square's maximum for far fewer looks
        left = 1 - functional.max_pool2d(functional.max_pool2d(outside, (side, 1), stride=1), (1, side), stride=1)
        depth += radius * left
    return depth[:, 0]


def aimed_points(regions: Tensor, chance: Tensor, deep: Tensor | None) -> Tensor:
    """`interior_points` where `deep` (N,), else `random_points`."""
    points = random_points(regions, chance)
    if deep is None:
        return points
    return torch.where(deep[:, None], interior_points(regions, chance), points)


def first_region(targets: Tensor) -> Tensor:
    """Where a first foreground click may fall: cells covered by more than half, or a tiny mask's most covered ones."""
    peak = targets.flatten(1).max(dim=1).values[:, None, None]
    return targets > torch.minimum(torch.full_like(peak, 0.5), peak * 0.9)


def noisy_boxes(targets: Tensor, normal: Tensor) -> Tensor:
    """Boxes around masks with noise: (N, h, w) coverage, (N, 4) normal -> (N, 4) xyxy in the model frame.

    Each coordinate moves by a normal of 10 % of the side's length, at most 20 px (SAM section A).
    """
    tight = tight_boxes(targets)
    sides = (tight[:, 2:] - tight[:, :2]).repeat(1, 2)
    noise = (normal * (BOX_NOISE * sides)).clamp(-BOX_NOISE_MAX_PX, BOX_NOISE_MAX_PX)
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


def next_click_training(
    logits: Tensor, targets: Tensor, chance: Tensor, deep: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """A corrective point drawn from the whole error region: (N, h, w) each -> points (N, 2), labels (N,).

    `chance` (N, 3) as in `random_points`; where `deep` (N,), about its most interior point. A false negative gives a
    foreground click, a false positive a background one; no error gives a foreground click.
    """
    wanted = first_region(targets)
    errors = (logits > 0) != wanted
    none_left = ~errors.flatten(1).any(dim=1)
    regions = torch.where(none_left[:, None, None], wanted, errors)
    points = aimed_points(regions, chance, deep)
    cells = ((points + 0.5) / LOW_RES_STRIDE).long()
    labels = wanted[torch.arange(len(wanted), device=wanted.device), cells[:, 1], cells[:, 0]].float()
    return points, labels


def sample_prompt(
    targets: Tensor,
    script: Script,
    *,
    nothing: Tensor | None = None,
    clicks: Tensor | None = None,
    box_probability: float = 0.5,
    deep: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """First prompts of training: a foreground point or a noisy box for each mask (N, h, w).

    Points are uniform, or about the most interior one where `deep` (N,). Always a point where the target is `nothing`
    (N,). Half of the points are where a person clicked, if `clicks` (N, 2) tell of one that hits the mask.

    -> points (N, 2), labels (N,) (1, or -1 where the prompt is a box), boxes (N, 4), is_box bool (N,).
    """
    is_box = script.first < box_probability
    if nothing is not None:
        is_box = is_box & ~nothing
    region = first_region(targets)
    points = aimed_points(region, script.points[:, 0], deep)
    if clicks is not None:
        replayed = (script.first >= (1 + box_probability) / 2) & _hits(region, clicks)
        points = torch.where(replayed[:, None], clicks, points)
    labels = 1.0 - 2.0 * is_box
    return points, labels, noisy_boxes(targets, script.corners), is_box


def _hits(regions: Tensor, points: Tensor) -> Tensor:
    """Which model-frame points lie in their region: bool (N, h, w), (N, 2) or NaN -> bool (N,)."""
    height, width = regions.shape[1:]
    cells = ((points + 0.5) / LOW_RES_STRIDE).floor()
    limit = torch.tensor([width, height], device=points.device)
    inside = ((cells >= 0) & (cells < limit)).all(dim=1)  # false for NaN
    x, y = cells.nan_to_num().clamp(min=0).minimum(limit - 1).long().unbind(dim=1)
    return inside & regions[torch.arange(len(regions), device=regions.device), y, x]
