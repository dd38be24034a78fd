"""Losses of mask and IoU prediction (SAM section A): focal and dice at 20 : 1, the least of three, IoU regression.

Targets may be fractions: a low_res cell that the mask half covers has target 0.5, so that the zero crossing of the
logits falls on the mask's edge. All reductions are per mask; nothing here knows prompts or models.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

FOCAL_WEIGHT = 20.0
FOCAL_ALPHA = 0.25  # of what is covered; the rest weighs 1 - alpha. The focusing power (gamma) is 2


def mask_loss(logits: Tensor, targets: Tensor, *, focal_weight: float = FOCAL_WEIGHT) -> Tensor:
    """`focal_weight` * focal + dice of each mask: (N, ..., H, W) -> (N, ...); targets broadcast against logits.

    Sigmoid focal loss, mean over pixels; dice loss with +1 smoothing on both sides.
    """
    loss: Tensor = _MaskLoss.apply(logits, targets, focal_weight)  # type: ignore[no-untyped-call]
    return loss


class _MaskLoss(torch.autograd.Function):
    """Loss and slope in one go, a few masks at a time, so that what lies between them stays in the CPU's cache.

    Autograd's way through the same formulas takes three times as long and keeps ten maps of every mask.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, focal_weight: float) -> Tensor:
        sloped = ctx.needs_input_grad[0]
        at_once = 1 if logits.device.type == "cpu" else len(logits)
        parts = zip(torch.split(logits, at_once), torch.split(targets, at_once), strict=True)
        losses, slopes = zip(*(_loss_and_slope(*part, focal_weight, sloped) for part in parts), strict=True)
        if sloped:
            ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(losses)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * gradient[..., None, None], None, None


def _loss_and_slope(x: Tensor, t: Tensor, focal_weight: float, sloped: bool) -> tuple[Tensor, Tensor]:
    """`mask_loss` of logits `x` and targets `t`, and its derivative by `x` where `sloped`."""
    size = x.shape[-2] * x.shape[-1]
    p = x.sigmoid()
    cross_entropy = functional.softplus(x).addcmul_(x, t, value=-1)
    turn = 1 - 2 * t
    miss = torch.addcmul(t, p, turn)  # p + t - 2pt: how far off
    weighted = miss * ((1 - FOCAL_ALPHA) + (2 * FOCAL_ALPHA - 1) * t)
    focal = (weighted * miss).mul_(cross_entropy).sum(dim=(-2, -1)) / size
    overlap = 2 * (p * t).sum(dim=(-2, -1)) + 1
    total = p.sum(dim=(-2, -1)) + t.sum(dim=(-2, -1)) + 1
    loss = focal_weight * focal + 1 - overlap / total
    if not sloped:
        return loss, loss
    dp = torch.addcmul(p, p, p, value=-1)
    slope = cross_entropy.mul_(dp).mul_(2 * turn).addcmul_(miss, p.sub_(t)).mul_(weighted).mul_(focal_weight / size)
    by_total, by_overlap = (overlap / total.square())[..., None, None], (-2 / total)[..., None, None]
    return loss, slope.addcmul_(dp, torch.addcmul(by_total, t, by_overlap))


def mask_iou(logits: Tensor, targets: Tensor) -> Tensor:
    """IoU of logits > 0 with targets > 0.5, no gradient: (..., H, W) -> (...). Both empty gives 1."""
    with torch.no_grad():
        predicted, wanted = (logits > 0).float(), (targets > 0.5).float()
        overlap = (predicted * wanted).sum(dim=(-2, -1))
        union = predicted.sum(dim=(-2, -1)) + wanted.sum(dim=(-2, -1)) - overlap
        return torch.where(union > 0, overlap / union.clamp(min=1), torch.ones_like(union))


def least(losses: Tensor) -> Tensor:
    """The best candidate's loss, which alone learns: a prompt may mean several things. (N, 3) -> (N,)."""
    return losses.min(dim=1).values


def interaction_loss(
    logits: Tensor,
    iou_predictions: Tensor,
    targets: Tensor,
    *,
    candidates: bool,
    focal_weight: float = FOCAL_WEIGHT,
    nothing: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of one decoder call.

    `logits` (N, 4, H, W) and `iou_predictions` (N, 4) in token order [single, m1, m2, m3]; `targets` (N, H, W).
    Token 0 always learns; where `candidates`, the best of the three does too (least loss), and all of them learn to
    predict their IoU, since they are ranked by it. Where they do not learn, nothing is computed for them. Prompts about
    `nothing` (N,) have no right mask: they learn to predict an IoU of 0 from their first answer, and no more.
    -> (mask loss (N,), IoU loss (N,), IoU of each token looked at (N, 4) or (N, 1)).
    """
    if not candidates:
        logits, iou_predictions = logits[:, :1], iou_predictions[:, :1]
    wanted = targets[:, None]
    ious = mask_iou(logits, wanted)
    if nothing is not None:
        ious = ious.masked_fill(nothing[:, None], 0.0)
    errors = (iou_predictions - ious).square()
    masks = mask_loss(logits, wanted, focal_weight=focal_weight)
    mask_losses, iou_losses = masks[:, 0], errors[:, 0]
    if candidates:
        mask_losses = mask_losses + least(masks[:, 1:])
        iou_losses = iou_losses + errors[:, 1:].mean(dim=1)
    if nothing is not None:
        mask_losses = mask_losses.masked_fill(nothing, 0.0)
        iou_losses = iou_losses if candidates else iou_losses.masked_fill(nothing, 0.0)
    return mask_losses, iou_losses, ious
