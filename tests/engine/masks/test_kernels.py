"""Boxes, stability, suppression, components and overlap on arrays small enough to check by eye."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from engine.errors import EngineError, FormatError
from engine.masks import boxes, components, metrics, nms, rle, stability

masks = hnp.arrays(np.bool_, (5, 8, 7))


def picture(*rows):
    return np.array([[cell != "." for cell in row] for row in rows])


class TestBoxes:
    @given(masks)
    @settings(deadline=None)
    def test_of_masks_agrees_with_the_runs(self, batch):
        assert boxes.of_masks(batch).tolist() == [list(rle.box_xyxy(rle.encode(mask))) for mask in batch]

    def test_xywh_has_no_plus_one(self):
        assert boxes.xywh((3, 4, 3, 9)) == [3, 4, 0, 5]

    def test_inner_crop_borders_count_and_image_borders_do_not(self):
        found = np.array([[0, 0, 80, 80], [0, 0, 130, 80], [100, 40, 140, 80], [30, 30, 99, 129]])
        near = boxes.near_crop_edge(found, (0, 0, 150, 150), (300, 400))
        assert near.tolist() == [False, True, True, False]
        assert not boxes.near_crop_edge(found, (0, 0, 400, 300), (300, 400)).any()


class TestStability:
    logits = np.array([[[-3, -1.2, -0.5, 0.5], [1.2, 1.5, 3, 3]]], dtype=np.float32)

    def test_is_the_quotient_of_counts(self):
        assert stability.stability_score(self.logits, offset=1.0)[0] == pytest.approx(4 / 6)
        assert stability.stability_score(self.logits, delta=0.3)[0] == pytest.approx(3 / 7)
        assert stability.stability_score(self.logits)[0] == pytest.approx(3 / 7)

    def test_equals_the_iou_in_probabilities(self):
        logits = np.random.default_rng(0).normal(0, 3, (4, 16, 16)).astype(np.float32)
        prob = 1 / (1 + np.exp(-logits))
        expected = [metrics.iou(p > 0.8, p > 0.2) for p in prob]
        assert stability.stability_score(logits, delta=0.3) == pytest.approx(expected)

    def test_torch_and_numpy_agree(self):
        assert stability.stability_score(torch.from_numpy(self.logits)) == stability.stability_score(self.logits)

    def test_the_released_offset_is_a_delta(self):
        assert stability.logit_offset(delta=1 / (1 + math.exp(-1)) - 0.5) == pytest.approx(1.0)

    def test_nothing_is_not_stable(self):
        assert stability.stability_score(np.full((2, 3, 3), -9.0)).tolist() == [0, 0]

    @pytest.mark.parametrize("bad", [{"delta": 0.5}, {"delta": 0.0}, {"offset": -1.0}, {"delta": 0.3, "offset": 1.0}])
    def test_settings_without_sense_are_refused(self, bad):
        with pytest.raises(EngineError):
            stability.stability_score(self.logits, **bad)


class TestNms:
    found = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [0, 0, 5, 10], [20, 20, 20, 30]])

    def test_the_best_suppresses_what_it_covers(self):
        assert nms.box_nms(self.found, np.array([0.5, 0.9, 0.7, 0.1]), 0.7).tolist() == [1, 2, 3]
        assert nms.box_nms(self.found, np.array([0.5, 0.9, 0.7, 0.1]), 0.3).tolist() == [1, 3]

    def test_ties_keep_their_order(self):
        assert nms.box_nms(self.found, np.ones(4), 0.7).tolist() == [0, 2, 3]

    def test_nothing_in_nothing_out(self):
        assert nms.box_nms(np.zeros((0, 4)), np.zeros(0), 0.7).tolist() == []
        assert nms.mask_nms([], np.zeros(0), 0.7).tolist() == []

    def test_masks_that_share_a_box_but_no_pixels_both_stay(self):
        diagonal = np.eye(9, dtype=bool)
        rles = [rle.encode(mask) for mask in (diagonal, diagonal[::-1] & ~diagonal, diagonal)]
        assert nms.mask_nms(rles, np.array([0.8, 0.7, 0.9]), 0.5).tolist() == [2, 1]
        line = rle.encode(np.eye(1, 9, dtype=bool))
        assert nms.mask_nms([line, line], np.array([0.1, 0.2]), 0.5).tolist() == [1]


class TestComponents:
    ring = picture("#####", "#...#", "#.#.#", "#...#", "#####")

    def test_holes_are_filled_before_islands_go(self):
        cleaned, changed = components.clean(self.ring, 9)
        assert changed
        assert cleaned.all()

    def test_islands(self):
        mask, changed = components.remove_small_regions(self.ring, 2, "islands")
        assert changed
        assert mask.sum() == 16

    def test_corners_connect(self):
        mask = picture("#..", ".#.", "..#")
        assert components.remove_small_regions(mask, 3, "islands")[1] is False

    def test_all_islands_small(self):
        mask = picture("##..", "....", "...#")
        assert not components.clean(mask, 5)[0].any() or mask.all()
        dropped, changed = components.remove_small_regions(mask, 5, "islands")
        assert changed
        assert not dropped.any()
        kept, changed = components.remove_small_regions(mask, 5, "islands", keep_largest=True)
        assert changed
        assert kept.sum() == 2
        assert components.remove_small_regions(kept, 5, "islands", keep_largest=True)[1] is False

    def test_empty_and_full(self):
        for mask in (np.zeros((3, 3), dtype=bool), np.ones((3, 3), dtype=bool)):
            cleaned, changed = components.clean(mask, 2)
            assert not changed
            assert np.array_equal(cleaned, mask)

    def test_inner_point(self):
        mask = np.zeros((9, 20), dtype=bool)
        mask[1:8, 3:10] = True
        mask[4, 10:18] = True
        assert components.inner_point(mask) == (6, 4)
        assert components.inner_point(np.ones((1, 1), dtype=bool)) == (0, 0)
        with pytest.raises(EngineError):
            components.inner_point(np.zeros((3, 3), dtype=bool))


class TestMetrics:
    @given(masks, masks)
    @settings(deadline=None)
    def test_three_ways_to_the_same_iou(self, first, second):
        arrays = metrics.pairwise_iou(first, second)
        runs = metrics.pairwise_rle_iou(rle.encode_batch(first), rle.encode_batch(second))
        for i, mask in enumerate(first):
            for j, other in enumerate(second):
                assert arrays[i, j] == pytest.approx(metrics.iou(mask, other))
                if mask.any() or other.any():
                    assert runs[i, j] == pytest.approx(arrays[i, j])

    def test_sizes_must_agree(self):
        with pytest.raises(FormatError):
            metrics.iou(np.ones((2, 3), dtype=bool), np.ones((3, 2), dtype=bool))
        with pytest.raises(FormatError):
            metrics.pairwise_iou(np.ones((1, 2, 3), dtype=bool), np.ones((1, 3, 2), dtype=bool))
        with pytest.raises(FormatError):
            metrics.pairwise_rle_iou([rle.encode(np.ones((2, 3)))], [rle.encode(np.ones((3, 2)))])
