"""Interactive segmentation by simulated clicks (SAM sections 7.1 and D.1).

The first click is the most interior pixel of the mask, every next one the most interior pixel of the larger error
region; at the first click the model's best-ranked candidate of three counts, afterwards the single-mask answer with the
mask fed back, and a lone box is answered by the single mask too: exactly as the page uses the model. The masks are the
model's own, before the page's rule on specks (`components.without_specks`). Figures are means over masks. Clicks are
whole pixels of the image frame. Of a model with a detector, also whether that finds the masks' boxes. Knows nothing of
where samples come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import TrainingError
from engine.geometry import MASK_LOGIT_THRESH, Frame, upsample_low_res
from engine.masks import boxes as box_ops
from engine.masks.clicks import next_click
from engine.masks.metrics import iou

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from engine.model.mask_decoder import ImageFeatures
    from engine.model.sam import Sam

BoolArray = NDArray[np.bool_]

MIN_AREA = 100  # pixels; smaller masks are noise in most ground truths
NOC_IOUS = (0.85, 0.9)
NOC_CAP = 20
PROMPTS_PER_CALL = 32
CALIBRATION_BINS = 10
DETECTED_IOU, DETECTED_AMONG = 0.5, 100  # a box is found if one of the detector's best overlaps it that much


class EvaluationSample(Protocol):
    """An image with its true masks; `engine.train.data.Sample` is one."""

    @property
    def name(self) -> str: ...

    @property
    def image(self) -> NDArray[np.uint8]: ...

    def masks(self) -> BoolArray: ...


@dataclass(frozen=True)
class EmbeddedSample:
    """The same with the image already embedded: `embedding` (C, G, G) float32, `truth` bool (K, h, w)."""

    name: str
    embedding: NDArray[np.float32]
    truth: BoolArray

    def masks(self) -> BoolArray:
        """All masks, bool (K, h, w)."""
        return self.truth


@dataclass
class ImageFigures:
    """One image's values, a list entry for each mask evaluated; `num_clicks` to each of the IoUs asked for."""

    name: str
    iou_after: dict[int, list[float]]
    box_iou: list[float] = field(default_factory=list)
    num_clicks: dict[float, list[int]] = field(default_factory=dict)
    baseline_iou: list[float] = field(default_factory=list)
    predicted_after: dict[int, list[float]] = field(default_factory=dict)
    detected: list[bool] = field(default_factory=list)


