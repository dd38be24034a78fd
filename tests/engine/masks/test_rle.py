"""Our RLE against pycocotools, and damaged RLEs refused before anything reads them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from engine.errors import FormatError
from engine.masks import metrics, rle

GOLDEN = Path(__file__).parents[2] / "golden" / "rle.json"

shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))
masks = shapes.flatmap(lambda shape: hnp.arrays(np.bool_, shape))
batches = st.tuples(st.integers(0, 4), st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: hnp.arrays(np.bool_, shape)
)


def theirs(mask):
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode()}


@given(masks)
@settings(deadline=None)
def test_encode_is_pycocotools_encode(mask):
    ours = rle.encode(mask)
    assert ours == theirs(mask)
    assert np.array_equal(rle.decode(ours), mask)
    assert rle.area(ours) == mask.sum()


@given(batches)
@settings(deadline=None)
def test_a_batch_is_its_masks(batch):
    assert rle.encode_batch(batch) == [rle.encode(mask) for mask in batch]


@given(masks, st.data())
@settings(deadline=None)
def test_a_window_is_the_image_it_lies_in(mask, data):
    rows, columns = mask.shape
    height, width = rows + data.draw(st.integers(0, 3)), columns + data.draw(st.integers(0, 3))
    y, x = data.draw(st.integers(0, height - rows)), data.draw(st.integers(0, width - columns))
    whole = np.zeros((height, width), dtype=bool)
    whole[y : y + rows, x : x + columns] = mask
    assert rle.encode_window(mask, (x, y), (height, width)) == rle.encode(whole)


def test_a_window_outside_its_image_is_refused():
    with pytest.raises(FormatError, match="leaves its image"):
        rle.encode_window(np.ones((3, 3), dtype=bool), (8, 0), (9, 10))


@given(masks)
@settings(deadline=None)
def test_boxes_without_decoding(mask):
    ours = rle.encode(mask)
    ys, xs = np.nonzero(mask)
    box = (xs.min(), ys.min(), xs.max(), ys.max()) if mask.any() else (0, 0, 0, 0)
    assert rle.box_xyxy(ours) == box
    assert rle.bbox_xywh(ours) == [box[0], box[1], box[2] - box[0], box[3] - box[1]]
    assert rle.coco_bbox_xywh(ours) == list(coco_mask.toBbox(theirs(mask)))


def test_long_runs_and_large_masks():
    rng = np.random.default_rng(0)
    noise = rng.random((700, 900)) > 0.5
    blocks = np.zeros((2, 3000, 2000), dtype=bool)
    blocks[0, 100:2900, 50:1990] = True
    blocks[1] = True
    for mask in (noise, *blocks):
        assert rle.encode(mask) == theirs(mask)
        assert np.array_equal(rle.decode(rle.encode(mask)), mask)


@given(st.lists(st.integers(0, 2**33), max_size=40))
def test_run_strings_round_trip(counts):
    runs = np.array(counts, dtype=np.int64)
    assert np.array_equal(rle.decompress(rle.compress(runs)), runs)


@given(
    shapes, st.one_of(st.text(max_size=30), st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=30))
)
@settings(deadline=None, max_examples=300)
def test_any_string_is_an_rle_or_refused(shape, counts):
    height, width = shape
    try:
        checked = rle.validate({"size": [height, width], "counts": counts}, height, width)
    except FormatError:
        return
    assert np.array_equal(rle.decode(checked), coco_mask.decode({**checked}).astype(bool))


@given(masks)
@settings(deadline=None)
def test_plain_counts_and_bytes_are_accepted(mask):
    height, width = mask.shape
    plain = {"size": [height, width], "counts": rle.runs(rle.encode(mask)).tolist()}
    for stored in (
        plain,
        coco_mask.frPyObjects(plain, height, width),
        coco_mask.encode(np.asfortranarray(mask.astype(np.uint8))),
    ):
        assert rle.validate(stored, height, width) == rle.encode(mask)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"size": [4, 6], "counts": rle.encode(np.ones((6, 4), dtype=bool))["counts"]}, "swapped"),
        ({"size": [5, 5], "counts": "i0"}, "its image is 4 x 6"),
        ({"size": [6, 4], "counts": "0h"}, "cut off in the middle"),
        ({"size": [6, 4], "counts": "07"}, "cut off: it covers 7 pixels"),
        ({"size": [6, 4], "counts": "0i0"}, "past the end"),
        ({"size": [6, 4], "counts": "0oooooooo0"}, "too large"),
        ({"size": [6, 4], "counts": "5O"}, "negative"),
        ({"size": [6, 4], "counts": "0 h0"}, "never uses"),
        ({"size": [6, 4], "counts": "0éh0"}, "never uses"),
        ({"size": [6, 4], "counts": ""}, "cut off"),
        ({"size": [6, 4], "counts": "0" * 23 + "h0" + "0" * 9}, "runs for 24 pixels"),
        ({"size": [6, 4], "counts": [0, -1, 25]}, "none negative"),
        ({"size": [6, 4], "counts": [0, 2**70]}, "flat list"),
        ({"size": [6, 4], "counts": [0, [24]]}, "flat list"),
        ({"size": [6, 4], "counts": [0.0, 24.0]}, "flat list"),
        ({"size": [6, 4], "counts": 24}, "needs 'counts'"),
        ({"size": [6, 4]}, "needs 'counts'"),
        ({"counts": "0h0"}, "needs 'size'"),
        ({"size": "64", "counts": "0h0"}, "needs 'size'"),
        ({"size": [6, 0], "counts": "0h0"}, "above zero"),
        ({"size": [6, 4.0], "counts": "0h0"}, "above zero"),
        ({"size": [10**6, 10**6], "counts": "0h0"}, "more than any image"),
        ("0h0", "is an object"),
        (None, "is an object"),
    ],
)
def test_broken_rles_are_refused_with_the_reason(broken, reason):
    with pytest.raises(FormatError, match=reason):
        rle.validate(broken, 6, 4)


@pytest.mark.parametrize("shape", [(3,), (0, 4), (2, 3, 4)])
def test_only_masks_are_encoded(shape):
    with pytest.raises(FormatError):
        rle.encode(np.zeros(shape, dtype=bool))


def test_the_pages_runs_are_ours():
    """The page's own RLE is tested on the same file."""
    for case in json.loads(GOLDEN.read_text())["masks"]:
        mask = np.array([[cell == "1" for cell in row] for row in case["rows"]])
        expected = {"size": case["size"], "counts": case["counts"]}
        assert rle.encode(mask) == expected, case["name"]
        assert np.array_equal(rle.decode(expected), mask), case["name"]
        assert rle.area(expected) == case["area"], case["name"]
        assert rle.coco_bbox_xywh(expected) == case["coco_bbox"], case["name"]


def test_the_pages_overlaps_are_ours():
    for pair in json.loads(GOLDEN.read_text())["pairs"]:
        first, second = ({"size": pair["size"], "counts": pair[name]} for name in ("a", "b"))
        assert metrics.pairwise_rle_iou([first], [second])[0, 0] == pytest.approx(pair["iou"])
        assert rle.encode(rle.decode(first) | rle.decode(second))["counts"] == pair["union"]
        assert rle.encode(rle.decode(first) & rle.decode(second))["counts"] == pair["intersection"]
