"""The ways to attend with relative positions against the formula, and the encoder in bfloat16."""

import pytest
import torch

from engine.model import vit_encoder
from engine.model.sam import Sam


@pytest.mark.parametrize(("side", "width"), [(3, 5), (4, 8), (14, 16), (20, 8)])
@pytest.mark.parametrize("way", ["attend_biased", "attend_folded", "_attend_in_parts"])
def test_relative_positions_are_added_to_the_logits(way, side, width):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, side**2, width, generator=generator) for _ in range(3))
    rows, columns = (torch.randn(2, 3, side**2, side, generator=generator) for _ in range(2))
    added = (rows[..., :, None] + columns[..., None, :]).flatten(3)
    expected = (q @ k.transpose(2, 3) * width**-0.5 + added).softmax(dim=-1) @ v
    torch.testing.assert_close(getattr(vit_encoder, way)(q, k, v, rows, columns), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["vit", "conv"])
def test_bfloat16_moves_embeddings_little(kind, golden_model, tiny_conv_config):
    model = Sam(golden_model.config if kind == "vit" else tiny_conv_config).eval()
    if kind == "vit":
        model.load_state_dict(golden_model.state_dict())
    side = model.config.image_size
    batch = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    points, labels = torch.rand(3, 1, 2) * side, torch.ones(3, 1)
    with torch.inference_mode():
        exact = model.embed(batch)
        masks, iou = model.decode(exact[:1], points, labels)
        model.use_bfloat16()
        embedding = model.embed(batch)
        low, low_iou = model.decode(exact[:1], points, labels)
    assert embedding.dtype == exact.dtype == torch.float32
    assert 0 < (embedding - exact).abs().max() < 0.05 * exact.abs().max()
    assert low.dtype == torch.bfloat16
    assert (low.float() - masks).abs().max() < 0.05 * masks.abs().max()
    assert (low_iou - iou).abs().max() < 0.02
