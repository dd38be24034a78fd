"""Predicted IoU fitted to held-out images: the masks stay, the numbers beside them change."""

import numpy as np
import pytest
import torch

import engine
from engine.errors import TrainingError
from engine.evaluate.clicks import evaluate
from engine.model.config import ModelConfig
from engine.model.sam import build_model
from engine.train.calibrate import calibrate
from engine.train.data import Sample
from engine.train.scenes import SceneDataset


@pytest.fixture(scope="module")
def scenes() -> list[Sample]:
    dataset = SceneDataset(4, seed=9000, size=(192, 256))
    return [dataset[index] for index in range(4)]


def test_predictions_move_along_a_line_and_masks_do_not(scenes: list[Sample]) -> None:
    model = engine.load("default")
    calibrated, found = calibrate(model, scenes)
    embedding = model.embed(model.preprocess([scenes[0].image]))
    points, labels = torch.tensor([[[200.0, 150.0]], [[60.0, 300.0]]]), torch.ones(2, 1)
    with torch.inference_mode():
        logits, before = model.decode(embedding, points, labels)
        same, after = calibrated.decode(embedding, points, labels)
    assert torch.equal(logits, same)
    np.testing.assert_allclose(after[:, 0], found.single(before[:, 0].numpy()), atol=1e-5)
    np.testing.assert_allclose(after[:, 1:], found.candidates(before[:, 1:].numpy()), atol=1e-5)
    assert (after[:, 1:].argmax(dim=1) == before[:, 1:].argmax(dim=1)).all()


def test_the_mean_prediction_becomes_the_mean_iou(scenes: list[Sample]) -> None:
    calibrated, _ = calibrate(engine.load("default"), scenes)
    report = evaluate(calibrated, scenes, clicks=(1,), box=False, noc=())
    predicted = [value for image in report.images for value in image.predicted_after[1]]
    assert np.mean(predicted) == pytest.approx(report.miou(1), abs=0.01)


def test_too_little_to_fit_says_what_to_do(scenes: list[Sample], tiny_conv_config: ModelConfig) -> None:
    with pytest.raises(TrainingError, match="more held-out images"):
        calibrate(build_model(tiny_conv_config), scenes[:1])
