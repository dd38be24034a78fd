"""Training the detector head: who answers for what, learning, repeating itself, and what proposals gain by it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.errors import TrainingError
from engine.geometry import Frame
from engine.masks import boxes as box_ops
from engine.model.config import ModelConfig
from engine.model.detector import Boxes, DetectorConfig, build_detector
from engine.model.sam import Sam, build_model
from engine.train.data import Sample
from engine.train.detector import (
    CORE,
    CellTargets,
    DetectorExample,
    DetectorTraining,
    assign,
    box_overlap,
    detector_loss,
    embedded_examples,
    train_detector,
)

QUICK = DetectorTraining(max_steps=5)


def naive_owner(boxes: np.ndarray, x: int, y: int, stride: float) -> int:
    """Which box cell (x, y) answers for, -1 for none, one cell and one box at a time."""
    centre = ((x + 0.5) * stride, (y + 0.5) * stride)
    best, smallest = -1, math.inf
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        home = (int(middle[0] // stride), int(middle[1] // stride)) == (x, y)
        column = abs(centre[0] - middle[0]) <= CORE * (x1 - x0) / 2 or int(middle[0] // stride) == x
        row = abs(centre[1] - middle[1]) <= CORE * (y1 - y0) / 2 or int(middle[1] // stride) == y
        area = (x1 - x0) * (y1 - y0)
        if (home or (column and row)) and area < smallest:
            best, smallest = index, area
    return best


def test_cells_answer_for_boxes_as_a_naive_assignment_says() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        low, size = rng.uniform(0, 50, (6, 2)), rng.uniform(2, 40, (6, 2))
        boxes = np.concatenate([low, np.minimum(low + size, 63.9)], axis=1)
        wanted = assign(boxes, 8, 8.0, (40, 64), bare_weight=0.25)
        owners = [naive_owner(boxes, x, y, 8.0) for y in range(8) for x in range(8)]
        assert wanted.positive.tolist() == [owner >= 0 for owner in owners]
        counts = np.bincount([owner for owner in owners if owner >= 0])
        for cell, owner in enumerate(owners):
            if owner >= 0:
                assert wanted.box[cell].tolist() == pytest.approx(boxes[owner], abs=1e-4)
                assert float(wanted.share[cell]) == pytest.approx(1 / counts[owner])
            y, x = (part * 8 + 4 for part in divmod(cell, 8))
            inside = any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in boxes)
            expected = 0.0 if y >= 40 else 1.0 if owner >= 0 or inside else 0.25
            assert float(wanted.weight[cell]) == expected


def test_where_a_proposal_was_thrown_away_no_object_is_believed_in_full() -> None:
    boxes, dropped = np.array([[0.0, 0, 16, 16]]), np.array([[-4.0, -4, 36, 36], [25, 1, 26, 2]])
    wanted = assign(boxes, 4, 8.0, (32, 32), bare_weight=0.25, dropped=dropped)
    plain = assign(boxes, 4, 8.0, (32, 32), bare_weight=0.25)
    assert torch.equal(wanted.positive, plain.positive), "what somebody drew stays an object"
    weights = wanted.weight.reshape(4, 4).tolist()
    assert weights == [[1, 1, 0.25, 1], [1, 1, 1, 0.25], [0.25, 1, 1, 0.25], [0.25] * 4], "its core, not all of it"


def test_an_image_without_boxes_only_teaches_that_there_is_nothing() -> None:
    wanted = assign(np.zeros((0, 4)), 4, 8.0, (32, 32), bare_weight=0.5)
    assert not bool(wanted.positive.any())
    assert wanted.weight.tolist() == [0.5] * 16
    stacked = CellTargets(*(part[None] for part in wanted))
    sure, unsure = (Boxes(torch.full((1, 16), value), torch.zeros(1, 16, 4)) for value in (2.0, -6.0))
    assert 0 <= float(detector_loss(unsure, stacked)) < 0.01 < float(detector_loss(sure, stacked))


def test_overlap_of_boxes() -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 2, 2]])
    others = torch.tensor([[0.0, 0, 4, 4], [2, 0, 6, 4], [6, 6, 8, 8]])
    iou, generalised = box_overlap(boxes, others)
    assert iou.tolist() == pytest.approx(box_ops.pairwise_iou(boxes.numpy(), others.numpy()).diagonal())
    assert generalised.tolist() == pytest.approx([1, 1 / 3, -(64 - 8) / 64])


def test_right_boxes_of_any_size_cost_nothing_and_objects_count_alike() -> None:
    boxes = np.array([[0.0, 0, 60, 60], [40, 40, 46, 46]])
    wanted = CellTargets(*(part[None] for part in assign(boxes, 8, 8.0, (64, 64), bare_weight=1.0)))
    quality = torch.where(wanted.positive, 12.0, -12.0)
    assert float(detector_loss(Boxes(quality, wanted.box), wanted)) < 1e-4

    boxes_alone = wanted._replace(weight=torch.zeros_like(wanted.weight))

    def with_slip(small: bool) -> float:
        chosen = wanted.positive & ((wanted.share == 1) == small)
        said = torch.where(chosen[..., None], wanted.box + 1000, wanted.box)
        return float(detector_loss(Boxes(quality, said), boxes_alone))

    assert with_slip(small=True) == pytest.approx(with_slip(small=False), rel=0.01)


@pytest.fixture(scope="module")
def model(tiny_conv_config: ModelConfig) -> Sam:
    return build_model(replace(tiny_conv_config, image_size=128), seed=1)


def found(detector, examples: list[DetectorExample]) -> float:
    """The part of all boxes met by one of the ten best."""
    hits = []
    for example in examples:
        said = detector.detect(example.embedding()[None].float(), example.input_size, max_boxes=10)
        hits += (box_ops.pairwise_iou(example.boxes, said.boxes).max(axis=1, initial=0) >= 0.5).tolist()
    return float(np.mean(hits))


def test_it_learns_to_find_the_boxes(model: Sam, scenes: list[Sample]) -> None:
    examples = embedded_examples(model, scenes[:2])
    small = DetectorConfig(width=64, depth=1)
    detector = build_detector(model.config, small)
    losses: list[float] = []
    train_detector(
        detector,
        examples,
        DetectorTraining(max_steps=120, noise=0.0, learning_rate=8e-3),
        lambda _done, _total, figures: losses.append(figures["detector_loss"]),
    )
    assert losses[-1] < 0.6 * losses[0]
    before, after = found(build_detector(model.config, small), examples), found(detector, examples)
    assert after > max(0.5, 2 * before)
    assert not detector.training


def test_examples_are_the_image_and_its_mirror_image(model: Sam, scenes: list[Sample]) -> None:
    sample = replace(scenes[0], complete=True)
    told: list[tuple[int, int]] = []
    straight, mirrored = embedded_examples(model, [sample], lambda *done: told.append(done))
    assert told == [(1, 1)]
    assert straight.complete
    assert straight.input_size == Frame(sample.size, 128).input_size
    assert straight.boxes == pytest.approx(Frame(sample.size, 128).boxes_to_model(sample.boxes))
    assert mirrored.boxes[:, [2, 1, 0, 3]] == pytest.approx(straight.boxes * [-1, 1, -1, 1] + [128, 0, 128, 0])
    with torch.inference_mode():
        expected = model.embed(model.preprocess([np.ascontiguousarray(sample.image[:, ::-1])]))[0]
    assert torch.allclose(mirrored.embedding().float(), expected, atol=2e-2)


def test_training_repeats_itself_and_stops_when_asked(model: Sam, scenes: list[Sample]) -> None:
    examples = embedded_examples(model, scenes)
    weights = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed + 5)
        detector = build_detector(model.config)
        figures = train_detector(detector, examples, replace(QUICK, seed=seed))
        assert figures["steps"] == 5
        weights.append(detector.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])
    done: list[int] = []
    figures = train_detector(
        build_detector(model.config), examples, QUICK, lambda d, _t, _f: done.append(d), lambda: len(done) == 2
    )
    assert figures["steps"] == 2
    assert done == [200, 400]


def test_nonsense_is_refused(model: Sam, scenes: list[Sample]) -> None:
    with pytest.raises(TrainingError, match="needs an end"):
        DetectorTraining()
    with pytest.raises(TrainingError, match="must be positive"):
        DetectorTraining(max_steps=0)
    detector = build_detector(model.config)
    empty = DetectorExample(lambda: torch.zeros(32, 8, 8), np.zeros((0, 4)), (128, 128))
    with pytest.raises(TrainingError, match="no mask to train a detector on"):
        train_detector(detector, [empty], QUICK)
    broken = DetectorExample(lambda: torch.full((32, 8, 8), math.nan), np.array([[0.0, 0, 9, 9]]), (128, 128))
    with pytest.raises(TrainingError, match="became nan at step 0"):
        train_detector(detector, [broken], QUICK)
