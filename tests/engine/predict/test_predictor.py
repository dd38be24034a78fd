"""One image, many prompts, on the golden answers."""

import json

import numpy as np
import pytest
from skimage.data import coffee

import engine
from engine.errors import ImageError, PromptError


@pytest.fixture(scope="module")
def predictor(golden_model):
    predictor = engine.Predictor(golden_model)
    predictor.set_image(coffee())
    return predictor


def test_golden_prompts(golden_dir, predictor):
    with np.load(golden_dir / "prompts.npz") as answers:
        for prompt in json.loads((golden_dir / "prompts.json").read_text()):
            prediction = predictor.predict(
                points=prompt.get("points"),
                labels=prompt.get("labels"),
                box=prompt.get("box"),
                mask_input=answers["mask_input"] if prompt.get("use_mask") else None,
                multimask=prompt.get("multimask", True),
            )
            name = prompt["name"]
            assert prediction.masks.dtype == bool
            assert prediction.masks.shape[1:] == (400, 600)
            assert prediction.low_res_logits.dtype == prediction.iou_predictions.dtype == np.float32
            np.testing.assert_allclose(prediction.low_res_logits, answers[f"{name}.low_res_logits"], atol=1e-4)
            np.testing.assert_allclose(prediction.iou_predictions, answers[f"{name}.iou"], atol=1e-4)
            areas = prediction.masks.sum(axis=(1, 2))
            np.testing.assert_allclose(areas, prompt["area"], rtol=0.002, atol=5, err_msg=name)


def test_a_stored_embedding_answers_as_its_image_does(golden_model, predictor):
    other = engine.Predictor(golden_model)
    other.set_embedding(predictor.embedding, (400, 600))
    box = (150, 60, 450, 330)
    np.testing.assert_array_equal(other.predict(box=box).masks, predictor.predict(box=box).masks)


def test_an_answer_is_the_next_prompt(predictor):
    first = predictor.predict(points=[(300, 200)], labels=[1], multimask=False)
    second = predictor.predict(points=[(300, 200)], labels=[1], mask_input=first.low_res_logits, multimask=False)
    assert second.low_res_logits.shape == (1, 64, 64)


def test_nothing_works_without_an_image(golden_model):
    predictor = engine.Predictor(golden_model)
    with pytest.raises(PromptError, match="set_image"):
        predictor.predict(points=[(1, 1)], labels=[1])
    predictor.set_image(np.zeros((9, 7, 3), dtype=np.uint8))
    assert predictor.predict(points=[(7, 9)], labels=[1]).masks.shape == (3, 9, 7)
    predictor.reset()
    with pytest.raises(PromptError, match="set_image"):
        _ = predictor.embedding


def test_prompts_are_checked_against_the_image(predictor):
    with pytest.raises(PromptError, match="outside"):
        predictor.predict(points=[(601, 1)], labels=[1])
    with pytest.raises(PromptError, match="Nothing"):
        predictor.predict()


def test_bad_images_and_embeddings(golden_model):
    predictor = engine.Predictor(golden_model)
    with pytest.raises(ImageError, match="uint8 RGB"):
        predictor.set_image(np.zeros((9, 7), dtype=np.uint8))
    with pytest.raises(ImageError, match=r"\(32, 16, 16\)"):
        predictor.set_embedding(np.zeros((32, 8, 8), dtype=np.float32), (9, 7))
    with pytest.raises(ImageError, match="NaN"):
        predictor.set_embedding(np.full((32, 16, 16), np.nan), (9, 7))
