"""A released model without its checkpoint: random weights, stretched so that its answers spread as a trained model's.

Speed does not depend on weights, but on how many candidates pass the bars and on the masks they have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.generate.grid import point_grid
from engine.generate.pixels import DeviceUpsampler
from engine.geometry import Frame
from engine.masks import stability
from engine.model.config import PRESETS, ModelConfig, ViTConfig
from engine.model.sam import Sam

if TYPE_CHECKING:
    from numpy.typing import NDArray

PASS_IOU, PASS_STABLE = 0.9, 0.5  # quantiles of the candidates at which the bars are laid
BAR = 0.88
WAVES = 1.5  # across an image, of what cells differ by
OFFSET = 1.0  # of the stability, in logits, as released
TINY = ModelConfig(
    name="tiny",
    image_size=64,
    encoder=ViTConfig(embed_dim=32, depth=2, num_heads=2, global_attn_indexes=(1,), window_size=3),
    prompt_dim=32,
    transformer_heads=4,
    transformer_mlp_dim=64,
    iou_head_hidden_dim=32,
)


def random_model(name: str, device: torch.device) -> Sam:
    """A model of a released size, or a tiny one, with random weights in all its parts."""
    torch.manual_seed(0)
    with device:
        model = Sam(TINY if name == "tiny" else PRESETS[name]).eval().requires_grad_(False)
    encoder_: Any = model.image_encoder
    decoder_: Any = model.mask_decoder
    for key, parameter in encoder_.named_parameters():
        if "rel_pos" in key:  # zero at first
            parameter.normal_(std=0.1)
    # Noise would make masks of thousands of specks, whose runs would be all the work. So cells differ by their place
    # first of all, smoothly, and the pixels of a cell are alike.
    _, rows, columns, channels = encoder_.pos_embed.shape
    places = torch.cartesian_prod(torch.linspace(0, 1, rows), torch.linspace(0, 1, columns)).to(device)
    waves = torch.randn(2, channels, device=device) * WAVES
    phases = torch.rand(channels, device=device)
    encoder_.pos_embed.copy_((2 * np.pi * (places @ waves + phases)).sin().view_as(encoder_.pos_embed))
    encoder_.patch_embed.proj.weight.mul_(0.2)
    for layer in (decoder_.output_upscaling[0], decoder_.output_upscaling[3]):
        layer.weight.copy_(layer.weight.mean(dim=(2, 3), keepdim=True).expand_as(layer.weight) * 2)
    # Torch's first weights let most of what tells prompts apart fade from layer to layer.
    for mlp in (*decoder_.output_hypernetworks_mlps, decoder_.iou_prediction_head):
        for layer in mlp.layers:
            layer.weight.mul_(6**0.5)
            layer.bias.zero_()
    return model.to(device)


def stretch(model: Sam, image: NDArray[np.uint8], points_per_side: int) -> float:
    """Give random weights the spread of trained ones, and the share of candidates that passes; the bar of stability."""
    decoder_: Any = model.mask_decoder
    config = model.config
    frame = Frame((image.shape[0], image.shape[1]), config.image_size)
    grid = frame.points_to_model(point_grid(points_per_side) * (image.shape[1], image.shape[0]))
    points = torch.from_numpy(grid).to(model.device)[:, None]
    labels = torch.ones(len(points), 1, device=model.device)
    with torch.inference_mode():
        features = model.prepare(model.embed(model.preprocess([image])))

    def ask() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode():
            answers = [
                model.decode(features, some, marks)
                for some, marks in zip(torch.split(points, 64), torch.split(labels, 64), strict=True)
            ]
        return torch.cat([low[:, 1:] for low, _ in answers]), torch.cat([iou for _, iou in answers])[:, 1:]

    _shift_masks(model, features, (points[:64], labels[:64]))
    low_res, iou = ask()
    wider = 0.05 / float(iou.std())
    bar = float(np.quantile(iou.cpu().numpy(), PASS_IOU))
    last = decoder_.iou_prediction_head.layers[-1]
    last.weight.mul_(wider)
    last.bias.mul_(wider).add_(BAR - wider * bar)
    steeper = 5 / float(low_res[iou > bar].std(dim=(1, 2)).median())
    for mlp in decoder_.output_hypernetworks_mlps:
        mlp.layers[-1].weight.mul_(steeper)
        mlp.layers[-1].bias.mul_(steeper)
    low_res, iou = ask()
    height, width = frame.low_res_window
    passing = low_res[iou > BAR][:, :height, :width]
    strict, areas, loose = DeviceUpsampler(frame, OFFSET, model.device).numbers(passing)[:3]
    bar = float(np.quantile(stability.ratio(strict, loose), PASS_STABLE))
    cover = areas.mean() / (image.shape[0] * image.shape[1])
    print(
        f"    {len(passing)} of {iou.numel()} candidates pass on IoU; they cover {cover:.0%}; stability's bar {bar:.3f}"
    )
    return min(max(bar, 0.0), 1.0)


def _shift_masks(model: Sam, features: Any, prompts: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Lower all masks' logits until one pixel in five lies above zero."""
    decoder_: Any = model.mask_decoder
    for index, mlp in enumerate(decoder_.output_hypernetworks_mlps):
        bias = mlp.layers[-1].bias
        with torch.inference_mode(False), torch.enable_grad():
            bias.requires_grad_(True)
            kept = type(features)(*(part.clone() for part in features))
            logits = model.decode(kept, *prompts)[0][:, index]
            # Logits are a product of the pixels' channels with numbers that end in this bias: so this is their mean.
            (channels,) = torch.autograd.grad(logits.mean(), bias)
            bias.requires_grad_(False)
        above = float(np.quantile(logits.detach().cpu().numpy()[:8], 0.8))
        bias.sub_(above * channels / channels.square().sum())
