"""Pixels as the engine reads them from files: eight bits, whatever the file has."""

import numpy as np
import pytest
from PIL import Image

from engine.errors import ImageError
from engine.generate.images import read_image


@pytest.mark.parametrize(
    ("values", "suffix"),
    [
        (np.uint16([[1000, 2000], [3000, 5000]]), "png"),
        (np.uint16([[1000, 2000], [3000, 5000]]), "tif"),
        (np.int32([[-4, -3], [-2, 0]]), "tif"),
        (np.float32([[0.25, 0.5], [0.75, 1.25]]), "tif"),
    ],
)
def test_deep_grey_is_stretched_from_its_darkest_to_its_brightest_pixel(tmp_path, values, suffix):
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values).save(path)
    assert read_image(path).tolist() == [[[0] * 3, [64] * 3], [[128] * 3, [255] * 3]]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_what_is_flat_or_no_number_is_black(tmp_path):
    Image.fromarray(np.full((2, 3), 700, np.uint16)).save(tmp_path / "flat.png")
    assert read_image(tmp_path / "flat.png").tolist() == np.zeros((2, 3, 3)).tolist()
    Image.fromarray(np.float32([[np.nan, 1000, 1010], [-np.inf, 1005, np.inf]])).save(tmp_path / "holes.tif")
    assert read_image(tmp_path / "holes.tif")[..., 0].tolist() == [[0, 0, 255], [0, 128, 255]]
    Image.fromarray(np.float32([[np.nan, np.inf]])).save(tmp_path / "nothing.tif")
    assert read_image(tmp_path / "nothing.tif")[..., 0].tolist() == [[0, 0]]


def test_what_is_cut_off_is_named(tmp_path):
    Image.fromarray(np.arange(6400, dtype=np.uint16).reshape(80, 80)).save(tmp_path / "whole.tif")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:4000])
    with pytest.raises(ImageError, match="damaged or cut off"):
        read_image(tmp_path / "cut.tif")
