"""Content hashes that say which encoder made an embedding, and which decoder answers.

A fingerprint is the sha256 over the sizes and the weights of its part, floating point weights cast to float16: saving
as float16 and loading again does not change it. Two encoders that differ only below float16 precision share one, and
so share their embeddings.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn

    from engine.model.sam import Sam

__all__ = ["decoder_sha256", "encoder_sha256"]

SHARED_FIELDS = ("image_size", "patch_size", "prompt_dim")  # what both sides must agree on


def encoder_sha256(model: Sam) -> str:
    """Hex digest of the image encoder: embeddings are valid for exactly the models that share it."""
    config = model.config.to_dict()
    sizes = {key: config[key] for key in (*SHARED_FIELDS, "encoder")}
    return _digest(sizes, {"image_encoder": model.image_encoder})


def decoder_sha256(model: Sam) -> str:
    """Hex digest of the prompt encoder and mask decoder."""
    sizes = {key: value for key, value in model.config.to_dict().items() if key not in ("encoder", "name")}
    return _digest(sizes, {"prompt_encoder": model.prompt_encoder, "mask_decoder": model.mask_decoder})


def _digest(sizes: dict[str, Any], parts: dict[str, nn.Module]) -> str:
    digest = hashlib.sha256(json.dumps(sizes, sort_keys=True).encode())
    for prefix, part in parts.items():
        for key, tensor in sorted(part.state_dict().items()):
            if key.endswith("num_batches_tracked"):
                continue  # counts training steps and changes no answer
            if tensor.is_floating_point():
                tensor = tensor.to(torch.float16)
            tensor = tensor.detach().cpu().contiguous()
            digest.update(f"{prefix}.{key}{tuple(tensor.shape)}".encode())
            digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
