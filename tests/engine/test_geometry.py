"""Frames on the golden file, which the page's own maths is tested on too."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.geometry import WHOLE, Detail, Frame, deepest_level, mask_to_low_res, resize_matrix, upsample_low_res


@pytest.fixture(scope="module")
def golden(golden_dir) -> dict[str, Any]:
    return json.loads((golden_dir / "frames.json").read_text())


def frame_of(case: dict[str, Any]) -> Frame:
    return Frame((case["image"]["h"], case["image"]["w"]), case["model_size"])


def test_golden_frames(golden):
    for case in golden["frames"]:
        frame = frame_of(case)
        assert frame.scale == pytest.approx(case["scale"])
        assert frame.input_size == (case["input"]["h"], case["input"]["w"])
        assert frame.low_res_size == case["low_res"]
        points = np.array([point["image"] for point in case["points"]])
        expected = np.array([point["model"] for point in case["points"]])
        np.testing.assert_allclose(frame.points_to_model(points), expected, rtol=1e-6)
        np.testing.assert_allclose(frame.points_to_image(expected), points, rtol=1e-6)


def test_golden_upsampling(golden):
    for case in golden["upsample"]:
        logits = upsample_low_res(np.array(case["low_res"], dtype=np.float32), frame_of(case))
        np.testing.assert_allclose(logits, np.array(case["logits"]), atol=5e-5)


def test_upsampling_keeps_leading_dimensions_and_refuses_other_grids():
    frame = Frame((10, 20), 32)
    assert upsample_low_res(np.zeros((3, 2, 8, 8), dtype=np.float32), frame).shape == (3, 2, 10, 20)
    with pytest.raises(ValueError, match=r"\(8, 8\)"):
        upsample_low_res(np.zeros((4, 4), dtype=np.float32), frame)


def test_golden_mask_prompts(golden):
    for case in golden["mask_prompts"]:
        mask = np.array([[cell == "1" for cell in row] for row in case["rows"]])
        logits = mask_to_low_res(mask, frame_of(case))
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, np.array(case["logits"]), atol=5e-5)


def test_mask_prompts_of_nothing_and_of_another_size():
    frame = Frame((10, 20), 32)
    assert (mask_to_low_res(np.zeros((10, 20), dtype=bool), frame) == -10).all()
    with pytest.raises(ValueError, match=r"\(10, 20\)"):
        mask_to_low_res(np.zeros((20, 10), dtype=bool), frame)


def test_boxes_travel_as_their_corners():
    frame = Frame((100, 200), 64)
    box = [[10.0, 20.0, 150.0, 90.0]]
    in_model = frame.boxes_to_model(box)
    np.testing.assert_array_equal(in_model.reshape(2, 2), frame.points_to_model([[10, 20], [150, 90]]))
    np.testing.assert_allclose(frame.boxes_to_image(in_model), box, rtol=1e-6)


def test_resize_matrix_rows_are_means():
    for source, target in [(4, 16), (16, 4), (5, 7), (1, 3)]:
        np.testing.assert_allclose(resize_matrix(source, target).sum(axis=1), 1.0)


@pytest.mark.parametrize(("size", "image_size"), [((0, 5), 64), ((5, 5), 0)])
def test_empty_frames_are_refused(size, image_size):
    with pytest.raises(ValueError, match="positive"):
        Frame(size, image_size)


def test_golden_details(golden):
    for case in golden["details"]:
        size = (case["image"]["h"], case["image"]["w"])
        detail = Detail.smallest(size, case["box"])
        assert (detail.key, list(detail.box(size))) == (case["key"], case["extent"])
        assert Detail.parse(detail.key) == detail


@given(st.integers(16, 5000), st.integers(16, 5000), st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1))
def test_what_is_half_as_large_as_details_of_a_level_lies_whole_in_one(height, width, at_x, at_y, share):
    level = deepest_level((height, width))
    w, h = (max(1, int(side / 2 ** (level + 1) * share) - 1) for side in (width, height))
    x, y = int(at_x * (width - w)), int(at_y * (height - h))
    detail = Detail.smallest((height, width), (x, y, x + w, y + h))
    assert detail.level == level
    left, top, right, bottom = detail.box((height, width))
    assert 0 <= left <= x
    assert x + w <= right <= width
    assert 0 <= top <= y
    assert y + h <= bottom <= height


@pytest.mark.parametrize("key", ["", "1-0", "1-0-0-0", "a-0-0", "1--1-0", "1-0-x", "\u0661-0-0"])
def test_names_of_no_detail_are_refused(key):
    with pytest.raises(ValueError, match="level, row and column"):
        Detail.parse(key)


def test_details_that_an_image_does_not_have_are_refused():
    assert WHOLE.box((100, 300)) == (0, 0, 300, 100)
    for detail in (Detail(1, 0, 0), Detail(0, 1, 0)):
        with pytest.raises(ValueError, match="300x100"):
            detail.box((100, 300))
    with pytest.raises(ValueError, match="1-3-0"):
        Detail(1, 3, 0).box((1000, 1000))
