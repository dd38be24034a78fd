"""Losses of mask and IoU prediction (SAM section A): focal and dice at 20 : 1, the least of three, IoU regression.

Targets may be fractions: a low_res cell that the mask half covers has target 0.5, so that the zero crossing of the
logits falls on the mask's edge. All reductions are per mask; nothing here knows prompts or models.
"""

from __future__ import annotations

import torch
from torch import Tensor

FOCAL_WEIGHT = 20.0
DICE_WEIGHT = 1.0
FOCAL_ALPHA = 0.25
FOCAL_GAMMA = 2.0


def focal_loss(logits: Tensor, targets: Tensor, *, alpha: float = FOCAL_ALPHA, gamma: float = FOCAL_GAMMA) -> Tensor:
    """Sigmoid focal loss, mean over pixels: (..., H, W) logits and targets -> (...)."""
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    probability = logits.sigmoid()
    miss = probability + targets - 2 * probability * targets
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    return (weight * miss.pow(gamma) * cross_entropy).mean(dim=(-2, -1))


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """1 - dice with +1 smoothing on both sides: (..., H, W) -> (...)."""
    probability = logits.sigmoid()
    overlap = (probability * targets).sum(dim=(-2, -1))
    total = probability.sum(dim=(-2, -1)) + targets.sum(dim=(-2, -1))
    return 1 - (2 * overlap + 1) / (total + 1)


def mask_loss(logits: Tensor, targets: Tensor, *, focal_weight: float = FOCAL_WEIGHT) -> Tensor:
    """20 * focal + dice: (..., H, W) -> (...)."""
    return focal_weight * focal_loss(logits, targets) + DICE_WEIGHT * dice_loss(logits, targets)


def mask_iou(logits: Tensor, targets: Tensor) -> Tensor:
    """IoU of logits > 0 with targets > 0.5, no gradient: (..., H, W) -> (...). Both empty gives 1."""
    with torch.no_grad():
        predicted, wanted = logits > 0, targets > 0.5
        overlap = (predicted & wanted).sum(dim=(-2, -1)).float()
        union = (predicted | wanted).sum(dim=(-2, -1)).float()
        return torch.where(union > 0, overlap / union.clamp(min=1), torch.ones_like(union))


def interaction_loss(
    logits: Tensor,
    iou_predictions: Tensor,
    targets: Tensor,
    use_candidates: Tensor,
    use_single: Tensor,
    *,
    focal_weight: float = FOCAL_WEIGHT,
) -> tuple[Tensor, Tensor]:
    """Loss of one decoder call.

    `logits` (N, 4, H, W) and `iou_predictions` (N, 4) in token order [single, m1, m2, m3]; `targets` (N, H, W);
    `use_candidates` and `use_single` bool (N,): whether the three candidates (least loss wins) and token 0 are trained.
    -> (mask loss (N,), IoU loss (N,)). The IoU head is trained on the masks that the mask loss trains, and on all
    candidates, since they are ranked by it.
    """
    per_token = mask_loss(logits, targets[:, None].expand_as(logits), focal_weight=focal_weight)
    least = per_token[:, 1:].min(dim=1).values
    masks = least * use_candidates + per_token[:, 0] * use_single
    errors = (iou_predictions - mask_iou(logits, targets[:, None].expand_as(logits))).square()
    ious = errors[:, 1:].mean(dim=1) * use_candidates + errors[:, 0] * use_single
    return masks, ious