@dataclass
class ClickReport:
    """Figures of one model on one set of samples, with the values of every image for paired statistics."""

    images: list[ImageFigures]
    clicks: tuple[int, ...]

    @property
    def num_masks(self) -> int:
        """Masks evaluated."""
        return sum(len(image.iou_after[self.clicks[0]]) for image in self.images)

    def miou(self, clicks: int) -> float:
        """mIoU@clicks."""
        return _mean([value for image in self.images for value in image.iou_after[clicks]])

    @property
    def box_miou(self) -> float | None:
        """mIoU from a tight box, if it was measured."""
        return _mean_or_none([value for image in self.images for value in image.box_iou])

    def noc(self, level: float) -> float | None:
        """Clicks needed for IoU `level`, counting 20 where 20 were not enough, if it was measured."""
        return _mean_or_none([float(value) for image in self.images for value in image.num_clicks.get(level, ())])

    @property
    def baseline_miou(self) -> float | None:
        """mIoU of grabCut from the same boxes, if it was measured."""
        return _mean_or_none([value for image in self.images for value in image.baseline_iou])

    @property
    def detector_recall(self) -> float | None:
        """The part of the masks whose box the detector finds among its 100 best, if the model has one."""
        return _mean_or_none([float(found) for image in self.images for found in image.detected])

    def calibration_error(self, clicks: int) -> float:
        """Expected calibration error of the predicted IoU after this many clicks; generation lives on that after 1."""
        predicted = [value for image in self.images for value in image.predicted_after[clicks]]
        true = [value for image in self.images for value in image.iou_after[clicks]]
        return expected_calibration_error(np.array(predicted), np.array(true))

    def figures(self) -> dict[str, float]:
        """The means that were measured: miou_1, ..., box_miou, noc85, ..., detector_recall, calibration_error_1."""
        values: dict[str, float | None] = {f"miou_{k}": self.miou(k) for k in self.clicks}
        levels = self.images[0].num_clicks if self.images else ()
        values |= {"box_miou": self.box_miou, **{f"noc{level * 100:.0f}": self.noc(level) for level in levels}}
        values |= {"grabcut_box_miou": self.baseline_miou, "detector_recall": self.detector_recall}
        values |= {f"calibration_error_{k}": self.calibration_error(k) for k in self.clicks}
        return {name: value for name, value in values.items() if value is not None}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the means, counts, and per-image lists."""
        return {
            **self.figures(),
            "num_images": len(self.images),
            "num_masks": self.num_masks,
            "images": [
                {
                    "name": image.name,
                    **{f"iou_{k}": values for k, values in image.iou_after.items()},
                    **{f"predicted_iou_{k}": values for k, values in image.predicted_after.items()},
                    "box_iou": image.box_iou,
                    **{f"num_clicks_{level * 100:.0f}": values for level, values in image.num_clicks.items()},
                    "grabcut_box_iou": image.baseline_iou,
                    "detected": image.detected,
                }
                for image in self.images
            ],
        }


def expected_calibration_error(predicted: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """How far predicted IoUs are from true ones where it counts (Guo et al. 2017): (N,) each, 0 if N is 0.

    Predictions are clipped to 0..1 and put into ten bins of equal width; the error is the mean over answers of the
    difference of their bin's means.
    """
    clipped = np.clip(predicted, 0.0, 1.0)
    bins = np.minimum((clipped * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=clipped - true, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / max(1, len(clipped)))


def evaluate(
    model: Sam,
    samples: Sequence[EvaluationSample | EmbeddedSample],
    clicks: Sequence[int] = (1, 5),
    *,
    box: bool = True,
    noc: Sequence[float] = NOC_IOUS,
    grabcut: bool = False,
    min_area: int = MIN_AREA,
    progress: Callable[[int, int], None] | None = None,
) -> ClickReport:
    """Measure `model`.

    Args:
        samples: images, or embeddings made by this very model's encoder, with their true masks.
        clicks: numbers of clicks after which the mean IoU is wanted.
        box: also measure the answer to a tight box.
        noc: also click on, up to 20 times, until each of these IoUs (NoC@85 and NoC@90, as interactive segmentation
            is usually measured); none leaves it out.
        grabcut: also measure cv2.grabCut from the same box (needs images, not embeddings).
        min_area: masks below this many pixels are left out.

    Raises:
        TrainingError: there is no mask to measure on.
    """
    wanted = tuple(sorted(set(clicks)))
    if not wanted or wanted[0] < 1:
        raise TrainingError("Ask for at least one number of clicks, each 1 or more.")
    model.eval()
    report = ClickReport([], wanted)
    for number, sample in enumerate(samples):
        truth = np.array([mask for mask in sample.masks() if int(mask.sum()) >= min_area])
        if len(truth):
            report.images.append(_evaluate_image(model, sample, truth, wanted, box=box, noc=noc, grabcut=grabcut))
        if progress is not None:
            progress(number + 1, len(samples))
    if not report.images:
        raise TrainingError(f"There is no mask of at least {min_area} pixels to evaluate on.")
    return report


@torch.inference_mode()
def _evaluate_image(
    model: Sam,
    sample: EvaluationSample | EmbeddedSample,
    truth: BoolArray,
    clicks: tuple[int, ...],
    *,
    box: bool,
    noc: Sequence[float],
    grabcut: bool,
) -> ImageFigures:
    frame = Frame((truth.shape[1], truth.shape[2]), model.config.image_size)
    if isinstance(sample, EmbeddedSample):
        embedding = torch.from_numpy(sample.embedding)[None].to(model.device)
    else:
        embedding = model.embed(model.preprocess([sample.image]))
    features = model.prepare(embedding)
    answers = _Answers(model, features, frame)
    figures = ImageFigures(sample.name, {k: [0.0] * len(truth) for k in clicks})
    figures.predicted_after = {k: [0.0] * len(truth) for k in clicks}
    if box:
        figures.box_iou = _box_ious(answers, truth)
    if model.detector is not None:
        found = model.detector.detect(embedding, frame.input_size, max_boxes=DETECTED_AMONG).boxes
        wanted = frame.boxes_to_model([(*_box(mask)[:2], *(side + 1 for side in _box(mask)[2:])) for mask in truth])
        figures.detected = [bool((row >= DETECTED_IOU).any()) for row in box_ops.pairwise_iou(wanted, found)]
    if grabcut and not isinstance(sample, EmbeddedSample):
        from engine.evaluate.grabcut import grabcut_from_box

        figures.baseline_iou = [iou(grabcut_from_box(sample.image, _box(mask)), mask) for mask in truth]
    figures.num_clicks = {level: [NOC_CAP] * len(truth) for level in noc}
    _click_through(answers, truth, figures, NOC_CAP if noc else clicks[-1])
    return figures


class _Answers:
    """The decoder's answers about one image, in the image frame."""

    def __init__(self, model: Sam, features: ImageFeatures, frame: Frame) -> None:
        self._model = model
        self._features = features
        self._frame = frame

    def ask(
        self, points: NDArray[np.float64], labels: NDArray[np.int64], masks: Tensor | None, *, candidates: bool
    ) -> tuple[BoolArray, Tensor, list[float]]:
        """Prompts (N, P, 2) in the image frame -> masks bool (N, h, w), their low_res logits (N, 1, 4G, 4G) and
        predicted IoUs (N,).

        `candidates` picks the candidate of highest predicted IoU, otherwise the single mask answers. Labels 2 and 3 are
        box corners; prompts without a box get the padding point.
        """
        answers, kept = [], []
        ious: list[float] = []
        for start in range(0, len(points), PROMPTS_PER_CALL):
            part = slice(start, start + PROMPTS_PER_CALL)
            model_points = self._frame.points_to_model(points[part].reshape(-1, 2)).reshape(points[part].shape)
            logits, predicted = self._model.decode(
                self._features,
                torch.from_numpy(model_points.astype(np.float32)).to(self._model.device),
                torch.from_numpy(labels[part]).to(self._model.device),
                masks=None if masks is None else masks[part],
                pad=not bool((labels == 2).any()),
            )
            best = 1 + predicted[:, 1:].argmax(dim=1) if candidates else torch.zeros_like(predicted[:, 0]).long()
            chosen = logits.take_along_dim(best[:, None, None, None], dim=1)
            kept.append(chosen)
            ious += predicted.take_along_dim(best[:, None], dim=1)[:, 0].tolist()
            answers.append(upsample_low_res(chosen[:, 0].cpu().numpy(), self._frame) > MASK_LOGIT_THRESH)
        return np.concatenate(answers), torch.cat(kept), ious


