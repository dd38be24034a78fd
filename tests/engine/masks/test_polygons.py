"""COCO polygons: pycocotools' pixels, and broken ones refused."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from engine.errors import FormatError
from engine.masks import polygons, rle


def test_polygons_are_rasterised_like_coco_does():
    outlines = [[2.5, 1, 17, 3.2, 12, 15], [30, 5, 38, 5, 38, 18, 30.5, 18]]
    merged = coco_mask.merge(coco_mask.frPyObjects(outlines, 20, 40))
    assert np.array_equal(polygons.to_mask(outlines, 20, 40), coco_mask.decode(merged).astype(bool))


def test_a_small_overshoot_is_cut_at_the_border():
    mask = polygons.to_mask([[-3, -3, 43, -3, 43, 23, -3, 23]], 20, 40)
    assert mask.shape == (20, 40)
    assert mask.all()


def test_an_rle_is_checked_and_taken():
    mask = np.tri(6, 9, dtype=bool)
    assert np.array_equal(polygons.to_mask(rle.encode(mask), 6, 9), mask)
    with pytest.raises(FormatError, match="its image is"):
        polygons.to_mask(rle.encode(mask), 9, 9)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ([[1, 1, 5, 1, 5]], "odd"),
        ([[1, 1, 5, 5]], "at least 3"),
        ([[1, 1, 5, 1, 5, float("nan")]], "finite"),
        ([[1, 1, 5, 1, 5, float("inf")]], "finite"),
        ([[1, 1, 5, 1, 5, 10**400]], "finite"),
        ([[1, 1, 5, 1, 5, "6"]], "not a number"),
        ([[1, 1, 5, 1, 5, None]], "not a number"),
        ([[1, 1, 5, 1, 4000, 6]], "far outside"),
        ([[1, 1, 5, 1, 5, -1e9]], "far outside"),
        ([1, 1, 5, 1, 5, 6], "not a list"),
        (["1,1,5,1"], "not a list"),
        ([[1, 1, 5, 1, 5, 6], []], "Polygon 2 has 0 points"),
        ([], "no polygon"),
        ("polygon", "is str"),
        (None, "NoneType"),
    ],
)
def test_broken_polygons_are_refused_with_the_reason(broken, reason):
    with pytest.raises(FormatError, match=reason):
        polygons.to_mask(broken, 20, 40)
