"""Sizes of a model: everything that decides which modules are built and which keys a checkpoint has.

Plain frozen dataclasses, no torch. They are written into every checkpoint of ours and compared on load; an unknown or
missing field is an error, so that no setting is silently without effect.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from engine.geometry import LOW_RES_STRIDE

__all__ = ["PRESETS", "ConvConfig", "EncoderConfig", "ModelConfig", "ViTConfig"]

CONV_STRIDE = 16  # the convolutional encoder's embedding grid


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """Plain vision transformer with windowed and global attention (SAM paper, appendix A; ViTDet)."""

    embed_dim: int
    depth: int
    num_heads: int
    global_attn_indexes: tuple[int, ...]
    window_size: int = 14
    mlp_ratio: float = 4.0
    kind: Literal["vit"] = "vit"

    def __post_init__(self) -> None:
        if self.embed_dim % self.num_heads:
            raise ValueError(f"embed_dim {self.embed_dim} must be a multiple of num_heads {self.num_heads}.")
        if any(not 0 <= index < self.depth for index in self.global_attn_indexes):
            raise ValueError(f"global_attn_indexes {self.global_attn_indexes} must lie in 0..{self.depth - 1}.")


@dataclass(frozen=True, kw_only=True)
class ConvConfig:
    """Convolutional encoder of inverted residuals, whose maps at strides 4, 8, 16 and 32 are fused at stride 16.

    One entry a stage in each tuple; the defaults are those of EfficientNet-Lite0, whose weights fit.

    Args:
        stem_width: channels at stride 2.
        widths: channels of the stages.
        depths: blocks of the stages.
        kernels: sides of the depthwise kernels.
        strides: of the stages' first blocks; with the stem's 2 they multiply to 32.
        expansions: how many times wider a block is inside.
        fusion_depth: residual blocks on the fused stride-16 map.
    """

    stem_width: int = 32
    widths: tuple[int, ...] = (16, 24, 40, 80, 112, 192, 320)
    depths: tuple[int, ...] = (1, 2, 2, 3, 3, 4, 1)
    kernels: tuple[int, ...] = (3, 3, 5, 3, 5, 5, 3)
    strides: tuple[int, ...] = (1, 2, 2, 2, 1, 2, 1)
    expansions: tuple[int, ...] = (1, 6, 6, 6, 6, 6, 6)
    fusion_depth: int = 2
    kind: Literal["conv"] = "conv"

    def __post_init__(self) -> None:
        per_stage = (self.widths, self.depths, self.kernels, self.strides, self.expansions)
        if len({len(values) for values in per_stage}) != 1:
            raise ValueError(f"widths, depths, kernels, strides and expansions need an entry a stage, got {per_stage}.")
        if min(map(min, per_stage)) < 1 or self.stem_width < 1 or self.fusion_depth < 0:
            raise ValueError("The sizes of a conv encoder must be positive.")
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError(f"The kernels of a conv encoder must be odd, got {self.kernels}.")
        if set(self.strides) - {1, 2} or 2 * math.prod(self.strides) != 2 * CONV_STRIDE:
            raise ValueError(f"The strides of a conv encoder must be 1 or 2 and multiply to 16, got {self.strides}.")

    def stages_by_stride(self) -> dict[int, int]:
        """The last stage at each of the strides 4, 8, 16 and 32."""
        stride, last = 2, {}
        for index, step in enumerate(self.strides):
            stride *= step
            last[stride] = index
        return {stride: last[stride] for stride in (4, 8, 16, 32)}


EncoderConfig = ViTConfig | ConvConfig


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """All sizes of a Sam model.

    Args:
        name: what people call it; stored in checkpoints.
        image_size: S, side of the square input (model frame), in pixels.
        encoder: the image encoder's sizes.
        patch_size: model pixels per cell of the embedding grid.
        prompt_dim: C, channels of embeddings and prompt tokens.
        mask_in_chans: channels of the mask prompt before its projection to C.
        transformer_depth, transformer_heads, transformer_mlp_dim: the two-way decoder.
        num_multimask_outputs: candidates per prompt; one more token answers unambiguous prompts.
        iou_head_depth, iou_head_hidden_dim: the predicted-IoU head.
        constrained: whether answers are made to agree with their prompts (`engine.model.constraints`); those of the
            released models are not.
    """

    name: str
    image_size: int
    encoder: EncoderConfig
    patch_size: int = 16
    prompt_dim: int = 256
    mask_in_chans: int = 16
    transformer_depth: int = 2
    transformer_heads: int = 8
    transformer_mlp_dim: int = 2048
    num_multimask_outputs: int = 3
    iou_head_depth: int = 3
    iou_head_hidden_dim: int = 256
    constrained: bool = False

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size:
            raise ValueError(f"image_size {self.image_size} must be a multiple of patch_size {self.patch_size}.")
        if self.patch_size != 4 * LOW_RES_STRIDE:
            raise ValueError(f"patch_size must be {4 * LOW_RES_STRIDE}: the decoder upsamples the grid by four.")
        if self.encoder.kind == "conv" and self.image_size % (2 * CONV_STRIDE):
            raise ValueError(
                f"image_size {self.image_size} must be a multiple of {2 * CONV_STRIDE} for a conv encoder."
            )
        if self.prompt_dim % 8 or (self.prompt_dim // 2) % self.transformer_heads:
            raise ValueError(
                f"prompt_dim {self.prompt_dim} must be a multiple of 8, and half of it of "
                f"transformer_heads {self.transformer_heads}."
            )
        if self.transformer_depth < 1 or self.iou_head_depth < 1 or self.mask_in_chans % 4:
            raise ValueError("The decoder needs a depth of at least one and mask_in_chans divisible by four.")

    @property
    def grid(self) -> int:
        """G: the embedding is C x G x G."""
        return self.image_size // self.patch_size

    @property
    def low_res_size(self) -> int:
        """Side of the decoder's logit grid, 4G."""
        return self.image_size // LOW_RES_STRIDE

    @property
    def num_mask_tokens(self) -> int:
        """Masks the decoder answers with: the single-mask token, then the candidates."""
        return self.num_multimask_outputs + 1

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; `from_dict` is its inverse.

        `constrained` is left out where it is False: so it was before there was such a thing, and fingerprints stay.
        """
        values = asdict(self)
        return values if self.constrained else {key: value for key, value in values.items() if key != "constrained"}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Read `to_dict`'s output back.

        Raises:
            ValueError: unknown, missing or impossible fields, each named.
        """
        values = {"constrained": False, **values}
        encoder = values.pop("encoder", None)
        if not isinstance(encoder, dict) or encoder.get("kind") not in ("vit", "conv"):
            raise ValueError("The model description has no encoder of kind 'vit' or 'conv'.")
        encoder_class = ViTConfig if encoder["kind"] == "vit" else ConvConfig
        encoder_values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in encoder.items()}
        _check_fields(encoder_class, encoder_values, "encoder")
        _check_fields(cls, {**values, "encoder": None}, "model")
        return cls(encoder=encoder_class(**encoder_values), **values)


