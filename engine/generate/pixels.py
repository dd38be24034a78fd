"""The filters on a mask's own pixels: how stable it is, how large, whether its crop cuts it off; and its RLE.

Two ways to the same masks. On a CPU, one mask after the other, and only the pixels along its edge. On a GPU, whole
images of many masks at once. What is left of either are a few numbers of each mask and its low_res logits, until it is
known which masks are suppressed. Only the others are drawn and become RLEs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from engine.generate.candidate import Candidate, Sketch
from engine.generate.upsample import Upsampler, bound, one_thread
from engine.geometry import MASK_LOGIT_THRESH, Frame
from engine.masks import boxes, stability
from engine.masks import rle as rle_ops

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from engine.generate.crops import Crop
    from engine.generate.settings import GeneratorSettings

PIXELS_AT_ONCE = 2**26  # on a GPU, of all masks that are drawn together: 256 MiB of logits
HELD_ON_CPU = 2**27  # bytes of logits that wait for suppression; what comes behind them becomes RLEs at once

Numbers = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Edges = tuple[rle_ops.Runs, rle_ops.Runs]


class PixelFilter:
    """The filters of one crop.

    Args:
        settings: the thresholds.
        frame: how the crop sits in the model's square.
        crop: where it is in the image.
        size: the image's (h, w).
        device: where the answers will be.
    """

    def __init__(
        self, settings: GeneratorSettings, frame: Frame, crop: Crop, size: tuple[int, int], device: torch.device
    ) -> None:
        self._settings, self._crop, self._size = settings, crop, size
        part, most = settings.max_mask_fraction, settings.max_area
        limits = [part * size[0] * size[1]] if part is not None else []
        limits += [most + 1] if most is not None else []  # of whole pixels
        self._too_large = min(limits, default=float("inf"))
        self._upsampler = _upsampler(frame, settings.logit_offset)
        self._held = 0
        self._on_device = None if device.type == "cpu" else _device_upsampler(frame, settings.logit_offset, device)

    def survivors(self, low_res: Tensor, iou: Numbers, points: Points) -> Sequence[Candidate | Sketch]:
        """Of low_res logits (K, *window) as the crop's frame has it, IoU (K,), points (K, 2): what passes."""
        if not len(low_res):
            return []
        if self._on_device is not None:
            return list(self._sketches(self._on_device, low_res, iou, points))
        sketches = list(self._sketches(self._upsampler, low_res.float().numpy(), iou, points))
        self._held += sum(sketch.low_res.nbytes for sketch in sketches)
        return sketches if self._held < HELD_ON_CPU else self.written(sketches)

    def written(self, found: Sequence[Candidate | Sketch]) -> list[Candidate]:
        """The survivors that are still wanted, with their masks, in their order."""
        sketches = [each for each in found if isinstance(each, Sketch)]
        drawn = self._drawn_here(sketches) if self._on_device is None else self._drawn_there(self._on_device, sketches)
        written = []
        for each in found:
            if isinstance(each, Candidate):
                written.append(each)
                continue
            column, row = next(drawn)
            if len(column):  # summed up in another order, a pixel at the very level can be lost
                written.append(self._candidate(each, column, row))
        return written

    def _sketches(
        self, upsampler: Upsampler | DeviceUpsampler, low_res: Any, iou: Numbers, points: Points
    ) -> Iterator[Sketch]:
        thresh = self._settings.stability_score_thresh
        x0, y0, _, _ = self._crop.box
        stable = np.flatnonzero(upsampler.stability_bound(low_res) >= thresh)
        if not len(stable):
            return
        low_res = _those(low_res, stable)
        strict, areas, loose, *sides = upsampler.numbers(low_res)
        scores = stability.ratio(strict, loose)
        corners = np.stack(sides, axis=1) + np.array((x0, y0) * 2)
        passes = (scores.astype(np.float64) >= thresh) & (areas > 0) & (areas < self._too_large)
        passed = np.flatnonzero(passes & ~boxes.near_crop_edge(corners, self._crop.box, self._size))
        if not len(passed):
            return
        kept = _those(low_res, passed)  # a copy: it lives until all points are asked
        for logits, at in zip(kept, passed, strict=True):
            left, top, right, bottom = (int(side) for side in corners[at])
            point = points[stable[at]]
            yield Sketch(
                low_res=logits,
                box=(left, top, right, bottom),
                predicted_iou=float(iou[stable[at]]),
                stability=float(scores[at]),
                point=(float(point[0]), float(point[1])),
            )

    def _drawn_here(self, sketches: Sequence[Sketch]) -> Iterator[Edges]:
        """The edges of each mask, in the crop's frame."""
        with one_thread():
            for sketch in sketches:
                window = self._upsampler.window(sketch.low_res)
                column, row = rle_ops.edges(window.logits > MASK_LOGIT_THRESH)
                yield column + window.corner[0], row + window.corner[1]

    def _drawn_there(self, upsampler: DeviceUpsampler, sketches: Sequence[Sketch]) -> Iterator[Edges]:
        for start in range(0, len(sketches), upsampler.masks_at_once):
            some = sketches[start : start + upsampler.masks_at_once]
            yield from edges(upsampler.masks(torch.stack([sketch.low_res for sketch in some])))

    def _candidate(self, sketch: Sketch, column: rle_ops.Runs, row: rle_ops.Runs) -> Candidate:
        x0, y0, _, _ = self._crop.box
        left, right = int(column[0]), int(column[-1])
        top, bottom = int(row[0::2].min()), int(row[1::2].max()) - 1
        return Candidate(
            rle=rle_ops.encode_edges(column, row, (x0, y0), self._size),
            area=int((row[1::2] - row[0::2]).sum()),
            box=(left + x0, top + y0, right + x0, bottom + y0),
            predicted_iou=sketch.predicted_iou,
            stability=sketch.stability,
            point=(sketch.point[0] + x0, sketch.point[1] + y0),
            crop=self._crop,
        )


