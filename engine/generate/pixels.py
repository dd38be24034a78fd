"""The filters on a mask's own pixels: how stable it is, how large, whether its crop cuts it off; and its RLE.

Two ways to the same masks. On a CPU, one mask after the other, and only the window it lies in. On a GPU, whole images
of many masks at once: what leaves it is a few numbers of each, and of those that pass the places where their runs
begin and end. No logits of an image are ever copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from engine.generate.candidate import Candidate
from engine.generate.upsample import Upsampler, bound, one_thread
from engine.geometry import MASK_LOGIT_THRESH, Frame
from engine.masks import boxes, stability
from engine.masks import rle as rle_ops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from engine.generate.crops import Crop
    from engine.generate.settings import GeneratorSettings

PIXELS_AT_ONCE = 2**26  # on a GPU, of all masks that are drawn together: 256 MiB of logits

Numbers = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]


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
        most = settings.max_mask_fraction
        self._too_large = float("inf") if most is None else most * size[0] * size[1]
        self._upsampler = Upsampler(frame, settings.logit_offset)
        self._on_device = None if device.type == "cpu" else DeviceUpsampler(frame, settings.logit_offset, device)

    def survivors(self, low_res: Tensor, iou: Numbers, points: Points) -> list[Candidate]:
        """The candidates that pass: of low_res logits (K, S/4, S/4) float32, IoU (K,), points (K, 2) of the crop."""
        if not len(low_res):
            return []
        if self._on_device is not None:
            return list(self._at_once(self._on_device, low_res, iou, points))
        with one_thread():
            return list(self._one_by_one(low_res.numpy(), iou, points))

    def _one_by_one(self, low_res: Numbers, iou: Numbers, points: Points) -> Iterator[Candidate]:
        settings = self._settings
        x0, y0, _, _ = self._crop.box
        for place in np.flatnonzero(self._upsampler.stability_bound(low_res) >= settings.stability_score_thresh):
            window = self._upsampler.window(low_res[place])
            score = float(stability.stability_score(window.logits, offset=settings.logit_offset))
            mask = window.logits > MASK_LOGIT_THRESH
            area = int(np.count_nonzero(mask))
            if not self._passes(score, area):
                continue
            corner = (window.corner[0] + x0, window.corner[1] + y0)
            box = boxes.of_masks(mask[None])[0] + np.array(corner * 2)
            if self._cut_off(box):
                continue
            rle = rle_ops.encode_window(mask, corner, self._size)
            yield self._candidate(rle, area, box, float(iou[place]), score, points[place])

    def _at_once(
        self, upsampler: DeviceUpsampler, low_res: Tensor, iou: Numbers, points: Points
    ) -> Iterator[Candidate]:
        thresh = self._settings.stability_score_thresh
        x0, y0, _, _ = self._crop.box
        stable = np.flatnonzero(upsampler.stability_bound(low_res) >= thresh)
        step = upsampler.masks_at_once
        for start in range(0, len(stable), step):
            places = stable[start : start + step]
            masks, counts = upsampler.masks(low_res[torch.from_numpy(places).to(low_res.device, non_blocking=True)])
            strict, areas, loose = counts.cpu().numpy()
            scores = stability.ratio(strict, loose)
            passed = np.flatnonzero(
                [self._passes(float(score), int(area)) for score, area in zip(scores, areas, strict=True)]
            )
            if not len(passed):
                continue
            drawn = masks[torch.from_numpy(passed).to(masks.device, non_blocking=True)]
            for at, (column, row, box) in zip(passed, edges_and_boxes(drawn), strict=True):
                shifted = box + np.array((x0, y0) * 2)
                if self._cut_off(shifted):
                    continue
                rle = rle_ops.encode_edges(column, row, (x0, y0), self._size)
                place = places[at]
                yield self._candidate(rle, int(areas[at]), shifted, float(iou[place]), float(scores[at]), points[place])

    def _passes(self, score: float, area: int) -> bool:
        return score >= self._settings.stability_score_thresh and 0 < area < self._too_large

    def _cut_off(self, box: npt.NDArray[np.int64]) -> bool:
        return bool(boxes.near_crop_edge(box[None], self._crop.box, self._size)[0])

    def _candidate(
        self,
        rle: rle_ops.Rle,
        area: int,
        box: npt.NDArray[np.int64],
        iou: float,
        score: float,
        point: npt.NDArray[np.float64],
    ) -> Candidate:
        x0, y0, _, _ = self._crop.box
        left, top, right, bottom = (int(side) for side in box)
        return Candidate(
            rle=rle,
            area=area,
            box=(left, top, right, bottom),
            predicted_iou=iou,
            stability=score,
            point=(float(point[0]) + x0, float(point[1]) + y0),
            crop=self._crop,
        )


class DeviceUpsampler:
    """As `Upsampler`, for many masks at once on a GPU."""

    def __init__(self, frame: Frame, offset: float, device: torch.device) -> None:
        rows, columns = (torch.from_numpy(matrix.copy()).to(device) for matrix in frame.upsample_matrices())
        self._rows, self._columns = rows.t().contiguous(), columns
        height, width = frame.original_size
        self.masks_at_once = max(1, PIXELS_AT_ONCE // (height * width))
        weights = Upsampler(frame, offset).pixels_of_cells()
        self._pixels_of_cells = torch.from_numpy(weights).to(device)
        self._offset = offset

    @torch.inference_mode()
    def stability_bound(self, low_res: Tensor) -> Numbers:
        """(N,) no mask of low_res (N, S/4, S/4) can be more stable in the image than this."""
        most = functional.max_pool2d(low_res[:, None], 3, 1, 1)[:, 0] > MASK_LOGIT_THRESH + self._offset
        least = -functional.max_pool2d(-low_res[:, None], 3, 1, 1)[:, 0] > MASK_LOGIT_THRESH - self._offset
        counts = torch.stack([(each * self._pixels_of_cells).sum(dim=(1, 2)) for each in (most, least)])
        strict, loose = counts.cpu().numpy()
        return bound(strict, loose)

    @torch.inference_mode()
    def masks(self, low_res: Tensor) -> tuple[Tensor, Tensor]:
        """low_res (N, S/4, S/4) -> masks (N, w, h), column by column as an RLE wants them, and pixel counts (3, N):
        above the stability's stricter threshold, in the mask, above the looser threshold.
        """
        logits = torch.matmul(torch.matmul(self._columns, low_res.transpose(1, 2)), self._rows)
        levels = (MASK_LOGIT_THRESH + self._offset, MASK_LOGIT_THRESH, MASK_LOGIT_THRESH - self._offset)
        counts = torch.stack([(logits > level).sum(dim=(1, 2)) for level in levels])
        return logits > MASK_LOGIT_THRESH, counts


@torch.inference_mode()
def edges_and_boxes(masks: Tensor) -> list[tuple[rle_ops.Runs, rle_ops.Runs, npt.NDArray[np.int64]]]:
    """Of masks (N, w, h), column by column and none of them empty: the column and the row of each edge, as
    `rle.encode_edges` takes them, and the box (4,) xyxy.
    """
    # Zeros above and below let no run go on from one column to the next.
    padded = functional.pad(masks, (1, 1))
    edges = (padded[..., 1:] != padded[..., :-1]).nonzero().cpu().numpy()
    found = []
    for each in np.split(edges, np.searchsorted(edges[:, 0], np.arange(1, len(masks)))):
        column, row = each[:, 1], each[:, 2]
        found.append((column, row, np.array([column[0], row[0::2].min(), column[-1], row[1::2].max() - 1])))
    return found
