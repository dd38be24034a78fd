"""One image, many prompts, on the golden answers; many at once as one by one."""

import copy
import json

import numpy as np
import pytest
import torch
from skimage.data import coffee

import engine
from engine.errors import EngineError, ImageError, PromptError
from engine.geometry import mask_to_low_res
from engine.masks import rle

DISC = np.hypot(*np.mgrid[-200:200, -300:300]) < 120
BOX = (150, 60, 450, 330)


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
    other.set_embedding(predictor.embeddings, (400, 600))
    np.testing.assert_array_equal(other.predict(box=BOX).masks, predictor.predict(box=BOX).masks)


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
        _ = predictor.embeddings
    with pytest.raises(PromptError, match="set_image"):
        predictor.predict_many([])


def test_prompts_are_checked_against_the_image(predictor):
    with pytest.raises(PromptError, match="outside"):
        predictor.predict(points=[(601, 1)], labels=[1])
    with pytest.raises(PromptError, match="Nothing"):
        predictor.predict()


def test_a_stored_mask_is_a_prompt(predictor):
    frame = predictor.frames[0]
    asked = {"points": [(300, 200)], "labels": [1]}
    expected = predictor.predict(**asked, mask_input=mask_to_low_res(DISC, frame))
    for stored in (
        DISC,
        DISC.astype(np.uint8),
        rle.encode(DISC),
        {"size": [400, 600], "counts": rle.runs(rle.encode(DISC))},
    ):
        prediction = predictor.predict(**asked, mask=stored)
        np.testing.assert_array_equal(prediction.low_res_logits, expected.low_res_logits)
    assert not np.allclose(expected.low_res_logits, predictor.predict(**asked).low_res_logits, atol=0.1)
    assert predictor.predict(mask=DISC, multimask=False).masks.shape == (1, 400, 600)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ({"mask": DISC.T}, r"shape \(400, 600\) \(h, w\), got \(600, 400\)"),
        ({"mask": rle.encode(DISC.T)}, "look swapped"),
        ({"mask": {"size": [400, 600], "counts": "0h"}}, "cut off"),
        ({"mask": DISC * 2}, "bool or 0 and 1"),
        ({"mask": DISC * 0.5}, "logits of an earlier prediction"),
        ({"mask": DISC & False}, "is empty"),
        ({"mask": DISC, "mask_input": np.zeros((64, 64))}, "Both"),
        ({"mask_input": DISC}, "as `mask`"),
        ({"box": BOX, "image": 1}, "one of the 1 images that are set, not 1"),
        ({"box": BOX, "image": -1}, "not -1"),
        ({"box": BOX, "image": "cat"}, "not 'cat'"),
        ({"boxes": [BOX]}, "has no boxes; it may have box, image"),
        ({"points": [(601, 1)], "labels": [1]}, "outside"),
        ({}, "Nothing"),
        ([BOX], "is a mapping"),
    ],
)
def test_a_bad_prompt_is_named_by_its_index(predictor, prompt, reason):
    # Before the first answer, not when its turn comes.
    with pytest.raises(PromptError, match=f"Prompt 1: .*{reason}"):
        predictor.predict_many([{"box": BOX}, prompt, {}])


@pytest.fixture(scope="module")
def pictures():
    """Landscape, portrait, and smaller than the model's input."""
    return [coffee(), np.ascontiguousarray(coffee()[:300, 100:250]), np.ascontiguousarray(coffee()[100:140, 200:290])]


@pytest.fixture(scope="module")
def several(golden_model, pictures):
    predictor = engine.Predictor(golden_model)
    predictor.set_images(pictures)
    return predictor


def mixed_prompts(low_res):
    """Every kind of prompt, lengths and images mixed."""
    square = np.zeros((300, 150), dtype=bool)
    square[50:200, 30:120] = True
    return [
        {"points": [(300, 200)], "labels": [1]},
        {"box": (10, 20, 140, 250), "image": 1},
        {"points": [(300, 200), (40, 50), (60, 70)], "labels": [1, 0, 0], "multimask": False},
        {"mask": DISC},
        {"points": [(300, 200)], "labels": [0], "mask": rle.encode(DISC), "multimask": False},
        {"points": [(20, 20)], "labels": [1], "image": 2},
        {"box": BOX, "points": [(310, 210)], "labels": [1]},
        {"box": (0, 0, 90, 40), "points": [(30, 10)], "labels": [0], "image": np.int64(2), "multimask": False},
        {"mask": square, "image": 1},
        {"box": BOX, "mask_input": low_res},
        {"box": (200, 100, 220, 300)},
        {"points": [(149, 299)], "labels": [1], "image": 1},
    ]


