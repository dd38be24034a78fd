"""The released implementation, loaded from a checkout that the caller names, with our weights in it.

It imports torchvision for two things, resizing and NMS, which have no CPU build everywhere. Where there is no
torchvision, a small stand-in with the same answers takes its place; its NMS is ours, so that neither side gains by it.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from engine.masks import nms
from engine.model.preprocess import PIXEL_MEAN, PIXEL_STD

if TYPE_CHECKING:
    from engine.model.sam import Sam


def load(checkout: Path) -> types.ModuleType:
    """The package `segment_anything` of a checkout.

    Raises:
        SystemExit: there is no such package in that folder.
    """
    if not (checkout / "segment_anything" / "__init__.py").is_file():
        raise SystemExit(f"{checkout} is no checkout of facebookresearch/segment-anything.")
    _stand_in_for_torchvision()
    sys.path.insert(0, str(checkout))
    import segment_anything  # type: ignore[import-not-found]

    package: types.ModuleType = segment_anything
    return package


class _Encoder(torch.nn.Module):
    """Our encoder behind the reference's interface."""

    def __init__(self, model: Sam) -> None:
        super().__init__()
        self.img_size = model.config.image_size
        self.encoder = model.image_encoder

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        embedding: torch.Tensor = self.encoder(x)
        return embedding


def with_our_weights(package: types.ModuleType, model: Sam) -> Any:
    """The reference's Sam: its own prompt encoder and mask decoder holding our weights, our encoder in front."""
    modeling, config = package.modeling, model.config
    prompt_encoder = modeling.PromptEncoder(
        embed_dim=config.prompt_dim,
        image_embedding_size=(config.grid, config.grid),
        input_image_size=(config.image_size, config.image_size),
        mask_in_chans=config.mask_in_chans,
    )
    decoder = modeling.MaskDecoder(
        num_multimask_outputs=config.num_multimask_outputs,
        transformer=modeling.TwoWayTransformer(
            depth=config.transformer_depth,
            embedding_dim=config.prompt_dim,
            mlp_dim=config.transformer_mlp_dim,
            num_heads=config.transformer_heads,
        ),
        transformer_dim=config.prompt_dim,
        iou_head_depth=config.iou_head_depth,
        iou_head_hidden_dim=config.iou_head_hidden_dim,
    )
    prompt_encoder.load_state_dict(model.prompt_encoder.state_dict())
    decoder.load_state_dict(model.mask_decoder.state_dict())
    sam = modeling.Sam(
        image_encoder=_Encoder(model),
        prompt_encoder=prompt_encoder,
        mask_decoder=decoder,
        pixel_mean=list(PIXEL_MEAN),
        pixel_std=list(PIXEL_STD),
    )
    return sam.eval().to(model.device)


def official_encoder(package: types.ModuleType, model: Sam) -> Any:
    """The reference's ViT with the weights of ours."""
    from engine.model.config import ViTConfig

    config = model.config
    encoder = config.encoder
    if not isinstance(encoder, ViTConfig):
        raise SystemExit("The reference has no encoder but the ViT: choose vit_b, vit_l or vit_h.")
    with model.device:  # to draw a huge model's first weights takes seconds on a CPU
        made = package.modeling.ImageEncoderViT(
            depth=encoder.depth,
            embed_dim=encoder.embed_dim,
            img_size=config.image_size,
            mlp_ratio=encoder.mlp_ratio,
            norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6),
            num_heads=encoder.num_heads,
            patch_size=config.patch_size,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=encoder.global_attn_indexes,
            window_size=encoder.window_size,
            out_chans=config.prompt_dim,
        )
    made.load_state_dict(model.image_encoder.state_dict())
    return made.eval().to(model.device)


def _stand_in_for_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError):  # not there, or made for another torch
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    else:
        return

    def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
        return image.resize((size[1], size[0]), Image.Resampling.BILINEAR)

    def batched_nms(
        boxes: torch.Tensor, scores: torch.Tensor, classes: torch.Tensor, iou_threshold: float
    ) -> torch.Tensor:
        if len(torch.unique(classes)) > 1:
            boxes = boxes + (classes * (boxes.max() + 1))[:, None]
        kept = nms.box_nms(
            boxes.cpu().numpy().astype(np.float64), scores.cpu().numpy().astype(np.float64), iou_threshold
        )
        return torch.as_tensor(np.asarray(kept), dtype=torch.int64, device=boxes.device)

    def box_area(boxes: torch.Tensor) -> torch.Tensor:
        return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])

    transforms, ops = "torchvision.transforms", "torchvision.ops"
    names = ("torchvision", ops, f"{ops}.boxes", transforms, f"{transforms}.functional")
    made = {name: types.ModuleType(name) for name in names}
    made["torchvision.transforms.functional"].__dict__.update(resize=resize, to_pil_image=Image.fromarray)
    made["torchvision.ops.boxes"].__dict__.update(batched_nms=batched_nms, box_area=box_area)
    sys.modules.update(made)
