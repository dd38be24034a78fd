"""A first lesson for a fresh model: the pixels of an object are alike, and unlike the rest.

Before a decoder can learn to answer prompts, its embedding must tell objects apart. Here the transformer is left out:
the embedding under a random point of a mask goes straight into the hypernetwork of the single-mask token, and the
kernel that comes out is compared with the upscaled embedding. One upscaling serves all masks of an image, so that a
step sees several times as many masks as one through the decoder, and all it trains (encoder, upscaling, hypernetwork)
is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from engine.train.clicks import first_region, random_points
from engine.train.interaction import Interaction, mean_where
from engine.train.losses import mask_iou, mask_loss

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model.sam import Sam
    from engine.train.clicks import Script

__all__ = ["match_prototypes"]


def match_prototypes(
    model: Sam,
    embeddings: Tensor,
    targets: Tensor,
    image_index: Tensor,
    script: Script,
    *,
    nothing: Tensor,
    focal_weight: float,
) -> Interaction:
    """One random point for each of N masks, answered without the transformer.

    `embeddings` (B, C, g, g); `targets` (N, 4g, 4g) coverage; `image_index` (N,); rows about `nothing` (N,) are
    left out. As `interact`, a single call.
    """
    size = embeddings.shape[-1] * model.config.patch_size
    points = random_points(first_region(targets), script.points[:, 0])
    places = (points + 0.5) / size * 2 - 1
    under = functional.grid_sample(
        embeddings[image_index], places[:, None, None, :], padding_mode="border", align_corners=False
    )
    decoder = model.mask_decoder
    kernels = decoder.output_hypernetworks_mlps[0](under[:, :, 0, 0])
    upscaled = decoder.output_upscaling(embeddings)
    logits = torch.empty_like(targets)
    for image in range(len(embeddings)):
        mine = image_index == image
        logits[mine] = (kernels[mine] @ upscaled[image].flatten(1)).view(-1, *targets.shape[1:])
    something = torch.logical_not(nothing)
    loss = mean_where(mask_loss(logits, targets, focal_weight=focal_weight), something)
    iou = mean_where(mask_iou(logits.detach(), targets), something)
    return Interaction(loss, iou, iou)
