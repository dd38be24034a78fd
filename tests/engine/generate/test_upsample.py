"""The window and the bound against upsampling everything."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.generate.upsample import Upsampler, one_thread
from engine.geometry import Frame, upsample_low_res
from engine.masks import boxes
from engine.masks.stability import stability_score

sizes = st.tuples(st.integers(1, 150), st.integers(1, 150))


def blobs(seed, side=16):
    """Logits with smooth structure and empty parts, like a decoder's."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(-2, 4, (side // 4, side // 4))
    return (np.kron(coarse, np.ones((4, 4))) + rng.normal(0, 0.7, (side, side))).astype(np.float32)


@given(sizes, st.integers(0, 10**6), st.sampled_from([0.5, 1.0, 1.386]))
@settings(deadline=None, max_examples=60)
def test_the_window_holds_all_that_matters_and_the_bound_is_one(size, seed, offset):
    low_res = blobs(seed)
    frame = Frame(size, 64)
    everything = upsample_low_res(low_res, frame)
    upsampler = Upsampler(frame, offset)
    height, width = frame.low_res_window
    low_res = low_res[:height, :width]
    window = upsampler.window(low_res)
    (x0, y0), (height, width) = window.corner, window.logits.shape
    inside = everything[y0 : y0 + height, x0 : x0 + width]
    assert window.logits == pytest.approx(inside, abs=1e-4)
    outside = everything.copy()
    outside[y0 : y0 + height, x0 : x0 + width] = -99
    assert (outside <= -offset + 1e-4).all()
    true = stability_score(everything, offset=offset)
    assert upsampler.stability_bound(low_res[None])[0] >= true - 1e-4


@given(sizes, st.integers(0, 10**6), st.sampled_from([0.5, 1.386]))
@settings(deadline=None, max_examples=40)
def test_numbers_are_those_of_the_whole_image(size, seed, offset):
    frame = Frame(size, 64)
    logits = upsample_low_res(blobs(seed), frame)
    height, width = frame.low_res_window
    strict, area, loose, *box = Upsampler(frame, offset).numbers(blobs(seed)[None, :height, :width])[:, 0]
    levels = (offset, 0.0, -offset)
    # A pixel at the very level may fall on either side of it.
    at_level = [np.count_nonzero(np.abs(logits - level) < 1e-4) for level in levels]
    for count, level, close in zip((strict, area, loose), levels, at_level, strict=True):
        assert abs(count - np.count_nonzero(logits > level)) <= close
    if area and not at_level[1]:
        assert box == boxes.of_masks((logits > 0)[None])[0].tolist()


def test_no_pixel_reads_beyond_the_window():
    for size in [(1, 1), (7, 150), (150, 7), (64, 64), (63, 65), (149, 150)]:
        frame = Frame(size, 64)
        for matrix, used in zip(frame.upsample_matrices(), frame.low_res_window, strict=True):
            assert used % 4 == 0
            assert not matrix[:, used:].any()


def test_nothing_there_is_an_empty_window_and_not_stable():
    upsampler = Upsampler(Frame((40, 60), 64), 1.0)
    empty = np.full((1, 12, 16), -5, dtype=np.float32)
    assert upsampler.window(empty[0]).logits.size == 0
    assert upsampler.stability_bound(empty)[0] == 0


def test_threads_come_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert torch.get_num_threads() == before
