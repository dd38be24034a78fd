"""From a low_res answer to the pixels of its mask, one mask at a time and only where there is something.

The low_res -> image resize is linear along each axis (`engine.geometry`), and an image pixel is a weighted mean of at
most 3 x 3 neighbouring low_res cells. Two things follow, both exact:

- Where those cells all lie at or below a level, so does the pixel. So it is enough to upsample the window around the
  cells above the level: the work and the memory are the mask's, not the image's.
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
from engine.masks import stability
from engine.masks.rle import Mask

Logits = npt.NDArray[np.float32]
_CELLS = np.ones((3, 3), dtype=np.uint8)


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


class Upsampler:
    """The resize of one crop.

    Args:
        frame: how the crop sits in the model's square.
        offset: the stability threshold's move in logits.
    """

    def __init__(self, frame: Frame, offset: float) -> None:
        rows, columns = frame.upsample_matrices()
        self._rows, self._columns = _Axis(rows), _Axis(columns)
        self._offset = offset

    def window(self, low_res: Logits) -> Window:
        """The image-frame logits around everything above the stability's looser threshold; empty if nothing is."""
        above: Mask = low_res > MASK_LOGIT_THRESH - self._offset
        ys, row_cells = self._rows.span(np.any(above, axis=1))
        xs, column_cells = self._columns.span(np.any(above, axis=0))
        part = low_res[row_cells, column_cells]
        rows = torch.from_numpy(self._rows.matrix[ys, row_cells])
        columns = torch.from_numpy(self._columns.matrix[xs, column_cells])
        logits = torch.mm(torch.mm(rows, torch.from_numpy(part)), columns.T)
        return Window(logits.numpy(), (xs.start, ys.start))

    def stability_bound(self, low_res: Logits) -> npt.NDArray[np.float32]:
        """(N,) no mask of low_res (N, S/4, S/4) can be more stable in the image than this."""
        strict, loose = np.empty(len(low_res)), np.empty(len(low_res))
        for index, logits in enumerate(low_res):
            most = cv2.dilate(logits, _CELLS) > MASK_LOGIT_THRESH + self._offset
            least = cv2.erode(logits, _CELLS) > MASK_LOGIT_THRESH - self._offset
            strict[index] = self._rows.pixels_of_cell @ most @ self._columns.pixels_of_cell
            loose[index] = self._rows.pixels_of_cell @ least @ self._columns.pixels_of_cell
        return bound(strict, loose)

    def pixels_of_cells(self) -> npt.NDArray[np.float64]:
        """(S/4, S/4) how many pixels have each cell as the middle of those they read."""
        return np.outer(self._rows.pixels_of_cell, self._columns.pixels_of_cell)


def bound(strict: npt.NDArray[np.float64], loose: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """(N,) upper bounds of the stability: at most `strict` pixels are above the one level, at least `loose` above the
    other.
    """
    unbounded = (loose == 0) & (strict > 0)
    return np.where(unbounded, 1, np.minimum(stability.ratio(strict, loose), 1)).astype(np.float32)
