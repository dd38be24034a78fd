"""First weights for training from nothing: a decoder that begins by comparing positions.

With the layers' usual small weights the decoder spends hundreds of steps giving every pixel the same answer. Starting
cross-attention with equal queries and keys makes a prompt token look at its own place in the image and the image look
back, and larger gains on the way out let the masks show it. On synthetic shapes this shortened that plateau to about
half; it changes nothing about the architecture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from engine.model.sam import Sam

QUERY_GAIN = 3.0
VALUE_GAIN = 1.7
HYPERNETWORK_GAIN = 1.7
UPSCALING_GAIN = 2.0


@torch.no_grad()
def start_decoder(model: Sam) -> None:
    """Rescale the fresh decoder of `model` in place."""
    decoder = model.mask_decoder
    attentions = [decoder.transformer.final_attn_token_to_image]
    for layer in decoder.transformer.layers:
        attentions += [layer.cross_attn_token_to_image, layer.cross_attn_image_to_token]
    for attention in attentions:
        attention.q_proj.weight.mul_(QUERY_GAIN)
        attention.k_proj.weight.copy_(attention.q_proj.weight)
        attention.v_proj.weight.mul_(VALUE_GAIN)
        attention.out_proj.weight.mul_(VALUE_GAIN)
    for hypernetwork in decoder.output_hypernetworks_mlps:
        for linear in hypernetwork.layers:
            linear.weight.mul_(HYPERNETWORK_GAIN)
    for module in decoder.output_upscaling:
        if isinstance(module, torch.nn.ConvTranspose2d):
            module.weight.mul_(UPSCALING_GAIN)
