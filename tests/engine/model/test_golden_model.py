"""The model answers as the released implementation does, and takes its checkpoints key for key."""

import json

import numpy as np
import pytest
import torch
from skimage.data import coffee

from engine.geometry import Frame, upsample_low_res
from engine.model.config import PRESETS
from engine.model.sam import Sam

FRAME = Frame((400, 600), 256)


@pytest.fixture(scope="module")
def golden_prompts(golden_dir):
    prompts = json.loads((golden_dir / "prompts.json").read_text())
    return {prompt["name"]: prompt for prompt in prompts}


@pytest.fixture(scope="module")
def answers(golden_dir):
    with np.load(golden_dir / "prompts.npz") as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="module")
def embedding(golden_model):
    with torch.inference_mode():
        return golden_model.embed(golden_model.preprocess([coffee()]))


def arguments(prompt, answers):
    """decode's arguments of one golden prompt."""
    points = labels = boxes = masks = None
    if "points" in prompt:
        points = torch.from_numpy(FRAME.points_to_model(prompt["points"]))[None]
        labels = torch.tensor(prompt["labels"])[None]
    if "box" in prompt:
        boxes = torch.from_numpy(FRAME.boxes_to_model(prompt["box"]))[None]
    if prompt.get("use_mask"):
        masks = torch.from_numpy(answers["mask_input"])[None]
    return points, labels, boxes, masks


def test_embedding(golden_dir, embedding):
    expected = np.load(golden_dir / "encoder.npz")["embedding"]
    np.testing.assert_allclose(embedding.numpy(), expected, atol=1e-4)


def test_prompts(golden_model, golden_prompts, answers, embedding):
    assert len(golden_prompts) == 12
    for name, prompt in golden_prompts.items():
        with torch.inference_mode():
            low_res, iou = golden_model.decode(embedding, *arguments(prompt, answers))
        chosen = slice(1, None) if prompt.get("multimask", True) else slice(0, 1)
        low_res, iou = low_res[0, chosen].numpy(), iou[0, chosen].numpy()
        np.testing.assert_allclose(low_res, answers[f"{name}.low_res_logits"], atol=1e-4, err_msg=name)
        np.testing.assert_allclose(iou, answers[f"{name}.iou"], atol=1e-4, err_msg=name)
        logits = upsample_low_res(low_res, FRAME)
        expected = answers[f"{name}.logits_every_20px"]
        np.testing.assert_allclose(logits[:, ::20, ::20], expected, atol=1e-4, err_msg=name)
        areas = (logits > 0).sum(axis=(1, 2))
        np.testing.assert_allclose(areas, prompt["area"], rtol=0.002, atol=5, err_msg=name)


@pytest.mark.parametrize("name", ["vit_b", "vit_l", "vit_h"])
def test_official_keys(golden_dir, name):
    expected = json.loads((golden_dir / "official_keys.json").read_text())[name]
    with torch.device("meta"):
        state = Sam(PRESETS[name]).state_dict()
    assert {key: list(tensor.shape) for key, tensor in state.items()} == expected


def test_many_prompts_about_several_images(golden_model, embedding):
    """One call for prompts of different images and with or without a mask answers as single calls do."""
    generator = torch.Generator().manual_seed(3)
    other = torch.randn(embedding.shape, generator=generator)
    points = torch.rand(5, 2, 2, generator=generator) * 256
    labels = torch.tensor([[1, 0], [1, 1], [0, 1], [2, 3], [1, -1]])
    masks = torch.randn(5, 1, 64, 64, generator=generator) * 5
    has_mask = torch.tensor([1, 0, 1, 0, 1])
    image_index = torch.tensor([1, 0, 0, 1, 1])
    with torch.inference_mode():
        images = torch.cat([embedding, other])
        low_res, iou = golden_model.decode(
            images, points, labels, masks=masks, has_mask=has_mask, image_index=image_index, pad=False
        )
        for n in range(5):
            one, one_iou = golden_model.decode(
                images[image_index[n]][None],
                points[n : n + 1],
                labels[n : n + 1],
                masks=masks[n : n + 1] if has_mask[n] else None,
                pad=False,
            )
            torch.testing.assert_close(low_res[n : n + 1], one, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(iou[n : n + 1], one_iou, atol=1e-5, rtol=1e-4)


def test_prepared_features_answer_the_same(golden_model, embedding):
    points, labels = torch.tensor([[[30.0, 40.0]]]), torch.tensor([[1]])
    with torch.inference_mode():
        features = golden_model.prepare(embedding)
        for a, b in zip(
            golden_model.decode(features, points, labels), golden_model.decode(embedding, points, labels), strict=True
        ):
            torch.testing.assert_close(a, b)


def test_boxes_are_two_labelled_points(golden_model, embedding):
    box = torch.tensor([[20.0, 30.0, 120.0, 140.0]])
    with torch.inference_mode():
        expected = golden_model.decode(embedding, boxes=box)
        points = golden_model.decode(embedding, box.reshape(1, 2, 2), torch.tensor([[2, 3]]), pad=False)
    for a, b in zip(points, expected, strict=True):
        torch.testing.assert_close(a, b)
