"""The rule on specks: the golden cases that the page's test reads too, and what no mask may lose."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.masks.components import without_specks

CASES = json.loads((Path(__file__).parents[2] / "golden" / "specks.json").read_text())["cases"]

shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))
masks = shapes.flatmap(lambda shape: hnp.arrays(np.bool_, shape))


def mask_of(rows):
    return np.array([[pixel == "1" for pixel in row] for row in rows])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_golden_cases_as_in_the_page(case):
    mask = mask_of(case["rows"])
    cleaned = without_specks(mask, [(x, y) for x, y, _ in case["clicks"]], [label for *_, label in case["clicks"]])
    assert np.array_equal(cleaned, mask_of(case["cleaned"]))
    assert np.array_equal(mask, mask_of(case["rows"])), "the model's own mask stays as it is"


@given(masks)
@settings(deadline=None)
def test_no_mask_is_lost_and_none_comes_from_nothing(mask):
    assert without_specks(mask, [], []).any() == mask.any()


@given(masks, st.data())
@settings(deadline=None)
def test_a_click_is_obeyed_where_the_mask_obeyed_it(mask, data):
    x, y = data.draw(st.integers(0, mask.shape[1] - 1)), data.draw(st.integers(0, mask.shape[0] - 1))
    assert without_specks(mask, [(x, y)], [int(mask[y, x])])[y, x] == mask[y, x]


def test_corners_of_a_box_are_no_clicks():
    mask = np.zeros((9, 11), bool)
    mask[:8, :8] = mask[7, 9] = True
    assert not without_specks(mask, [(9, 7), (10, 8)], [2, 3])[7, 9]
