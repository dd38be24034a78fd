"""Prompt values of one image, checked once at the door: points, labels, box and mask prompt in the image frame.

Plain numpy; the predictor and everything that replays clicks share these rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from engine.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Prompt", "PromptArguments", "make_prompt"]


class PromptArguments(TypedDict, total=False):
    """One prompt as a mapping: the arguments of `Predictor.predict` by name, where they are explained."""

    points: ArrayLike | None
    labels: ArrayLike | None
    box: ArrayLike | None
    mask_input: ArrayLike | None
    mask: NDArray[Any] | Mapping[str, Any] | None
    image: int
    multimask: bool


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A checked prompt.

    points: (P, 2) float64 image-frame (x, y), P may be 0. labels: (P,) int64, 1 foreground, 0 background.
    box: (4,) float64 xyxy or None. mask_input: (4G, 4G) float32 low_res logits or None.
    """

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    box: NDArray[np.float64] | None
    mask_input: NDArray[np.float32] | None


def make_prompt(
    original_size: tuple[int, int],
    low_res_size: int,
    *,
    points: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    box: ArrayLike | None = None,
    mask_input: ArrayLike | None = None,
) -> Prompt:
    """Check a prompt against its image.

    Args:
        original_size: (h, w) of the image; coordinates run from 0 to w and from 0 to h.
        low_res_size: side of the decoder's grid, which `mask_input` must have.
        points: (P, 2) image-frame (x, y). labels: (P,) 1 or 0. box: (4,) xyxy.
        mask_input: (4G, 4G) or (1, 4G, 4G) logits of an earlier prediction.

    Raises:
        PromptError: nothing prompted, coordinates outside the image or not finite, labels other than 0 and 1, an
            empty box, a mask of another size. The message names the value.
    """
    clicks, kinds = _points(points, labels, original_size)
    corners = None if box is None else _box(box, original_size)
    logits = None if mask_input is None else _logits(mask_input, low_res_size)
    if not len(clicks) and corners is None and logits is None:
        raise PromptError("Nothing was prompted; pass at least one point, a box or a mask.")
    return Prompt(points=clicks, labels=kinds, box=corners, mask_input=logits)


def _points(
    points: ArrayLike | None, labels: ArrayLike | None, size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if (points is None) != (labels is None):
        given, absent = ("labels", "points") if points is None else ("points", "labels")
        raise PromptError(f"{given} were given without {absent}; pass one label (1 or 0) for every point.")
    if points is None:
        return np.zeros((0, 2)), np.zeros(0, dtype=np.int64)
    clicks, kinds = _numbers(points, "points"), _numbers(labels, "labels")
    if clicks.size == 0:
        clicks = clicks.reshape(0, 2)
    if clicks.ndim != 2 or clicks.shape[1] != 2:
        raise PromptError(f"points must have shape (P, 2), one (x, y) per row, got {clicks.shape}.")
    if kinds.shape != (len(clicks),):
        raise PromptError(
            f"There are {len(clicks)} points but labels of shape {kinds.shape}; pass one label per point."
        )
    wrong = kinds[(kinds != 0) & (kinds != 1)]
    if wrong.size:
        raise PromptError(f"A label must be 1 (foreground) or 0 (background), got {wrong[0]:g}.")
    _inside(clicks, size, "Point")
    return clicks, kinds.astype(np.int64)


def _box(box: ArrayLike, size: tuple[int, int]) -> NDArray[np.float64]:
    corners = _numbers(box, "box")
    if corners.size != 4:
        raise PromptError(f"A box must be four numbers (x0, y0, x1, y1), got shape {corners.shape}.")
    corners = corners.reshape(4)
    x0, y0, x1, y1 = corners
    if x1 <= x0 or y1 <= y0:
        raise PromptError(
            f"The box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) is empty; it must be (x0, y0, x1, y1) with x1 > x0 and y1 > y0."
        )
    _inside(corners.reshape(2, 2), size, "Box corner")
    return corners


def _logits(mask_input: ArrayLike, low_res_size: int) -> NDArray[np.float32]:
    logits = _numbers(mask_input, "mask_input").astype(np.float32)
    if logits.ndim == 3 and logits.shape[0] == 1:
        logits = logits[0]
    if logits.shape != (low_res_size, low_res_size):
        raise PromptError(
            f"mask_input must have shape ({low_res_size}, {low_res_size}), got {logits.shape}; "
            "pass one of the low_res_logits of an earlier prediction of this model, or a finished mask as `mask`."
        )
    return logits


def _numbers(values: ArrayLike | None, what: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PromptError(f"{what} must be numbers in a regular array: {error}.") from error
    if not np.isfinite(array).all():
        raise PromptError(f"{what} must be finite numbers, got NaN or infinity.")
    return array


def _inside(points: NDArray[np.float64], size: tuple[int, int], what: str) -> None:
    height, width = size
    outside = points[((points < 0) | (points > (width, height))).any(axis=1)]
    if len(outside):
        x, y = outside[0]
        raise PromptError(f"{what} ({x:g}, {y:g}) lies outside the image, which is {width} wide and {height} high.")