def _check_fields(kind: type[ModelConfig | ViTConfig | ConvConfig], values: dict[str, Any], what: str) -> None:
    expected = {field.name for field in fields(kind)}
    unknown, missing = sorted(set(values) - expected), sorted(expected - set(values))
    if unknown or missing:
        raise ValueError(
            f"The {what} description does not fit this version: unknown fields {unknown or 'none'}, "
            f"missing fields {missing or 'none'}."
        )


def _official(name: str, embed_dim: int, depth: int, num_heads: int, every: int) -> ModelConfig:
    """One of the three released models: global attention in every `every`-th block."""
    encoder = ViTConfig(
        embed_dim=embed_dim,
        depth=depth,
        num_heads=num_heads,
        global_attn_indexes=tuple(range(every - 1, depth, every)),
    )
    return ModelConfig(name=name, image_size=1024, encoder=encoder)


PRESETS: dict[str, ModelConfig] = {
    "vit_b": _official("vit_b", 768, 12, 12, 3),
    "vit_l": _official("vit_l", 1024, 24, 16, 6),
    "vit_h": _official("vit_h", 1280, 32, 16, 8),
    "maskloom-s": ModelConfig(
        name="maskloom-s",
        image_size=768,
        encoder=ConvConfig(depths=(1, 3, 3, 4, 4, 5, 1), fusion_depth=3),
        prompt_dim=128,
        transformer_heads=4,
        transformer_mlp_dim=512,
        iou_head_hidden_dim=128,
        constrained=True,
    ),
}
"""Model descriptions by name: the released sizes, and our own default."""
