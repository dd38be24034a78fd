"""Many prompts at once: the same answers and masks as the decoder's own arrangement gives."""

import pytest
import torch

from engine.generate.asking import Asker
from engine.generate.asking import _OnDevice as Asked
from engine.model.many import ManyPrompts

TOLERANCE = 2e-4  # of logits up to about 20


@pytest.fixture(params=["golden_model", "tiny_conv_model"])
def model(request):
    return request.getfixturevalue(request.param).eval()


@pytest.fixture
def embedding(model):
    size = model.config.image_size
    pixels = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return model.embed(pixels * 4 - 2)


def prompts(model, kind, count=5):
    places = torch.rand(count, 2, 2, generator=torch.Generator().manual_seed(1)) * model.config.image_size
    with torch.inference_mode():
        if kind == "boxes":
            return model.prompt_encoder.sparse_tokens(None, None, places.flatten(1))
        return model.prompt_encoder.sparse_tokens(places[:, :1], torch.ones(count, 1), None)


@pytest.mark.parametrize("kind", ["points", "boxes"])
def test_answers_and_masks_are_the_decoders(model, embedding, kind):
    sparse, side = prompts(model, kind), model.config.low_res_size
    with torch.inference_mode():
        expected, iou = model.mask_decoder(model.prepare(embedding), sparse)
        answers = ManyPrompts(model, embedding).answer(sparse)
        some = torch.tensor([4, 0, 2])
        whole, part = answers.draw(some, (side, side)), answers.draw(some, (side - 4, side // 8 * 4))
    assert answers.iou == pytest.approx(iou, abs=1e-5)
    assert whole == pytest.approx(expected[some], abs=TOLERANCE)
    assert part == pytest.approx(expected[some, :, : side - 4, : side // 8 * 4], abs=TOLERANCE)


def test_a_prompt_is_answered_alike_alone_and_among_others(model, embedding):
    sparse, side = prompts(model, "points"), model.config.low_res_size
    many = ManyPrompts(model, embedding)
    with torch.inference_mode():
        together, alone = many.answer(sparse), many.answer(sparse[3:4])
        assert together.iou[3:4] == pytest.approx(alone.iou, abs=1e-5)
        masks = together.draw(torch.tensor([3]), (side, side)), alone.draw(torch.tensor([0]), (side, side))
    assert masks[0] == pytest.approx(masks[1], abs=TOLERANCE)


def test_masks_can_be_drawn_again_and_in_any_order(model, embedding):
    """Nothing that an answer holds is used up by drawing."""
    side = model.config.low_res_size
    with torch.inference_mode():
        answers = ManyPrompts(model, embedding).answer(prompts(model, "points"))
        one, both = answers.draw(torch.tensor([1]), (side, side)), answers.draw(torch.tensor([3, 1]), (side, side))
        again = answers.draw(torch.tensor([1]), (side, side))
    assert torch.equal(one, again)
    assert both[1:] == pytest.approx(one, abs=TOLERANCE)


def test_a_gpu_is_asked_for_the_same(model, embedding):
    """The arrangement for GPUs needs none to be tried."""
    sparse, some, window = prompts(model, "points"), torch.tensor([4, 2]), (8, model.config.low_res_size)
    with torch.inference_mode():
        answers = Asked(model.mask_decoder, model.mask_decoder.answer(model.prepare(embedding), sparse))
        expected = ManyPrompts(model, embedding).answer(sparse)
        assert answers.iou == pytest.approx(expected.iou, abs=1e-5)
        assert answers.draw(some, window) == pytest.approx(expected.draw(some, window), abs=TOLERANCE)


def test_a_batch_is_bounded(model, embedding):
    with torch.inference_mode():
        asker = Asker(model, embedding)
    config = model.config
    assert asker.batch_size * config.grid**2 * config.transformer_heads * 7 <= 2**20
    assert asker.batch_size >= 1
