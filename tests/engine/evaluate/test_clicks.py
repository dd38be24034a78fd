"""Figures of the click evaluation, with a model that answers what it is told to."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.errors import TrainingError
from engine.evaluate.clicks import EmbeddedSample, evaluate, expected_calibration_error
from engine.evaluate.grabcut import grabcut_from_box
from engine.model.detector import Detections, build_detector
from engine.model.sam import Sam
from engine.train.data import Sample, sample_from_masks

SIZE = 64  # of the image and of the scripted model's frame


def square(x0: int, y0: int, side: int) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[y0 : y0 + side, x0 : x0 + side] = True
    return mask


class ScriptedModel:
    """Answers every prompt with given low_res masks: one for the candidates, one for token 0; remembers its prompts."""

    config = SimpleNamespace(image_size=SIZE)
    device = torch.device("cpu")

    detector = None

    def __init__(self, candidate: np.ndarray, single: np.ndarray, best: int = 2) -> None:
        self.asked: list[tuple[torch.Tensor, torch.Tensor, bool, bool]] = []
        self._answers = [
            torch.from_numpy(m.reshape(16, 4, 16, 4).mean(axis=(1, 3)) * 20 - 10) for m in (candidate, single)
        ]
        self._best = best

    def eval(self) -> None: ...

    def preprocess(self, images):
        return torch.zeros(len(images))

    def embed(self, batch):
        return batch

    def prepare(self, embedding):
        return embedding

    def decode(self, _features, points, labels, *, masks, pad):
        self.asked.append((points, labels, masks is not None, pad))
        count = len(points)
        logits = torch.full((count, 4, 16, 16), -10.0)
        logits[:, 0] = self._answers[1]
        logits[:, self._best] = self._answers[0]
        scores = torch.zeros(count, 4)
        scores[:, self._best] = 1
        scores[:, 0] = 9
        return logits, scores


def sample(*masks: np.ndarray) -> Sample:
    return sample_from_masks("s", np.zeros((SIZE, SIZE, 3), np.uint8), masks)


def test_one_click_counts_the_best_ranked_candidate_and_later_clicks_token_0() -> None:
    truth = square(16, 16, 32)
    model = ScriptedModel(candidate=square(16, 16, 16), single=truth)
    report = evaluate(model, [sample(truth)], clicks=(1, 2))
    assert report.miou(1) == pytest.approx(0.25, abs=0.06)
    assert report.miou(2) > 0.9
    assert report.box_miou > 0.9
    assert report.noc(0.85) == 2
    box, first, second = model.asked
    assert box[1].tolist() == [[2, 3]]
    assert box[2:] == (False, False)
    assert first[1].tolist() == [[1]]
    assert first[2:] == (False, True)
    assert second[1].tolist() == [[1, 1]]
    assert second[2:] == (True, True)
    assert 30 <= first[0][0, 0, 0] <= 32


def test_masks_that_never_get_there_count_the_cap() -> None:
    truth = square(8, 8, 20)
    report = evaluate(ScriptedModel(square(40, 40, 8), square(40, 40, 8)), [sample(truth)], clicks=(1,))
    assert report.noc(0.85) == 20
    assert report.miou(1) == 0


def test_several_masks_of_an_image_keep_their_own_figures() -> None:
    right, wrong = square(16, 16, 32), square(0, 48, 12)
    report = evaluate(ScriptedModel(right, right), [sample(right, wrong)], clicks=(1, 3))
    image = report.images[0]
    assert image.iou_after[1][0] > 0.9
    assert image.iou_after[3][1] < 0.1
    assert image.num_clicks == {0.85: [1, 20], 0.9: [1, 20]}
    assert report.num_masks == 2


def test_parts_can_be_left_out() -> None:
    truth = square(16, 16, 32)
    model = ScriptedModel(truth, truth)
    report = evaluate(model, [sample(truth)], clicks=(1, 3), box=False, noc=())
    assert set(report.figures()) == {"miou_1", "miou_3", "calibration_error_1", "calibration_error_3"}
    assert len(model.asked) == 3


def test_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    predicted = np.array([0.05, 0.55, 0.58, 0.95, 1.3, -0.2])
    true = np.array([0.05, 0.35, 0.38, 1.0, 0.9, 0.1])
    # Bins: {.05, 0 (clipped)}, {.55, .58}, {.95, 1 (clipped)}; gaps of their means: -.05, .2, .025.
    assert expected_calibration_error(predicted, true) == pytest.approx((2 * 0.05 + 2 * 0.2 + 2 * 0.025) / 6)
    assert expected_calibration_error(np.zeros(0), np.zeros(0)) == 0.0


def test_the_report_compares_what_was_predicted_of_the_answers_that_count() -> None:
    truth = square(8, 8, 16)
    model = ScriptedModel(candidate=truth, single=square(8, 8, 8))
    report = evaluate(model, [sample(truth)], (1, 2), noc=())
    (image,) = report.images
    # The candidate says 1 and is right; the single mask says 9, which is read as 1, and covers about a quarter.
    assert image.predicted_after == {1: [1.0], 2: [9.0]}
    assert report.calibration_error(1) == pytest.approx(1 - image.iou_after[1][0])
    assert report.calibration_error(2) == pytest.approx(1 - image.iou_after[2][0])


def test_small_masks_are_left_out_and_nothing_is_refused() -> None:
    small = square(3, 3, 9)
    with pytest.raises(TrainingError, match="no mask of at least 100 pixels"):
        evaluate(ScriptedModel(small, small), [sample(small)])
    with pytest.raises(TrainingError, match="at least one number of clicks"):
        evaluate(ScriptedModel(small, small), [sample(small)], clicks=())


def test_embeddings_and_images_give_the_same_figures(tiny_conv_model: Sam) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    truth = np.zeros((48, 64), bool)
    truth[10:30, 10:40] = True
    with torch.no_grad():
        embedding = tiny_conv_model.embed(tiny_conv_model.preprocess([image]))[0].numpy()
    from_image = evaluate(tiny_conv_model, [sample_from_masks("i", image, [truth])], clicks=(1, 2), noc=())
    embedded = evaluate(tiny_conv_model, [EmbeddedSample("i", embedding, truth[None])], clicks=(1, 2), noc=())
    assert from_image.to_dict() == embedded.to_dict()
    assert json.loads(json.dumps(from_image.to_dict()))["num_masks"] == 1


def test_grabcut_finds_a_plain_object_and_takes_any_box() -> None:
    truth = square(20, 20, 24)
    image = np.where(truth, 220, 30)[..., None].repeat(3, axis=2).astype(np.uint8)
    found = grabcut_from_box(image, (14, 14, 50, 50))
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    assert grabcut_from_box(image, (0, 0, SIZE - 1, SIZE - 1)).all()
    assert grabcut_from_box(image, (5, 5, 5, 9)).sum() == 5


def test_the_baseline_stands_beside_the_model() -> None:
    truth = square(20, 20, 24)
    image = np.where(truth, 220, 30)[..., None].repeat(3, axis=2).astype(np.uint8)
    report = evaluate(ScriptedModel(truth, truth), [sample_from_masks("g", image, [truth])], noc=(), grabcut=True)
    assert report.baseline_miou > 0.4
    assert "grabcut_box_miou" in report.figures()


def test_a_detector_is_asked_for_the_masks_boxes(tiny_conv_model, monkeypatch) -> None:
    truth = np.zeros((2, 40, 64), dtype=bool)
    truth[0, 4:24, 8:40] = truth[1, 26:38, 40:60] = True
    sample = EmbeddedSample("a", np.zeros((32, 4, 4), np.float32), truth)
    assert evaluate(tiny_conv_model, [sample], (1,), noc=()).detector_recall is None
    tiny_conv_model.detector = build_detector(tiny_conv_model.config)
    boxes = Detections(np.array([[8.0, 4, 40, 24], [0, 26, 20, 38]]), np.array([0.9, 0.8]))
    monkeypatch.setattr(tiny_conv_model.detector, "detect", lambda *_, **__: boxes)
    report = evaluate(tiny_conv_model, [sample], (1,), noc=())
    assert report.images[0].detected == [True, False]
    assert report.figures()["detector_recall"] == 0.5
