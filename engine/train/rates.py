"""What is trained, and how fast: learning rates by time and by depth, weight decay by kind of parameter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from engine.model.sam import Sam
    from engine.train.loop import TrainSettings
    from engine.train.pretrain import PretrainSettings

ENCODER = "image_encoder."


def learning_rate(settings: TrainSettings | PretrainSettings, step: int, fraction: float) -> float:
    """Linear warm-up, then a cosine from the full rate to `final_lr` of it at fraction 1."""
    warm = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, fraction)))
    return settings.learning_rate * warm * (settings.final_lr + (1 - settings.final_lr) * cosine)


def parameter_groups(model: Sam, settings: TrainSettings) -> list[dict[str, object]]:
    """Trained parameters; weight decay for matrices only, the encoder's rates scaled as `TrainSettings` says."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    layers = {name: encoder_layer(name) for name, _ in model.named_parameters() if name.startswith(ENCODER)}
    last = 1 + max(layer for layer in layers.values() if layer is not None)
    for name, parameter in model.named_parameters():
        scale, trained = 1.0, True
        if name in layers:
            layer = layers[name]
            layer = last if layer is None else layer
            scale = settings.encoder_lr * settings.layer_decay ** (last - layer)
            trained = settings.mode == "full" and layer >= settings.frozen_layers
        parameter.requires_grad_(trained)
        if trained:
            plain = parameter.ndim < 2 or "embed" in name or "token" in name
            groups.setdefault((0.0 if plain else settings.weight_decay, scale), []).append(parameter)
    return [{"params": params, "weight_decay": decay, "scale": scale} for (decay, scale), params in groups.items()]


def encoder_layer(name: str) -> int | None:
    """0 for what sees the image first, n for the n-th stage or block; None for what comes after the last of them."""
    part, _, rest = name.removeprefix(ENCODER).partition(".")
    if part in ("stages", "blocks"):
        return 1 + int(rest.partition(".")[0])
    return 0 if part in ("stem", "patch_embed", "pos_embed") else None
