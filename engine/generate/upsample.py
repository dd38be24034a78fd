"""From a low_res answer to the pixels of its mask, one mask at a time and only where there is something.

The low_res -> image resize is linear along each axis (`engine.geometry`), and an image pixel is a weighted mean of at
most 3 x 3 neighbouring low_res cells. Three things follow, all exact:

- Where those cells all lie at or below a level, so does the pixel. So it is enough to upsample the window around the
  cells above the level: the work and the memory are the mask's, not the image's.
- Rows of the image read a few rows of cells each. So they are made in bands, each from the cells it reads: a twentieth
  of the multiplications, and what is left is the time that it takes to write the pixels.
- The pixels above a level can be counted from both sides on the low_res grid, which gives an upper bound of the
  stability before anything is upsampled.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from engine.geometry import MASK_LOGIT_THRESH, Frame
from engine.masks import boxes, stability
from engine.masks.rle import Mask

Logits = npt.NDArray[np.float32]
_CELLS = np.ones((3, 3), dtype=np.uint8)
BAND = 64  # rows of pixels


@dataclass(frozen=True)
class Window:
    """Logits (h, w) of a part of the image whose top left pixel is `corner` (x, y); outside they are too low to
    matter.
    """

    logits: Logits
    corner: tuple[int, int]


@contextmanager
def one_thread() -> Iterator[None]:
    """Do small torch work without its thread pool: on a busy machine, waiting for the pool costs far more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Axis:
    """One axis of the resize: the matrix (pixels, cells), and which cells each pixel reads."""

    def __init__(self, matrix: Logits) -> None:
        self.matrix = matrix.copy()  # torch wants it writable
        used = matrix != 0
        self.first = used.argmax(axis=1)
        self.last = used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)
        # The middle of the (at most three) cells a pixel reads: all others are its neighbours.
        centre = (self.first + self.last) // 2
        self.pixels_of_cell = np.bincount(centre, minlength=matrix.shape[1]).astype(np.float64)

    def span(self, cells: Mask) -> tuple[slice, slice]:
        """(pixels that read any of the marked cells, all cells these pixels read); empty slices for none."""
        marked = np.concatenate(([0], np.cumsum(cells)))
        pixels = np.flatnonzero(marked[self.last + 1] > marked[self.first])
        if len(pixels) == 0:
            return slice(0, 0), slice(0, 0)
        start, stop = int(pixels[0]), int(pixels[-1]) + 1
        return slice(start, stop), slice(int(self.first[start]), int(self.last[stop - 1]) + 1)

    def bands(self, pixels: slice) -> Iterator[tuple[slice, slice]]:
        """(pixels, the cells they read) of bands of `pixels`."""
        for start in range(pixels.start, pixels.stop, BAND):
            stop = min(start + BAND, pixels.stop)
            yield slice(start, stop), slice(int(self.first[start]), int(self.last[stop - 1]) + 1)


class Upsampler:
    """The resize of one crop; of its low_res values only the frame's `low_res_window`.

    Args:
        frame: how the crop sits in the model's square.
        offset: the stability threshold's move in logits.
    """

    def __init__(self, frame: Frame, offset: float) -> None:
        (rows, columns), (height, width) = frame.upsample_matrices(), frame.low_res_window
        self._rows, self._columns = _Axis(rows[:, :height]), _Axis(columns[:, :width])
        self._offset = offset

    def window(self, low_res: Logits) -> Window:
        """The image-frame logits around everything above the stability's looser threshold; empty if nothing is."""
        above: Mask = low_res > MASK_LOGIT_THRESH - self._offset
        ys, row_cells = self._rows.span(np.any(above, axis=1))
        xs, column_cells = self._columns.span(np.any(above, axis=0))
        columns = torch.from_numpy(self._columns.matrix[xs, column_cells])
        widened = torch.from_numpy(low_res[row_cells, column_cells]) @ columns.T
        logits = torch.empty(ys.stop - ys.start, xs.stop - xs.start)
        for pixels, cells in self._rows.bands(ys):
            rows = torch.from_numpy(self._rows.matrix[pixels, cells])
            of_band = widened[cells.start - row_cells.start : cells.stop - row_cells.start]
            torch.mm(rows, of_band, out=logits[pixels.start - ys.start : pixels.stop - ys.start])
        return Window(logits.numpy(), (xs.start, ys.start))

    def stability_bound(self, low_res: Logits) -> npt.NDArray[np.float32]:
        """(N,) no mask of low_res (N, *window) can be more stable in the image than this."""
        strict, loose = np.empty(len(low_res)), np.empty(len(low_res))
        for index, logits in enumerate(low_res):
            strict[index] = self._pixels_in(cv2.dilate(logits, _CELLS) > MASK_LOGIT_THRESH + self._offset)
            loose[index] = self._pixels_in(cv2.erode(logits, _CELLS) > MASK_LOGIT_THRESH - self._offset)
        return bound(strict, loose)

    def numbers(self, low_res: Logits) -> npt.NDArray[np.int64]:
        """(7, N) of low_res (N, *window): how many pixels lie above the stability's stricter threshold, in the mask,
        above the looser threshold; and the mask's box xyxy, which means nothing where the mask is empty.
        """
        return np.array([self._numbers_of(logits) for logits in low_res], dtype=np.int64).reshape(-1, 7).T

    def _numbers_of(self, low_res: Logits) -> tuple[int, ...]:
        window = self.window(low_res)
        mask = window.logits > MASK_LOGIT_THRESH
        strict, loose = (
            int(np.count_nonzero(window.logits > MASK_LOGIT_THRESH + move)) for move in (self._offset, -self._offset)
        )
        if not mask.any():
            return (strict, 0, loose, 0, 0, 0, 0)
        (left, top, right, bottom), (x0, y0) = boxes.of_masks(mask[None])[0], window.corner
        return (strict, int(np.count_nonzero(mask)), loose, left + x0, top + y0, right + x0, bottom + y0)

    def _pixels_in(self, cells: Mask) -> float:
        """How many pixels have one of the marked cells as the middle of those they read."""
        return float(self._rows.pixels_of_cell @ cells @ self._columns.pixels_of_cell)

    def pixels_of_cells(self) -> npt.NDArray[np.float64]:
        """(*window) how many pixels have each cell as the middle of those they read."""
        return np.outer(self._rows.pixels_of_cell, self._columns.pixels_of_cell)


def bound(strict: npt.NDArray[np.float64], loose: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """(N,) upper bounds of the stability: at most `strict` pixels are above the one level, at least `loose` above the
    other.
    """
    unbounded = (loose == 0) & (strict > 0)
    return np.where(unbounded, 1, np.minimum(stability.ratio(strict, loose), 1)).astype(np.float32)
