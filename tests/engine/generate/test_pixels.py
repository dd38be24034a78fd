"""Both ways from answers to masks find the same; the GPU's needs no GPU to be tried."""

import numpy as np
import pytest
import torch

from engine.generate.crops import Crop
from engine.generate.generator import MaskGenerator
from engine.generate.pixels import DeviceUpsampler, PixelFilter
from engine.generate.settings import GeneratorSettings
from engine.geometry import Frame
from engine.masks import rle
from tests.engine.generate.test_upsample import blobs

SIZE, CROP = (90, 130), Crop((20, 10, 120, 80), 1)
ANYTHING = {"stability_score_thresh": 0.0, "max_mask_fraction": None}


def both(changes, crop=CROP, size=SIZE, count=40, at_once=None):
    settings = GeneratorSettings.preset("default", **changes)
    frame = Frame(crop.size, 64)
    height, width = frame.low_res_window
    low_res = torch.from_numpy(np.stack([blobs(seed)[:height, :width] for seed in range(count)]))
    iou = np.linspace(0, 1, count, dtype=np.float32)
    points = np.random.default_rng(0).uniform(0, 50, (count, 2))
    found = []
    for on_device in (False, True):
        pixels = PixelFilter(settings, frame, crop, size, torch.device("cpu"))
        if on_device:
            pixels._on_device = DeviceUpsampler(frame, settings.logit_offset, torch.device("cpu"))
            pixels._on_device.masks_at_once = at_once or pixels._on_device.masks_at_once
        found.append(pixels.written(pixels.survivors(low_res, iou, points)))
    return found


@pytest.mark.parametrize("at_once", [None, 3])
@pytest.mark.parametrize(
    ("crop", "size"), [(CROP, SIZE), (Crop((0, 0, 130, 90), 0), SIZE), (Crop((0, 0, 1, 7), 0), (7, 1))]
)
@pytest.mark.parametrize(
    "changes", [ANYTHING, {"stability_score_thresh": 0.5, "max_mask_fraction": 0.3}, {"stability_score_thresh": 1.0}]
)
def test_the_gpus_way_finds_the_same_masks(changes, crop, size, at_once):
    on_host, on_device = both(changes, crop, size, at_once=at_once)
    assert on_device == on_host
    if changes is ANYTHING:
        assert len(on_host) > 3


def test_the_bound_is_the_same():
    frame = Frame((45, 77), 64)
    height, width = frame.low_res_window
    low_res = np.stack([blobs(seed)[:height, :width] for seed in range(20)])
    upsampler = DeviceUpsampler(frame, 1.0, torch.device("cpu"))
    from engine.generate.upsample import Upsampler

    expected = Upsampler(frame, 1.0).stability_bound(low_res)
    assert upsampler.stability_bound(torch.from_numpy(low_res)) == pytest.approx(expected)


def test_what_is_written_after_suppression_is_the_same(sure, monkeypatch):
    image = np.random.default_rng(1).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    usual = PixelFilter.__init__

    def on_device(self, settings, frame, crop, size, device):
        usual(self, settings, frame, crop, size, device)
        self._on_device = DeviceUpsampler(frame, settings.logit_offset, device)

    settings = GeneratorSettings.preset(
        "reference", points_per_side=6, crop_n_layers=1, pred_iou_thresh=0.7, stability_score_thresh=0.5
    )
    expected = MaskGenerator(sure, settings).generate(image)
    written = []
    monkeypatch.setattr(PixelFilter, "__init__", on_device)
    monkeypatch.setattr(
        rle, "encode_edges", lambda *given, encode=rle.encode_edges: written.append(1) or encode(*given)
    )
    assert MaskGenerator(sure, settings).generate(image) == expected
    assert len(expected) > 3
    assert len(written) < 2 * len(expected)


def test_what_is_held_is_bounded_and_keeps_its_order(sure, monkeypatch):
    image = np.random.default_rng(1).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    settings = GeneratorSettings.preset(
        "reference", points_per_side=6, pred_iou_thresh=0.7, stability_score_thresh=0.5, box_nms_thresh=1.0
    )
    expected = MaskGenerator(sure, settings).generate(image)
    monkeypatch.setattr("engine.generate.pixels.HELD_ON_CPU", 20 * 64 * 64 * 4)
    assert MaskGenerator(sure, settings).generate(image) == expected
    assert [record["predicted_iou"] for record in expected] == sorted(
        (record["predicted_iou"] for record in expected), reverse=True
    )
