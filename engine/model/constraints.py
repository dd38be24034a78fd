"""Answers that keep to their prompts: what a click or a box says of pixels by itself, whatever the network makes of it.

A small network overhears prompts. After five clicks of a simulated annotator every second mask of the packaged model
still had the last of them on its wrong side, and a filled box had a better IoU with small objects than the answer to
that box (docs/log.md, 2026-11-27). So logits are moved where they contradict:

- A click's own pixel gets the logit `MARGIN`, of its sign, where it has less. What it lacks is added as a Gaussian
  whose deviation is the distance from the click to the nearest pixel on the other side of the mask, at most half the
  way to a click of the other kind: people click in the middle of what is wrong, and what is wrong ends where the mask
  does. Of several clicks of a kind the strongest counts at each pixel.
- Inside of a box the logits grow with the depth below its nearest edge, outside they fall with the distance, both in
  parts of the box's side along that axis. The box is widened to hold all foreground clicks, and a cell or so.
- From the third click on a correction is local: the further from a click that was the latest prompt, the more the mask
  prompt, which is the answer before, stays.

Everything is traceable, and done in the logits' own frame: N prompts, M masks each, P points.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engine.geometry import LOW_RES_STRIDE
from engine.model.prompt_encoder import LABELS

__all__ = ["constrained"]

MARGIN = 8.0  # logits; 2 brings two thirds of what it does, with 20 masks flicker from click to click
LEAST_DEVIATION = 3.0  # model pixels
MOST_DEVIATION = 0.25  # of the frame's side: where a mask is everywhere or nowhere, a click says nothing of its far end
BOX_SLOPE = 40.0  # logits per side of the box; what loosely drawn boxes lose grows with it
BOX_DEPTH, BOX_DISTANCE = 0.1, 1.0  # of the side: deeper inside, and further outside, pixels are all alike
LEAST_BOX = 1.5 * LOW_RES_STRIDE  # model pixels: within a smaller one there may be no pixel at all
LOCAL_FROM = 3  # clicks
LOCAL_REACH = 3.0  # times the click's distance to the other side of the mask before: the deviation of what is new
LEAST_REACH = 12.0  # model pixels
NEW_EVERYWHERE = 0.3  # the part of an answer that counts at any distance
FAR = 1e6  # model pixels, beyond every coordinate


def constrained(
    logits: Tensor, points: Tensor, labels: Tensor, masks: Tensor | None = None, has_mask: Tensor | None = None
) -> Tensor:
    """Move logits to where they agree with their prompts.

    Args:
        logits: (N, M, h, w) low_res, of the whole model frame or of a crop that begins at the points' origin.
        points: (N, P, 2) model-frame (x, y) in pixels, P > 0, in the order they were made, padding last.
        labels: (N, P), see `engine.model.prompt_encoder.LABELS`.
        masks: (N, 1, h, w) logits of the answers before, if they were prompts as well.
        has_mask: (N,) 1 or 0 (or bool): which prompts have a mask, all by default.

    Returns:
        (N, M, h, w) float32.
    """
    logits, points = logits.float(), points.float()
    if masks is not None and has_mask is None:
        has_mask = torch.ones(len(masks), device=masks.device)
    answers = []
    # One prompt at a time: each has as many Gaussians as points, and many prompts' would fill the memory.
    for index in range(len(logits)):
        one = slice(index, index + 1)
        prompt = points[one], labels[one]
        answer = logits[one] + _box_prior(logits[one], *prompt)
        if masks is not None and has_mask is not None:
            answer = _local(answer, masks[one].float(), has_mask[one], *prompt)
        answers.append(_kept_to_clicks(answer, *prompt))
    return torch.cat(answers)


def _centres(count: int, like: Tensor) -> Tensor:
    """(count,) where the centres of low_res pixels lie in the model frame."""
    steps = torch.arange(count, device=like.device, dtype=like.dtype)
    return (steps + 0.5) * LOW_RES_STRIDE - 0.5


def _box_prior(logits: Tensor, points: Tensor, labels: Tensor) -> Tensor:
    """(1, 1, h, w): what the box adds, 0 where there is none."""
    first, last = labels == LABELS["box_top_left"], labels == LABELS["box_bottom_right"]
    inside = labels == LABELS["foreground"]
    low = torch.where((first | inside)[..., None], points, FAR).amin(dim=1)
    high = torch.where((last | inside)[..., None], points, -FAR).amax(dim=1)
    slack = (LEAST_BOX - (high - low)).clamp(min=0) / 2
    low, high = low - slack, high + slack
    depths = []
    for axis, count in enumerate((logits.shape[-1], logits.shape[-2])):
        at = _centres(count, points)
        edges = low[:, axis, None], high[:, axis, None]
        depths.append(torch.minimum(at - edges[0], edges[1] - at) / (edges[1] - edges[0]))
    depth = torch.minimum(depths[0][:, None, :], depths[1][:, :, None]).clamp(-BOX_DISTANCE, BOX_DEPTH)
    has_box = first.any(dim=1) & last.any(dim=1)
    return torch.where(has_box[:, None, None], BOX_SLOPE * depth, 0.0)[:, None]


class _Clicks(NamedTuple):
    """Points as a mask (1, M, h, w) sees them.

    across, down: (1, P, w) and (1, P, h) squared distances along the axes. value: (1, M, P) the mask's logits there.
    variance: (1, M, P) squared distance to the nearest pixel of the other sign, at most `MOST_DEVIATION`'s.
    """

    across: Tensor
    down: Tensor
    value: Tensor
    variance: Tensor


def _seen(logits: Tensor, points: Tensor) -> _Clicks:
    """Points (1, P, 2) on a mask (1, M, h, w)."""
    height, width = logits.shape[-2:]
    across = (_centres(width, points) - points[..., 0, None]).square()
    down = (_centres(height, points) - points[..., 1, None]).square()
    at = down.argmin(dim=-1) * width + across.argmin(dim=-1)
    value = logits.flatten(2).gather(2, at[:, None].expand(-1, logits.shape[1], -1))
    others = (logits > 0)[:, :, None] != (value > 0)[..., None, None]
    distance = (across[:, :, None, :] + down[:, :, :, None])[:, None]
    most = MOST_DEVIATION * LOW_RES_STRIDE * max(height, width)
    variance = torch.where(others, distance, most**2).flatten(3).amin(dim=3).clamp(max=most**2)
    return _Clicks(across, down, value, variance)


def _gaussians(clicks: _Clicks, variance: Tensor, height: Tensor) -> Tensor:
    """(1, M, P, h, w): one at each click, of these variances and heights (1, M, P)."""
    sharpness = 0.5 / variance[..., None]
    across, down = (torch.exp(-axis[:, None] * sharpness) for axis in (clicks.across, clicks.down))
    return across[..., None, :] * (down * height[..., None])[..., None]


def _local(logits: Tensor, before: Tensor, has_mask: Tensor, points: Tensor, labels: Tensor) -> Tensor:
    """(1, M, h, w) logits near the last prompt if it is a click, mostly those of `before` (1, 1, h, w) far from it."""
    clicked = (labels == LABELS["foreground"]) | (labels == LABELS["background"])
    order = torch.where(labels != LABELS["padding"], torch.arange(1, labels.shape[1] + 1, device=labels.device), 0)
    is_last = order == order.amax(dim=1, keepdim=True)
    last = torch.where(is_last[..., None], points, 0.0).sum(dim=1, keepdim=True)
    seen = _seen(before, last)
    variance = (LOCAL_REACH**2 * seen.variance).clamp(min=LEAST_REACH**2)
    new = NEW_EVERYWHERE + (1 - NEW_EVERYWHERE) * _gaussians(seen, variance, torch.ones_like(variance))[:, :, 0]
    corrects = (clicked.sum(dim=1) >= LOCAL_FROM) & (clicked & is_last).any(dim=1) & (has_mask > 0)
    return torch.where(corrects[:, None, None, None], before + new * (logits - before), logits)


def _kept_to_clicks(logits: Tensor, points: Tensor, labels: Tensor) -> Tensor:
    """(1, M, h, w) logits pushed to each click's sign; where two kinds of clicks push, the stronger may win."""
    foreground = labels == LABELS["foreground"]
    clicked = foreground | (labels == LABELS["background"])
    seen = _seen(logits, points)
    sign = torch.where(foreground, 1.0, -1.0)[:, None]
    lacking = torch.where(clicked[:, None], (MARGIN - sign * seen.value).clamp(min=0), 0.0)
    # No further than halfway to a click of the other kind: it must stay on its side.
    between = (points[:, :, None] - points[:, None]).square().sum(dim=-1)
    opposed = clicked[:, None] & clicked[:, :, None] & (foreground[:, None] != foreground[:, :, None])
    room = torch.where(opposed, between / 4, FAR**2).amin(dim=2)[:, None]
    variance = torch.minimum(seen.variance, room).clamp(min=LEAST_DEVIATION**2)
    push = _gaussians(seen, variance, sign * lacking)
    return logits + push.amax(dim=2).clamp(min=0) + push.amin(dim=2).clamp(max=0)
