"""What belongs to the model as a whole: input, seeds, gradients, the convolutional encoder, the default sizes."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import ImageError
from engine.model.config import PRESETS
from engine.model.sam import Sam, build_model


def test_preprocess_normalises_and_pads(tiny_conv_model):
    white = np.full((32, 128, 3), 255, dtype=np.uint8)
    batch = tiny_conv_model.preprocess([white, white.transpose(1, 0, 2)])
    assert batch.shape == (2, 3, 64, 64)
    expected = (255 - 123.675) / 58.395
    assert batch[0, 0, :16].eq(batch[0, 0, 0, 0]).all()
    assert float(batch[0, 0, 0, 0]) == pytest.approx(expected)
    assert batch[0, :, 16:].eq(0).all()
    assert batch[1, :, :, 16:].eq(0).all()
    tensor = torch.full((1, 3, 16, 64), 255.0)
    torch.testing.assert_close(tiny_conv_model.preprocess(tensor), batch[:1])


@pytest.mark.parametrize(
    "images",
    [
        [],
        [np.zeros((4, 4), dtype=np.uint8)],
        [np.zeros((4, 4, 4), dtype=np.uint8)],
        [np.zeros((4, 4, 3), dtype=np.float32)],
        [np.zeros((0, 4, 3), dtype=np.uint8)],
        ["photo.jpg"],
        torch.zeros(1, 3, 65, 64),
    ],
)
def test_what_is_no_image_is_refused(tiny_conv_model, images):
    with pytest.raises(ImageError):
        tiny_conv_model.preprocess(images)


def test_seeds_decide_the_weights(tiny_conv_config):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second, other = (build_model(tiny_conv_config, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_every_parameter_learns(tiny_conv_model):
    """Points of every label, boxes and masks together reach every weight, but one that cannot matter: what is added to
    all keys alike moves no attention.
    """
    model = tiny_conv_model.train()
    embedding = model.embed(torch.randn(2, 3, 64, 64))
    points, labels = torch.rand(4, 3, 2) * 64, torch.tensor([[1, 0, -1], [0, 1, -1], [2, 3, 1], [1, 1, 1]])
    low_res, iou = model.decode(
        embedding,
        points,
        labels,
        masks=torch.randn(4, 1, 16, 16),
        has_mask=torch.tensor([1, 1, 0, 0]),
        image_index=torch.tensor([0, 1, 0, 1]),
    )
    (low_res.square().mean() + iou.square().mean()).backward()
    still = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert [name for name in still if not name.endswith("token_to_image.k_proj.bias")] == []


def test_frozen_batchnorm_stays_still_in_training(tiny_conv_model):
    model = tiny_conv_model
    model.freeze_batchnorm()
    model.train()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    before = copy.deepcopy([norm.running_mean for norm in norms])
    model.embed(torch.randn(2, 3, 64, 64))
    assert model.mask_decoder.training
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))
    model.freeze_batchnorm(False)
    model.embed(torch.randn(2, 3, 64, 64))
    assert not any(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))


def test_embeddings_have_an_even_scale(tiny_conv_model):
    with torch.inference_mode():
        embedding = tiny_conv_model.embed(torch.randn(2, 3, 64, 64) * 3)
    assert embedding.shape == (2, 32, 4, 4)
    assert embedding.is_contiguous()
    # A deviation of one from the layer norm, and a little from the positions.
    torch.testing.assert_close(embedding.std(dim=1), torch.ones(2, 4, 4), atol=0.3, rtol=0)


def test_the_default_model_is_small():
    with torch.device("meta"):
        model = Sam(PRESETS["maskloom-s"])
    assert sum(parameter.numel() for parameter in model.parameters()) <= 7_000_000


def test_several_images_need_to_be_named(tiny_conv_model):
    features = tiny_conv_model.prepare(torch.randn(2, 32, 4, 4))
    sparse = torch.zeros(1, 2, 32)
    with pytest.raises(ValueError, match="image_index"):
        tiny_conv_model.mask_decoder(features, sparse)


def test_a_compiled_encoder_answers_the_same_under_the_same_keys(tiny_conv_model):
    model = tiny_conv_model
    batch, keys = torch.randn(1, 3, 64, 64), list(model.state_dict())
    with torch.inference_mode():
        expected = model.embed(batch)
        model.compile_encoder(backend="eager")
        torch.testing.assert_close(model.embed(batch), expected)
    assert list(model.state_dict()) == keys
