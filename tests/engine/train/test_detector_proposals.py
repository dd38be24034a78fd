"""The packaged model with a detector that saw a few generated scenes proposes on scenes it never saw."""

import numpy as np
import pytest
import torch

import engine
from engine.generate.proposals import propose
from engine.generate.settings import GeneratorSettings
from engine.masks import metrics
from engine.model.detector import Detections, build_detector
from engine.model.sam import Sam
from engine.train.data import Sample
from engine.train.detector import DetectorTraining, embedded_examples, train_detector
from engine.train.scenes import SceneDataset

RIGHT = 0.5


@pytest.fixture(scope="module")
def model() -> Sam:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = engine.load("default")
    model.detector = build_detector(model.config)
    quick = DetectorTraining(max_steps=80, learning_rate=5e-3)
    train_detector(model.detector, embedded_examples(model, SceneDataset(6)), quick)
    torch.set_num_threads(threads)
    return model


def count_right(model: Sam, embedding: torch.Tensor, sample: Sample) -> int:
    """True masks that a proposal meets."""
    settings = GeneratorSettings.for_model(model.config, "detector", pred_iou_thresh=0.5, box_quality_thresh=0.1)
    records = propose(model, embedding, sample.size, settings)
    overlaps = metrics.pairwise_rle_iou([record["segmentation"] for record in records], sample.rles)
    return int((overlaps >= RIGHT).any(axis=0).sum())


def test_its_boxes_find_more_than_boxes_anywhere(model: Sam, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    unseen = [SceneDataset(1, seed=seed)[0] for seed in (100, 101, 102)]
    with torch.inference_mode():
        embeddings = [model.embed(model.preprocess([sample.image])) for sample in unseen]
    assert model.detector is not None
    detect = model.detector.detect

    def moved(embedding: torch.Tensor, input_size: tuple[int, int], **how: float) -> Detections:
        """As many boxes of the same sizes, anywhere in the image."""
        found = detect(embedding, input_size, **how)  # type: ignore[arg-type]
        sizes = found.boxes[:, 2:] - found.boxes[:, :2]
        corners = rng.uniform(0, np.array(input_size[::-1]) - sizes)
        return Detections(np.concatenate([corners, corners + sizes], axis=1), found.quality)

    found = sum(count_right(model, *pair) for pair in zip(embeddings, unseen, strict=True))
    monkeypatch.setattr(model.detector, "detect", moved)
    by_chance = sum(count_right(model, *pair) for pair in zip(embeddings, unseen, strict=True))
    assert found >= 30
    assert found > 1.25 * by_chance