def _box_ious(answers: _Answers, truth: BoolArray) -> list[float]:
    corners = np.array([_box(mask) for mask in truth], dtype=np.float64).reshape(-1, 2, 2)
    labels = np.tile(np.array([2, 3]), (len(truth), 1))
    masks, _, _ = answers.ask(corners, labels, None, candidates=False)
    return [iou(mask, true) for mask, true in zip(masks, truth, strict=True)]


def _click_through(answers: _Answers, truth: BoolArray, figures: ImageFigures, limit: int) -> None:
    """Click on every mask until nothing more is to be learnt, all masks of the image in step."""
    count, last = len(truth), max(figures.iou_after)
    masks = np.zeros_like(truth)
    points, labels = np.zeros((count, 0, 2)), np.zeros((count, 0), np.int64)
    logits: Tensor | None = None
    best = np.zeros(count)
    levels = figures.num_clicks
    active = np.arange(count)
    for click in range(1, limit + 1):
        placed = np.array([next_click(masks[i], truth[i]) for i in active])
        points = np.concatenate([points, placed[:, None, :2].astype(np.float64)], axis=1)
        labels = np.concatenate([labels, placed[:, 2:]], axis=1)
        masks_now, logits, predicted = answers.ask(points, labels, logits, candidates=click == 1)
        masks[active] = masks_now
        for place, index in enumerate(active):
            value = iou(masks[index], truth[index])
            if click in figures.iou_after:
                figures.iou_after[click][index] = value
                figures.predicted_after[click][index] = predicted[place]
            for level, needed in levels.items():
                if best[index] < level <= value:
                    needed[index] = click
            best[index] = max(best[index], value)
        # A mask is done when all wanted numbers of clicks are behind it and so are all IoUs wanted.
        keep = np.array([click < last or best[i] < max(levels, default=0.0) for i in active])
        if not keep.any():
            break
        active, points, labels = active[keep], points[keep], labels[keep]
        logits = logits[torch.from_numpy(keep).to(logits.device)]


def _box(mask: BoolArray) -> tuple[int, int, int, int]:
    """Tight xyxy box, inclusive pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _mean_or_none(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
