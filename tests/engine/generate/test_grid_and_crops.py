"""Where prompts go: grid points and crops, against the numbers of the paper."""

import numpy as np
import pytest

from engine.generate.crops import crop_windows
from engine.generate.grid import point_grid


def test_points_stand_in_the_middle_of_their_cells_x_fastest():
    assert point_grid(1).tolist() == [[0.5, 0.5]]
    assert point_grid(2).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    assert point_grid(32).shape == (1024, 2)


def test_no_layers_is_the_whole_image():
    (crop,) = crop_windows((400, 600), 0, 0.3)
    assert (crop.box, crop.size, crop.xywh, crop.layer) == ((0, 0, 600, 400), (400, 600), [0, 0, 600, 400], 0)


def test_the_papers_twenty_one_crops():
    crops = crop_windows((1500, 2250), 2, 512 / 1500)
    assert [sum(crop.layer == layer for crop in crops) for layer in range(3)] == [1, 4, 16]
    assert (crops[1].size, crops[4].box[:2]) == ((1006, 1381), (869, 494))
    assert crops[5].size == (567, 755)


@pytest.mark.parametrize("size", [(400, 600), (333, 1001), (64, 64)])
def test_each_layer_covers_the_image(size):
    for layer in (1, 2):
        covered = np.zeros(size, dtype=bool)
        for crop in crop_windows(size, 2, 512 / 1500):
            x0, y0, x1, y1 = crop.box
            assert 0 <= x0 < x1 <= size[1]
            assert 0 <= y0 < y1 <= size[0]
            if crop.layer == layer:
                covered[y0:y1, x0:x1] = True
        assert covered.all()
