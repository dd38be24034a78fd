"""Boxes, stability, suppression, components and overlap against their definitions, written out pixel by pixel."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.errors import EngineError, FormatError
from engine.masks import boxes, components, metrics, nms, rle, stability
from tests.golden.make_specks import regions

masks = hnp.arrays(np.bool_, (5, 8, 7))
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
# Few different values, so that ties, duplicates and overlaps that equal the threshold come up all the time.
corners = hnp.arrays(np.int64, st.tuples(st.integers(0, 9), st.just(4)), elements=st.integers(0, 8)).map(
    lambda found: np.concatenate(
        (np.minimum(found[:, :2], found[:, 2:]), np.maximum(found[:, :2], found[:, 2:])), axis=1
    )
)
threshs = st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0])
levels = st.sampled_from([0.0, 0.5, 0.75, 1.0])


def naive_box_iou(box, other):
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(int(width), 0) * max(int(height), 0)
    both = sum(int(x1 - x0) * int(y1 - y0) for x0, y0, x1, y1 in (box, other)) - shared
    return shared / both if both else 0.0


def naive_mask_iou(mask, other):
    return (mask & other).sum() / (mask | other).sum() if (mask | other).any() else 0.0


def naive_nms(things, scores, thresh, overlap):
    """Of what is left, take the best, the first of equals, unless something taken before overlaps it too much."""
    left, kept = list(range(len(things))), []
    while left:
        best = max(left, key=lambda index: (scores[index], -index))
        left.remove(best)
        if all(overlap(things[best], things[index]) <= thresh for index in kept):
            kept.append(best)
    return kept


def naive_regions(marked):
    """The 8-connected regions of a mask, each a set of (row, column), by flood fill."""
    return regions(marked, True)


def painted(mask, regions, value):
    mask = mask.copy()
    for y, x in set().union(*regions):
        mask[y, x] = value
    return mask


class TestBoxes:
    @given(masks)
    @settings(deadline=None)
    def test_of_masks_agrees_with_the_runs(self, batch):
        assert boxes.of_masks(batch).tolist() == [list(rle.box_xyxy(rle.encode(mask))) for mask in batch]

    def test_xywh_has_no_plus_one(self):
        assert boxes.xywh((3, 4, 3, 9)) == [3, 4, 0, 5]

    @given(corners, corners)
    @settings(deadline=None)
    def test_every_overlap(self, found, others):
        expected = [[naive_box_iou(box, other) for other in others] for box in found]
        assert boxes.pairwise_iou(found, others).tolist() == expected

    @given(corners, hnp.arrays(np.int64, 4, elements=st.integers(0, 8)), shapes, st.integers(0, 4))
    @settings(deadline=None)
    def test_sides_at_the_crops_border_but_not_at_the_images(self, found, crop, size, tolerance):
        image = (0, 0, size[1], size[0])
        expected = [
            any(
                abs(side - cut) <= tolerance < abs(side - border)
                for side, cut, border in zip(box, crop, image, strict=True)
            )
            for box in found
        ]
        assert boxes.near_crop_edge(found, crop.tolist(), size, tolerance).tolist() == expected

    def test_the_released_tolerance_is_twenty_pixels(self):
        found = np.array([[0, 0, 80, 80], [0, 0, 130, 80], [0, 0, 129, 80], [100, 40, 140, 80], [30, 30, 99, 129]])
        near = boxes.near_crop_edge(found, (0, 0, 150, 150), (300, 400))
        assert near.tolist() == [False, True, False, True, False]


class TestStability:
    # Quarters, so that logits lie exactly on the thresholds that are quarters too, and on no other.
    logits = hnp.arrays(np.int64, (2, 5, 6), elements=st.integers(-16, 16)).map(lambda x: (x / 4).astype(np.float32))

    @given(logits, st.sampled_from([0.25, 1.0, 2.5]), st.sampled_from([0.0, 0.5]))
    @settings(deadline=None)
    def test_is_the_iou_of_the_masks_at_both_thresholds(self, logits, offset, threshold):
        expected = [naive_mask_iou(each > threshold + offset, each > threshold - offset) for each in logits]
        for values in (logits, torch.from_numpy(logits)):
            score = stability.stability_score(values, offset=offset, threshold=threshold)
            assert score.dtype == np.float32
            assert score.tolist() == np.float32(expected).tolist()

    @given(logits, st.sampled_from([0.1, 0.2, 0.3, 0.4]))
    @settings(deadline=None)
    def test_delta_is_in_probabilities(self, logits, delta):
        prob = 1 / (1 + np.exp(-logits.astype(np.float64)))
        expected = [naive_mask_iou(each > 0.5 + delta, each > 0.5 - delta) for each in prob]
        assert stability.stability_score(logits, delta=delta).tolist() == np.float32(expected).tolist()
        if delta == 0.3:  # the default
            assert stability.stability_score(logits).tolist() == np.float32(expected).tolist()

    def test_the_released_offset_is_a_delta(self):
        assert stability.logit_offset(delta=1 / (1 + math.exp(-1)) - 0.5) == pytest.approx(1.0)

    @pytest.mark.parametrize("bad", [{"delta": 0.5}, {"delta": 0.0}, {"offset": -1.0}, {"delta": 0.3, "offset": 1.0}])
    def test_settings_without_sense_are_refused(self, bad):
        with pytest.raises(EngineError):
            stability.stability_score(np.zeros((2, 2)), **bad)


class TestNms:
    @given(corners, threshs, st.data())
    @settings(deadline=None, max_examples=200)
    def test_boxes(self, found, thresh, data):
        scores = data.draw(hnp.arrays(np.float64, len(found), elements=levels))
        expected = naive_nms(found, scores, thresh, naive_box_iou)
        assert nms.box_nms(found, scores, thresh).tolist() == expected

    @given(st.lists(hnp.arrays(np.bool_, (3, 4)), max_size=6), threshs, st.data())
    @settings(deadline=None, max_examples=200)
    def test_masks(self, found, thresh, data):
        scores = data.draw(hnp.arrays(np.float64, len(found), elements=levels))
        expected = naive_nms(found, scores, thresh, naive_mask_iou)
        assert nms.mask_nms([rle.encode(mask) for mask in found], scores, thresh).tolist() == expected

    def test_masks_that_share_a_box_but_no_pixels_both_stay(self):
        diagonal = np.eye(9, dtype=bool)
        rles = [rle.encode(mask) for mask in (diagonal, diagonal[::-1] & ~diagonal, diagonal)]
        assert nms.mask_nms(rles, np.array([0.8, 0.7, 0.9]), 0.5).tolist() == [2, 1]


class TestComponents:
    pictures = shapes.flatmap(lambda shape: hnp.arrays(np.bool_, shape))

    @given(pictures, st.integers(1, 20))
    @settings(deadline=None)
    def test_small_holes_are_filled(self, mask, area):
        small = [region for region in naive_regions(~mask) if len(region) < area]
        filled, changed = components.remove_small_regions(mask, area, "holes")
        assert changed == bool(small)
        assert np.array_equal(filled, painted(mask, small, True))

    @given(pictures, st.integers(1, 20))
    @settings(deadline=None)
    def test_small_islands_go_and_of_none_but_small_ones_the_largest_may_stay(self, mask, area):
        islands = naive_regions(mask)
        small = [region for region in islands if len(region) < area]
        cleaned, changed = components.remove_small_regions(mask, area, "islands")
        assert changed == bool(small)
        assert np.array_equal(cleaned, painted(mask, small, False))
        kept, changed = components.remove_small_regions(mask, area, "islands", keep_largest=True)
        if small != islands or not islands:
            assert np.array_equal(kept, cleaned)
        else:
            assert changed == (len(islands) > 1)
            (island,) = naive_regions(kept)
            assert island in islands
            assert len(island) == max(map(len, islands))

    @given(pictures, st.integers(1, 20))
    @settings(deadline=None)
    def test_holes_are_filled_before_islands_go(self, mask, area):
        filled = painted(mask, [region for region in naive_regions(~mask) if len(region) < area], True)
        expected = painted(filled, [region for region in naive_regions(filled) if len(region) < area], False)
        cleaned, changed = components.clean(mask, area)
        assert np.array_equal(cleaned, expected)
        # A mask may come back as it was although it changed on the way: all of it filled, then all of it dropped.
        assert changed or np.array_equal(mask, expected)

    @given(pictures)
    @settings(deadline=None)
    def test_no_pixel_lies_deeper_than_the_inner_point(self, mask):
        if not mask.any():
            with pytest.raises(EngineError):
                components.inner_point(mask)
            return
        outside = np.argwhere(~np.pad(mask, 1)) - 1

        def depth(y, x):
            return np.hypot(*(outside - (y, x)).T).min()

        x, y = components.inner_point(mask)
        assert mask[y, x]
        assert depth(y, x) == pytest.approx(max(depth(*place) for place in np.argwhere(mask)), abs=1e-3)


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