class DeviceUpsampler:
    """As `Upsampler`, for many masks at once on a GPU."""

    def __init__(self, frame: Frame, offset: float, device: torch.device) -> None:
        matrices = zip(frame.upsample_matrices(), frame.low_res_window, strict=True)
        rows, columns = (torch.from_numpy(matrix[:, :used].copy()).to(device) for matrix, used in matrices)
        self._rows, self._columns = rows.t().contiguous(), columns
        height, width = frame.original_size
        self.masks_at_once = max(1, PIXELS_AT_ONCE // (height * width))
        weights = _upsampler(frame, offset).pixels_of_cells()
        self._pixels_of_cells = torch.from_numpy(weights).to(device)
        self._offset = offset

    @torch.inference_mode()
    def stability_bound(self, low_res: Tensor) -> Numbers:
        """(N,) no mask of low_res (N, *window) can be more stable in the image than this."""
        low_res = low_res.float()
        most = functional.max_pool2d(low_res[:, None], 3, 1, 1)[:, 0] > MASK_LOGIT_THRESH + self._offset
        least = -functional.max_pool2d(-low_res[:, None], 3, 1, 1)[:, 0] > MASK_LOGIT_THRESH - self._offset
        counts = torch.stack([(each * self._pixels_of_cells).sum(dim=(1, 2)) for each in (most, least)])
        strict, loose = counts.cpu().numpy()
        return bound(strict, loose)

    def numbers(self, low_res: Tensor) -> npt.NDArray[np.int64]:
        """(7, N) of low_res (N, *window): how many pixels lie above the stability's stricter threshold, in the mask,
        above the looser threshold; and the mask's box xyxy, which means nothing where the mask is empty.
        """
        # All of it is ordered before the first answer is waited for.
        return (
            torch.cat([self._numbers(some) for some in torch.split(low_res, self.masks_at_once)], dim=1).cpu().numpy()
        )

    @torch.inference_mode()
    def masks(self, low_res: Tensor) -> Tensor:
        """low_res (N, *window) -> masks (N, w, h), column by column as an RLE wants them."""
        return self._logits(low_res) > MASK_LOGIT_THRESH

    @torch.inference_mode()
    def _numbers(self, low_res: Tensor) -> Tensor:
        logits = self._logits(low_res)
        strict, loose = (
            (logits > level).sum(dim=(1, 2))
            for level in (MASK_LOGIT_THRESH + self._offset, MASK_LOGIT_THRESH - self._offset)
        )
        mask = logits > MASK_LOGIT_THRESH
        in_columns = mask.sum(dim=2)
        left, right = _ends(in_columns > 0)
        top, bottom = _ends(mask.any(dim=1))
        return torch.stack([strict, in_columns.sum(dim=1), loose, left, top, right, bottom])

    def _logits(self, low_res: Tensor) -> Tensor:
        return torch.matmul(torch.matmul(self._columns, low_res.float().transpose(1, 2)), self._rows)


# Images often come in one size; on a GPU, making these again would take longer than many of their masks.
_upsampler = lru_cache(maxsize=2)(Upsampler)
_device_upsampler = lru_cache(maxsize=2)(DeviceUpsampler)


def _those(low_res: Any, places: npt.NDArray[np.int64]) -> Any:
    """Some of many logits, on the host or where they are."""
    return low_res[places if isinstance(low_res, np.ndarray) else to_device(places, low_res.device)]


def to_device(index: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    """Not waited for: a copy that waits would wait for everything the device still has to do."""
    return torch.from_numpy(index).to(device, non_blocking=True)


def _ends(marked: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last place marked in each row of (N, L) bool."""
    places = torch.arange(marked.shape[1], device=marked.device)
    return torch.where(marked, places, marked.shape[1]).amin(dim=1), torch.where(marked, places, -1).amax(dim=1)


@torch.inference_mode()
def edges(masks: Tensor) -> list[Edges]:
    """Of masks (N, w, h), column by column: the column and the row of each edge, as `rle.encode_edges` takes them."""
    # Zeros above and below let no run go on from one column to the next.
    padded = functional.pad(masks, (1, 1))
    changes = padded[..., 1:] != padded[..., :-1]
    _, columns, rows = changes.shape
    places = changes.flatten().nonzero()[:, 0].cpu().numpy()
    parts = np.split(places, np.searchsorted(places, np.arange(1, len(masks)) * columns * rows))
    return [np.divmod(part % (columns * rows), rows) for part in parts]
