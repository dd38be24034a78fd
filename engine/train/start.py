"""First weights for training from nothing: a decoder that begins by comparing positions.

With the layers' usual small weights the decoder spends hundreds of steps giving every pixel the same answer. Starting
cross-attention with equal queries and keys makes a prompt token look at its own place in the image and the image look
back, and larger gains on the way out let the masks show it. On synthetic shapes this shortened that plateau to about
half; it changes nothing about the architecture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from engine.model.transformer import Attention

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
    for name, attention in decoder.transformer.named_modules():
        if isinstance(attention, Attention) and not name.endswith("self_attn"):
            attention.q_proj.weight.mul_(QUERY_GAIN)
            attention.k_proj.weight.copy_(attention.q_proj.weight)
            attention.v_proj.weight.mul_(VALUE_GAIN)
            attention.out_proj.weight.mul_(VALUE_GAIN)
    for linear in decoder.output_hypernetworks_mlps.modules():
        if isinstance(linear, torch.nn.Linear):
            linear.weight.mul_(HYPERNETWORK_GAIN)
    for module in decoder.output_upscaling:
        if isinstance(module, torch.nn.ConvTranspose2d):
            module.weight.mul_(UPSCALING_GAIN)
