"""Masks prompted by the detector's boxes: which boxes are asked about, what becomes of them, and the fallback."""

import copy

import numpy as np
import pytest
import skimage.data
import torch

from engine.errors import EngineError
from engine.generate.generator import Drawn, MaskGenerator, automatic_settings
from engine.generate.proposals import proposal_settings, propose
from engine.generate.settings import GeneratorSettings
from engine.geometry import Frame
from engine.masks import rle
from engine.model.detector import Detections, build_detector
from engine.predict.predictor import Predictor

SIZE = (400, 600)
ALL = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "min_mask_region_area": 0, "mask_nms_thresh": None}
SETTINGS = GeneratorSettings.preset("detector", **ALL)
BOXES = np.array([[60.0, 40, 150, 120], [200, 150, 330, 290], [10, 200, 90, 260]])


@pytest.fixture(scope="module")
def detecting(sure):
    """The sure model with a detector."""
    model = copy.deepcopy(sure)
    model.detector = build_detector(model.config)
    return model.eval()


@pytest.fixture(scope="module")
def embedding(sure):
    with torch.inference_mode():
        return sure.embed(sure.preprocess([skimage.data.coffee()]))[0].numpy()


@pytest.fixture
def told(detecting, monkeypatch):
    """The detector finds `BOXES` (image frame), whatever it is asked; what it was asked is noted."""
    asked = []

    def detect(embedding, input_size, **how):
        asked.append((input_size, how))
        framed = Frame(SIZE, detecting.config.image_size).boxes_to_model(BOXES)
        return Detections(framed.astype(np.float64), np.array([0.9, 0.8, 0.7]))

    monkeypatch.setattr(detecting.detector, "detect", detect)
    return asked


def test_a_mask_is_the_decoders_single_answer_to_its_box(detecting, embedding, told):
    records = MaskGenerator(detecting, SETTINGS).generate_from_embedding(embedding, SIZE)
    assert records
    predictor = Predictor(detecting)
    predictor.set_embedding(embedding, SIZE)
    for record in records:
        middles = (BOXES[:, :2] + BOXES[:, 2:]) / 2
        (index,) = np.flatnonzero(np.abs(middles - record["point_coords"][0]).max(axis=1) < 0.01)
        answer = predictor.predict(box=BOXES[index], multimask=False)
        assert record["predicted_iou"] == pytest.approx(float(answer.iou_predictions[0]), abs=1e-4)
        difference = rle.decode(record["segmentation"]) ^ answer.masks[0]
        assert difference.mean() < 1e-3


def test_settings_reach_the_detector_and_progress_ends(detecting, embedding, told):
    settings = GeneratorSettings.preset("detector", max_boxes=40, box_quality_thresh=0.3, box_nms_thresh=0.6)
    told_progress = []
    generator = MaskGenerator(detecting, settings)
    generator.generate_from_embedding(embedding, SIZE, lambda *done: told_progress.append(done))
    height = round(400 * detecting.config.image_size / 600)
    assert told == [
        ((height, detecting.config.image_size), {"max_boxes": 40, "quality_thresh": 0.3, "nms_thresh": 0.6})
    ]
    assert told_progress[-1] == (40, 40)


def test_crops_have_boxes_of_their_own(detecting, told):
    settings = GeneratorSettings.preset("detector", crop_n_layers=1, max_boxes=3, pred_iou_thresh=0.3)
    MaskGenerator(detecting, settings).generate(skimage.data.coffee())
    assert len(told) == 5


@pytest.mark.parametrize(("object_side", "crops"), [(300.0, 5), (5.0, 21), (None, 21)])
def test_small_objects_get_another_layer_of_crops(detecting, told, object_side, crops):
    settings = GeneratorSettings.preset("thorough", crop_n_layers=2, object_side=object_side)
    MaskGenerator(detecting, settings).generate(skimage.data.coffee())
    assert len(told) == crops


def test_no_box_no_mask(detecting, embedding, monkeypatch):
    nothing = Detections(np.zeros((0, 4)), np.zeros(0))
    monkeypatch.setattr(detecting.detector, "detect", lambda *_, **__: nothing)
    assert propose(detecting, embedding, SIZE, SETTINGS) == []


def test_a_model_proposes_from_its_detector_or_else_from_the_grid(sure, detecting, embedding, told):
    assert proposal_settings(detecting, SIZE).source == "detector"
    assert proposal_settings(sure, SIZE).source == "grid"
    propose(detecting, embedding, SIZE)
    assert len(told) == 1
    propose(detecting, embedding, SIZE, GeneratorSettings.preset("proposals", points_per_side=2))
    assert len(told) == 1
    with pytest.raises(EngineError, match="'tiny' has no detector"):
        propose(sure, embedding, SIZE, SETTINGS)


def test_proposals_look_at_crops_where_what_people_drew_is_small(sure, detecting):
    cell = detecting.config.patch_size * max(SIZE) / detecting.config.image_size
    for side, layers in ((2.1 * cell, 0), (1.9 * cell, 1), (cell / 2, 2)):
        chosen = proposal_settings(detecting, SIZE, Drawn(side, 900.0))
        assert (chosen.crop_n_layers, chosen.max_area) == (layers, 900.0)
        assert proposal_settings(sure, SIZE, Drawn(side)).crop_n_layers == 0
    assert proposal_settings(detecting, SIZE) == GeneratorSettings.for_model(detecting.config, "detector")


def test_the_automatic_choice_is_the_detector_where_there_is_one(sure, detecting):
    assert automatic_settings(sure) == GeneratorSettings.for_model(sure.config)
    assert automatic_settings(detecting) == GeneratorSettings.for_model(sure.config, "thorough")
    assert automatic_settings(detecting).source == "detector"
    small = automatic_settings(detecting, Drawn(12.5))
    assert (small.crop_n_layers, small.object_side, small.max_area) == (2, 12.5, None)
    assert automatic_settings(sure, Drawn(12.5)) == automatic_settings(sure)
    for model in (sure, detecting):
        assert automatic_settings(model, Drawn(12.5, 900.0)).max_area == 900
