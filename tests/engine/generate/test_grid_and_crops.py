"""Where prompts go: grid points and crops, against the numbers of the paper."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.generate.crops import CELLS_PER_OBJECT, crop_windows, layers_for
from engine.generate.grid import beside, every_second, point_grid
from engine.model.config import PRESETS as MODELS


def test_points_stand_in_the_middle_of_their_cells_x_fastest():
    assert point_grid(1).tolist() == [[0.5, 0.5]]
    assert point_grid(2).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    assert point_grid(32).shape == (1024, 2)


def test_the_papers_twenty_one_crops():
    crops = crop_windows((1500, 2250), 2, 512 / 1500)
    assert [sum(crop.layer == layer for crop in crops) for layer in range(3)] == [1, 4, 16]
    assert (crops[1].size, crops[4].box[:2]) == ((1006, 1381), (869, 494))
    assert crops[5].size == (567, 755)


@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.integers(0, 3), st.floats(0, 0.9))
@settings(deadline=None)
def test_each_layer_covers_the_image_with_windows_that_overlap(size, num_layers, ratio):
    crops = crop_windows(size, num_layers, ratio)
    assert [crop.layer for crop in crops] == [layer for layer in range(num_layers + 1) for _ in range(4**layer)]
    assert crops[0].box == (0, 0, size[1], size[0])
    # The generator refuses images that are too small for so many windows.
    assume(min(min(crop.size) for crop in crops) >= 1)
    for layer in range(num_layers + 1):
        windows = [crop for crop in crops if crop.layer == layer]
        covered = np.zeros(size, dtype=bool)
        for crop in windows:
            x0, y0, x1, y1 = crop.box
            assert 0 <= x0 < x1 <= size[1]
            assert 0 <= y0 < y1 <= size[0]
            assert crop.size == (y1 - y0, x1 - x0)
            assert crop.xywh == [x0, y0, x1 - x0, y1 - y0]
            covered[y0:y1, x0:x1] = True
        assert covered.all()
        overlap = int(ratio * min(size) * 2 / 2**layer)
        for start, end in ((0, 2), (1, 3)):
            sides = sorted({(crop.box[start], crop.box[end]) for crop in windows})
            assert len(sides) == 2**layer
            # Only the last windows can be cut off by the image's border.
            assert all(
                before[1] - after[0] == overlap for before, after in pairwise(sides) if after[1] < size[1 - start]
            )


@given(st.tuples(st.integers(64, 3000), st.integers(64, 3000)), st.floats(1, 400), st.integers(1, 4))
@settings(deadline=None)
def test_the_first_layer_that_shows_objects_large_enough_is_the_last(size, side, most):
    config, ratio = MODELS["maskloom-s"], 512 / 1500
    chosen = layers_for(size, side, config, most=most, overlap_ratio=ratio)
    largest = [
        max(max(crop.size) for crop in crop_windows(size, most, ratio) if crop.layer == layer)
        for layer in range(1, most + 1)
    ]
    cells = [side * config.image_size / window / config.patch_size for window in largest]
    enough = [layer for layer, shown in enumerate(cells, 1) if shown >= CELLS_PER_OBJECT]
    assert chosen == (enough[0] if enough else most)


@pytest.mark.parametrize("side", [1, 2, 5, 8, 32])
def test_every_point_is_beside_one_of_every_second(side):
    chosen = every_second(side)
    assert beside(chosen).all()
    assert chosen.sum() == max(1, side // 2) ** 2


def test_beside_is_one_step_in_any_direction_and_not_around_the_edge():
    chosen = np.zeros((4, 5), dtype=bool)
    chosen[0, 0] = chosen[2, 3] = True
    expected = [[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]]
    assert beside(chosen).astype(int).tolist() == expected
