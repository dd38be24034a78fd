"""Make predicted IoU mean what it says on images that were not trained on.

The IoU head learns on training images, whose masks it draws better than those of other images: what it predicts there
is too high, or too timid. After training, a straight line is fitted from predicted to true IoU on held-out images, one
for the candidates after a first click and one for the single mask after further ones, and put into the head's last
layer: the model computes the same with other numbers (as Platt 1999 does for classifiers). All candidates share a
line, so that their order stays.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import nn

from engine.errors import TrainingError
from engine.evaluate.clicks import ClickReport, evaluate, expected_calibration_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from engine.evaluate.clicks import EvaluationSample, ImageFigures
    from engine.model.sam import Sam

__all__ = ["Calibration", "Line", "calibrate"]

LATER = (2, 3, 5)  # clicks after which the single mask is looked at
MIN_MASKS = 10  # in each half of the images, for the cross-validation
SLOPES = (0.3, 3.0)  # a line beyond them says that there is nothing to fit


@dataclass(frozen=True)
class Line:
    """true = slope * predicted + shift."""

    slope: float
    shift: float

    def __call__(self, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.slope * predicted + self.shift


@dataclass(frozen=True)
class Calibration:
    """The lines and the expected calibration errors: as the model was, and cross-validated (each half of the images
    with the lines of the other half), after one click and after the later ones.
    """

    candidates: Line
    single: Line
    before: tuple[float, float]
    after: tuple[float, float]


def calibrate(
    model: Sam,
    samples: Sequence[EvaluationSample],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Sam, Calibration]:
    """A copy of `model` whose predicted IoUs fit `samples`, and what that changed.

    Raises:
        TrainingError: there are too few masks, or predicted and true IoU have little to do with each other.
    """
    # Filters read it of masks that are not held to their prompts (`engine.generate`), so it is fitted to such masks.
    network = copy.copy(model)
    network.config = replace(model.config, constrained=False)
    report = evaluate(network, samples, clicks=(1, *LATER), box=False, noc=(), progress=progress)
    halves = [report.images[0::2], report.images[1::2]]
    counts = [sum(len(image.iou_after[1]) for image in half) for half in halves]
    if min(counts) < MIN_MASKS:
        raise TrainingError(
            f"Calibration needs {MIN_MASKS} masks in each half of the images, here are {counts[0]} and {counts[1]}; "
            "give more held-out images."
        )
    lines, before, after = [], [], []
    for clicks in ((1,), LATER):
        predicted, true = _pairs(report.images, clicks)
        lines.append(_checked(_fit(predicted, true), predicted))
        before.append(expected_calibration_error(predicted, true))
        crossed = [
            (_fit(*_pairs(other, clicks)), _pairs(half, clicks))
            for half, other in zip(halves, halves[::-1], strict=True)
        ]
        fitted = np.concatenate([line(pairs[0]) for line, pairs in crossed])
        after.append(expected_calibration_error(fitted, np.concatenate([pairs[1] for _, pairs in crossed])))
    calibrated = copy.deepcopy(model)
    _apply(calibrated, single=lines[1], candidates=lines[0])
    return calibrated, Calibration(lines[0], lines[1], (before[0], before[1]), (after[0], after[1]))


def _pairs(images: Sequence[ImageFigures], clicks: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predicted and true IoUs after any of these numbers of clicks."""
    report = ClickReport(list(images), tuple(clicks))
    predicted = [value for image in report.images for count in clicks for value in image.predicted_after[count]]
    true = [value for image in report.images for count in clicks for value in image.iou_after[count]]
    return np.array(predicted), np.array(true)


def _fit(predicted: NDArray[np.float64], true: NDArray[np.float64]) -> Line:
    """The least-squares line; through the mean alone where all predictions are the same."""
    if np.ptp(predicted) == 0:
        return Line(0.0, float(true.mean()))
    slope, shift = np.polyfit(predicted, true, 1)
    return Line(float(slope), float(shift))


def _checked(line: Line, predicted: NDArray[np.float64]) -> Line:
    if np.ptp(predicted) == 0:
        raise TrainingError("The model predicts the same IoU for every mask; train it before it is calibrated.")
    if not SLOPES[0] <= line.slope <= SLOPES[1]:
        raise TrainingError(
            f"True IoU follows the predicted one with a slope of {line.slope:.2f}: there is nothing to calibrate. "
            "Train the model further, or give more held-out images."
        )
    return line


@torch.no_grad()
def _apply(model: Sam, *, single: Line, candidates: Line) -> None:
    last = cast("nn.Linear", model.mask_decoder.iou_prediction_head.layers[-1])
    lines = [single] + [candidates] * (last.out_features - 1)
    slopes = torch.tensor([line.slope for line in lines], device=last.weight.device)
    shifts = torch.tensor([line.shift for line in lines], device=last.weight.device)
    last.weight.mul_(slopes[:, None])
    last.bias.mul_(slopes).add_(shifts)
