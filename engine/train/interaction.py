"""One simulated interaction with the decoder: a first prompt, then corrective clicks, each answer scored.

All prompts of all images of a batch go through the decoder together. Works on whole model inputs and on smaller crops
of the model frame: positions are encoded as if the crop sat at `offset` in the full frame, so that a model trained on
crops meets at full size the positions it knows.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.model.conv_encoder import ConvEncoder
from engine.train.clicks import next_click_training, sample_prompt
from engine.train.losses import FOCAL_WEIGHT, interaction_loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.model.mask_decoder import ImageFeatures
    from engine.model.sam import Sam
    from engine.train.batches import Batch
    from engine.train.clicks import Script

DROP_STREAM = 0xD309  # apart from the random streams of batches and scripts
TOP_LEFT, BOTTOM_RIGHT, PADDING = 2.0, 3.0, -1.0


@dataclass(frozen=True, kw_only=True)
class InteractionSettings:
    """How annotators are simulated in training.

    `length_weights[i]` is the probability (up to a factor) of i + 1 decoder calls for a mask. The paper makes 11; far
    fewer fit a CPU. `no_click` is the chance that a later call gets no new point, only the mask fed back, and
    `no_mask` that it gets the points but not the mask. `deep` is the share of annotators who click about where a region
    is deepest, as evaluation and people do; the others click anywhere in it. `focal_weight` is against a dice weight
    of 1.
    """

    length_weights: tuple[float, ...] = (2.0, 2.0, 2.0, 1.5, 1.0, 1.0)
    box_probability: float = 0.5
    no_click: float = 0.1
    no_mask: float = 0.1
    deep: float = 0.0
    iou_weight: float = 1.0
    focal_weight: float = FOCAL_WEIGHT


@dataclass(frozen=True)
class Interaction:
    """Loss to differentiate (scalar) and figures for the log (scalars): mean IoU after the first and the last call."""

    loss: Tensor
    first_iou: Tensor
    last_iou: Tensor


def encode(model: Sam, images: Tensor, offset: tuple[int, int], kept: Tensor | None = None) -> Tensor:
    """Embeddings (B, C, g, g) of images or crops; a convolutional encoder is told where the crop sits.

    `kept` (B, blocks): by how much each image's blocks count (`drop_path_script`).
    """
    encoder = model.image_encoder
    if isinstance(encoder, ConvEncoder):
        embeddings: Tensor = encoder(images, offset, kept)
    else:
        embeddings = encoder(images, kept)
    return embeddings


def drop_path_script(rate: float, seed: int, step: int, batch: Batch, num_blocks: int) -> Tensor | None:
    """By how much each image's encoder blocks count, (B, num_blocks): 0 where left out, elsewhere more than 1 to make
    up for it. The last block's chance is `rate`, and it falls linearly towards the first. Drawn image by image as
    `Script` is; None if nothing is to be left out.
    """
    if not rate:
        return None
    rates = rate * np.arange(1, num_blocks + 1) / num_blocks
    places = range(batch.first, batch.first + len(batch.inputs))
    chances = [np.random.default_rng([DROP_STREAM, seed, step, place]).random(num_blocks) for place in places]
    kept = (np.stack(chances) >= rates) / (1 - rates)
    return torch.from_numpy(kept.astype(np.float32)).to(batch.inputs.device)


def prepare(model: Sam, embeddings: Tensor, offset: tuple[int, int] = (0, 0)) -> ImageFeatures:
    """Image features of embeddings (B, C, g, g) whose crop starts at cell `offset` (x, y) of the full grid."""
    encoder, decoder = model.prompt_encoder, model.mask_decoder
    grid = embeddings.shape[-1]
    steps = torch.arange(grid, dtype=torch.float32, device=embeddings.device) + 0.5
    y, x = torch.meshgrid((steps + offset[1]) / encoder.grid, (steps + offset[0]) / encoder.grid, indexing="ij")
    image_pe = encoder.pe_layer(torch.stack([x, y], dim=-1).reshape(-1, 2))
    features: ImageFeatures = decoder.prepare(embeddings, image_pe, encoder.no_mask_embed.weight[0])
    return features


@contextmanager
def grid_of(model: Sam, grid: int) -> Iterator[None]:
    """Let the decoder lay out its masks for crops of `grid` cells while the context lasts, in all threads."""
    decoder = model.mask_decoder
    full, decoder.grid = decoder.grid, grid
    try:
        yield
    finally:
        decoder.grid = full


def interact(
    model: Sam,
    embeddings: Tensor,
    targets: Tensor,
    image_index: Tensor,
    script: Script,
    settings: InteractionSettings,
    *,
    nothing: Tensor | None = None,
    clicks: Tensor | None = None,
    offset: tuple[int, int] = (0, 0),
) -> Interaction:
    """Simulate annotators on N masks and sum the losses of every decoder call.

    `embeddings` (B, C, g, g); `targets` (N, 4g, 4g) coverage; `image_index` (N,); `script` decides what is random;
    `nothing` (N,), `clicks` (N, 2) and `offset` as in `Batch`. Figures leave out what is about nothing.
    The loss is the mean over masks and calls. The three candidates learn from the first prompt; the single-mask token
    from every call (in the paper from all but the first: here it must also answer boxes, and it learns much sooner).
    For crops smaller than the model's input, call it within `grid_of`.
    """
    features = prepare(model, embeddings, offset)
    shift = torch.tensor(offset, dtype=torch.float32, device=targets.device) * model.config.patch_size
    nothing = torch.zeros(len(targets), dtype=torch.bool, device=targets.device) if nothing is None else nothing
    something = torch.logical_not(nothing)
    deep = script.aim < settings.deep if settings.deep else None
    points, labels, boxes, is_box = sample_prompt(
        targets, script, nothing=nothing, clicks=clicks, box_probability=settings.box_probability, deep=deep
    )
    coords, kinds = first_tokens(points, labels, boxes, is_box)
    previous: Tensor | None = None
    losses: list[Tensor] = []
    ious: list[Tensor] = []
    for call in range(script.num_calls):
        if previous is not None and script.asked[call] >= settings.no_click:
            clicks, click_labels = next_click_training(previous[:, 0], targets, script.points[:, call], deep)
            coords = torch.cat([coords, clicks[:, None]], dim=1)
            kinds = torch.cat([kinds, click_labels[:, None]], dim=1)
        sparse = model.prompt_encoder.point_tokens(coords + shift, kinds)
        fed = previous if script.fed[call] >= settings.no_mask else None
        prompt = None if fed is None else model.prompt_encoder.mask_prompt(fed)
        logits, predicted = model.mask_decoder(features, sparse, image_index, prompt)
        logits, predicted = logits.float(), predicted.float()
        first = call == 0
        masks, scores, reached = interaction_loss(
            logits, predicted, targets, candidates=first, focal_weight=settings.focal_weight, nothing=nothing
        )
        losses.append((masks + settings.iou_weight * scores).mean())
        token = carried_token(predicted.detach(), ~is_box if first else torch.zeros_like(is_box))
        previous = _of_token(logits.detach(), token)[:, None]
        ious.append(mean_where(_of_token(reached, token), something))
    return Interaction(torch.stack(losses).mean(), ious[0], ious[-1])


def first_tokens(points: Tensor, labels: Tensor, boxes: Tensor, is_box: Tensor) -> tuple[Tensor, Tensor]:
    """First prompts as two tokens each: a box's corners, or a point and the padding point -> (N, 2, 2), (N, 2)."""
    as_points = torch.stack([points, torch.zeros_like(points)], dim=1)
    point_labels = torch.stack([labels, torch.full_like(labels, PADDING)], dim=1)
    corner_labels = torch.tensor([TOP_LEFT, BOTTOM_RIGHT], device=labels.device).expand_as(point_labels)
    coords = torch.where(is_box[:, None, None], boxes.reshape(-1, 2, 2), as_points)
    return coords, torch.where(is_box[:, None], corner_labels, point_labels)


def carried_token(predicted: Tensor, use_candidates: Tensor) -> Tensor:
    """Whose mask is fed back: the candidate of highest predicted IoU, or token 0; (N, 4), bool (N,) -> (N,)."""
    best = 1 + predicted[:, 1:].argmax(dim=1)
    return torch.where(use_candidates, best, torch.zeros_like(best))


def mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values, 0 if there are none: (N,), bool (N,) -> scalar."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)


def _of_token(values: Tensor, token: Tensor) -> Tensor:
    """(N, M, ...) values of M tokens -> (N, ...) those of each row's own `token`."""
    return values[torch.arange(len(values), device=values.device), token]