@pytest.fixture(scope="module")
def alone(golden_model, pictures):
    """One predictor for each picture."""
    predictors = [engine.Predictor(golden_model) for _ in pictures]
    for predictor, picture in zip(predictors, pictures, strict=True):
        predictor.set_image(picture)
    return predictors


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_many_are_answered_as_one_by_one(several, alone, batch_size):
    prompts = mixed_prompts(several.predict(box=BOX, multimask=False).low_res_logits)
    together = list(several.predict_many(prompts, batch_size=batch_size))
    assert len(together) == len(prompts)
    for prompt, prediction in zip(prompts, together, strict=True):
        expected = alone[prompt.get("image", 0)].predict(**{**prompt, "image": 0})
        assert prediction.masks.shape == expected.masks.shape
        np.testing.assert_allclose(prediction.low_res_logits, expected.low_res_logits, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(prediction.iou_predictions, expected.iou_predictions, atol=1e-5)
        assert (prediction.masks != expected.masks).mean() < 1e-4


def test_answers_are_about_the_images_that_were_set(several, pictures):
    predictor = engine.Predictor(several.model)
    predictor.set_images(pictures[:2])
    answers = predictor.predict_many([{"box": BOX}, {"box": BOX}], batch_size=1)
    next(answers)
    predictor.set_image(pictures[1])
    assert next(answers).masks.shape == (3, 400, 600)
    assert list(predictor.predict_many([])) == []


def test_several_embeddings_are_their_images(several, pictures):
    other = engine.Predictor(several.model)
    other.set_embeddings(list(several.embeddings), [picture.shape[:2] for picture in pictures])
    assert other.frames == several.frames
    for image in range(3):
        asked = {"points": [(20, 20)], "labels": [1], "image": image}
        np.testing.assert_array_equal(other.predict(**asked).masks, several.predict(**asked).masks)


def test_no_more_than_a_batch_is_decoded_at_once(several, monkeypatch):
    decoded = []
    real = several.model.decode

    def counted(*args, **options):
        low_res, iou = real(*args, **options)
        decoded.append(len(low_res))
        return low_res, iou

    monkeypatch.setattr(several.model, "decode", counted)
    answers = several.predict_many([{"box": BOX}] * 7, batch_size=3)
    assert decoded == []
    assert len(list(answers)) == 7
    assert decoded == [3, 3, 1]
    with pytest.raises(PromptError, match="at least 1"):
        several.predict_many([{"box": BOX}], batch_size=0)


def test_bad_images_and_embeddings(golden_model):
    predictor = engine.Predictor(golden_model)
    good, grey = np.zeros((9, 7, 3), dtype=np.uint8), np.zeros((9, 7), dtype=np.uint8)
    with pytest.raises(ImageError, match="uint8 RGB"):
        predictor.set_image(grey)
    with pytest.raises(ImageError, match=r"image 1 cannot be set: .*uint8 RGB"):
        predictor.set_images([good, grey])
    with pytest.raises(ImageError, match="at least one"):
        predictor.set_images([])
    with pytest.raises(ImageError, match="2 images but 1 names"):
        predictor.set_images([good, good], names=["a.jpg"])
    with pytest.raises(ImageError, match=r"\(32, 16, 16\)"):
        predictor.set_embedding(np.zeros((32, 8, 8), dtype=np.float32), (9, 7))
    with pytest.raises(ImageError, match="1 embeddings and 2 sizes"):
        predictor.set_embeddings([np.zeros((32, 16, 16))], [(9, 7), (9, 7)])
    with pytest.raises(ImageError, match="at least one"):
        predictor.set_embeddings([], [])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_names_its_image(golden_model, bad):
    predictor = engine.Predictor(golden_model)
    good, broken = np.zeros((32, 16, 16)), np.full((32, 16, 16), bad)
    with pytest.raises(ImageError, match=r"embedding of cat\.jpg holds NaN or infinity"):
        predictor.set_embedding(broken, (9, 7), name="cat.jpg")
    with pytest.raises(ImageError, match="embedding of image 1 holds"):
        predictor.set_embeddings([good, broken], [(9, 7), (9, 7)])


def broken(model, part, bad):
    """The model with one bad number in its weights."""
    model = copy.deepcopy(model)
    weights = {
        "encoder": model.image_encoder.neck[0].weight,
        "masks": model.mask_decoder.output_hypernetworks_mlps[2].layers[-1].bias,
        "iou": model.mask_decoder.iou_prediction_head.layers[-1].bias,
    }
    weights[part].flatten()[2] = bad
    return engine.Predictor(model)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_broken_encoder_names_the_image(golden_model, bad):
    predictor = broken(golden_model, "encoder", bad)
    with pytest.raises(EngineError, match=r"model's embedding of a\.jpg holds NaN"):
        predictor.set_image(np.full((9, 7, 3), 200, dtype=np.uint8), name="a.jpg")


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("part", ["masks", "iou"])
def test_a_broken_decoder_names_the_image(golden_model, part, bad):
    predictor = broken(golden_model, part, bad)
    predictor.set_embeddings([np.zeros((32, 16, 16))] * 2, [(9, 7)] * 2, names=["a.jpg", "b.jpg"])
    with pytest.raises(EngineError, match=r"model's answer for b\.jpg holds NaN"):
        predictor.predict(box=(0, 0, 7, 9), image=1)
