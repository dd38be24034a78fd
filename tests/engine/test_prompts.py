"""Prompts are checked at the door, each refusal naming the value."""

import numpy as np
import pytest

from engine.errors import PromptError
from engine.prompts import make_prompt

SIZE = (40, 60)  # h, w


def prompt(**parts):
    return make_prompt(SIZE, 16, **parts)


def test_a_whole_prompt():
    made = prompt(
        points=[(0, 0), (60, 40)], labels=[True, 0], box=(1, 2, 3, 4), mask_input=np.ones((1, 16, 16), dtype=np.float64)
    )
    assert made.points.tolist() == [[0, 0], [60, 40]]
    assert made.labels.tolist() == [1, 0]
    assert made.box is not None
    assert made.box.tolist() == [1, 2, 3, 4]
    assert made.mask_input is not None
    assert (made.mask_input.shape, made.mask_input.dtype) == ((16, 16), np.float32)


def test_a_box_alone_has_no_points():
    assert prompt(box=[[1, 2, 3, 4]], points=[], labels=[]).points.shape == (0, 2)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "Nothing was prompted"),
        ({"points": [], "labels": []}, "Nothing was prompted"),
        ({"points": [(1, 1)]}, "without labels"),
        ({"labels": [1]}, "without points"),
        ({"points": [(61, 1)], "labels": [1]}, r"Point \(61, 1\) lies outside the image, which is 60 wide and 40 high"),
        ({"points": [(1, -0.5)], "labels": [1]}, "outside"),
        ({"points": [(np.nan, 1)], "labels": [1]}, "NaN"),
        ({"points": [(1, 2, 3)], "labels": [1]}, "shape"),
        ({"points": [(1, 2), (3,)], "labels": [1, 1]}, "regular array"),
        ({"points": [("a", "b")], "labels": [1]}, "numbers"),
        ({"points": [(1, 1)], "labels": [1, 0]}, "one label per point"),
        ({"points": [(1, 1)], "labels": [2]}, "got 2"),
        ({"points": [(1, 1)], "labels": [-1]}, "got -1"),
        ({"box": (5, 5, 5, 9)}, "is empty"),
        ({"box": (5, 9, 7, 5)}, "x1 > x0"),
        ({"box": (5, 5, 7)}, "four numbers"),
        ({"box": (5, 5, 70, 9)}, "Box corner"),
        ({"mask_input": np.zeros((8, 8))}, r"\(16, 16\)"),
        ({"mask_input": np.zeros((3, 16, 16))}, "low_res_logits"),
        ({"mask_input": np.full((16, 16), np.inf)}, "finite"),
    ],
)
def test_refusals(parts, message):
    with pytest.raises(PromptError, match=message):
        prompt(**parts)
