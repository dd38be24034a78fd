"""Settings: presets, and refusals of what is impossible or without effect."""

import json
import math

import pytest

from engine.errors import EngineError
from engine.generate.settings import PRESETS, GeneratorSettings
from engine.model.config import PRESETS as MODELS


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    settings = GeneratorSettings.preset(name)
    assert GeneratorSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_the_papers_pipeline():
    paper = GeneratorSettings.preset("sam-paper")
    assert [paper.points_in_layer(layer) for layer in range(3)] == [32, 16, 8]
    assert (paper.pred_iou_thresh, paper.stability_score_thresh, paper.logit_offset) == (0.88, 0.95, 1.0)
    assert (paper.box_nms_thresh, paper.crop_nms_thresh, paper.crop_overlap_ratio) == (0.7, 0.7, 512 / 1500)
    assert (paper.max_mask_fraction, paper.min_mask_region_area, paper.keep_largest) == (0.95, 100, False)


def test_the_released_defaults():
    released = GeneratorSettings.preset("reference")
    assert (released.points_per_side, released.points_per_batch, released.crop_n_layers) == (32, None, 0)
    assert (released.max_mask_fraction, released.min_mask_region_area) == (None, 0)


def test_stability_is_in_probabilities_unless_told():
    assert GeneratorSettings().stability_delta == 0.3
    assert GeneratorSettings().logit_offset == pytest.approx(math.log(4))
    assert GeneratorSettings.preset("reference", stability_delta=0.2).stability_offset is None


def test_a_change_takes_what_depends_on_it_along():
    assert GeneratorSettings.preset("sam-paper", crop_n_layers=0).crop_nms_thresh is None
    assert GeneratorSettings.preset("sam-paper", min_mask_region_area=0).keep_largest is None
    assert GeneratorSettings.preset("fast").coarse_first
    assert not GeneratorSettings.preset("fast", points_per_side=1).coarse_first
    assert GeneratorSettings(crop_n_layers=1).crop_nms_thresh == 0.7
    boxes = GeneratorSettings.preset("fast", source="detector", crop_n_layers=1)
    assert (boxes.points_per_side, boxes.coarse_first, boxes.crop_n_points_downscale_factor) == (None, None, None)
    assert (boxes.max_boxes, boxes.crop_nms_thresh) == (300, 0.7)
    assert GeneratorSettings.preset("detector", source="grid").points_per_side == 32
    assert GeneratorSettings.from_dict(boxes.to_dict()) == boxes


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"crop_nms_thresh": 0.5}, "no effect while crop_n_layers is 0"),
        ({"crop_overlap_ratio": 0.3}, "no effect"),
        ({"crop_n_points_downscale_factor": 2}, "no effect"),
        ({"min_mask_region_area": 0, "keep_largest": True}, "no effect while min_mask_region_area"),
        ({"stability_delta": 0.3, "stability_offset": 1.0}, "not both"),
        ({"stability_delta": 0.5}, "between 0 and 0.5"),
        ({"points_per_side": 0}, "between 1 and"),
        ({"points_per_side": 4.0}, "whole number"),
        ({"points_per_side": True}, "whole number"),
        ({"source": "boxes"}, "one of grid, detector"),
        ({"source": "detector", "points_per_side": 8}, "no effect while source is 'detector'"),
        ({"source": "detector", "coarse_first": False}, "no effect"),
        ({"source": "detector", "crop_n_layers": 1, "crop_n_points_downscale_factor": 2}, "no effect"),
        ({"max_boxes": 10}, "no effect while source is 'grid'"),
        ({"box_quality_thresh": 0.5}, "no effect"),
        ({"source": "detector", "max_boxes": 0}, "between 1 and"),
        ({"source": "detector", "box_quality_thresh": 2}, "between 0 and 1"),
        ({"coarse_first": True, "points_per_side": 1}, "coarse_first has no effect on a single point"),
        ({"coarse_first": 1}, "true or false"),
        ({"pred_iou_thresh": "0.9"}, "a number"),
        ({"pred_iou_thresh": math.nan}, "a number"),
        ({"pred_iou_thresh": 88.0}, "between 0 and 1"),
        ({"min_mask_region_area": 9, "keep_largest": 1}, "true or false"),
        ({"crop_n_layers": 3, "crop_n_points_downscale_factor": 4}, "less than one point"),
        ({"crop_n_layers": 1, "object_side": 20}, "object_side has no effect while crop_n_layers is 1"),
        ({"crop_n_layers": 2, "object_side": 0}, "more than 0 pixels"),
        ({"max_area": -1.0}, "max_area must be more than 0 pixels"),
        ({"points": 3}, "Unknown generator settings: points"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, reason):
    with pytest.raises(EngineError, match=reason):
        GeneratorSettings.from_dict(values)


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(EngineError, match="sam-paper"):
        GeneratorSettings.preset("sam2")


def test_bars_fit_the_model():
    packaged, released = MODELS["maskloom-s"], MODELS["vit_b"]
    assert GeneratorSettings.for_model(packaged) == GeneratorSettings.preset("default")
    for name in ("default", "fast", "proposals"):
        mine, theirs = (GeneratorSettings.for_model(config, name) for config in (packaged, released))
        assert theirs.pred_iou_thresh > mine.pred_iou_thresh
        assert theirs.points_per_side == mine.points_per_side
    assert GeneratorSettings.for_model(released, "sam-paper") == GeneratorSettings.preset("sam-paper")
    assert GeneratorSettings.for_model(released, pred_iou_thresh=0.5).pred_iou_thresh == 0.5


def test_small_objects_stay_unless_the_paper_is_asked_for():
    assert all(GeneratorSettings.preset(name).keep_largest for name in ("default", "fast", "proposals", "thorough"))
    assert GeneratorSettings.preset("sam-paper").keep_largest is False
