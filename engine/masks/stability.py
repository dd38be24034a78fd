"""Stability: how little a mask changes when its threshold moves. The one definition used everywhere.

A mask is stable if raising and lowering the threshold gives nearly the same mask: IoU(prob > 0.5 + delta, prob > 0.5
- delta). The stricter mask lies inside the looser one, so this IoU is the quotient of their pixel counts. In logits
the threshold moves by log((0.5 + delta) / (0.5 - delta)): delta 0.3 is 1.386; the released code and the paper
(section B) move it by 1, which is delta 0.231.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import EngineError

DEFAULT_DELTA = 0.3


def logit_offset(*, delta: float | None = None, offset: float | None = None) -> float:
    """The threshold's move in logits, from `delta` (probability, 0 < delta < 0.5) or `offset` (logits, > 0), not both.

    Without either, delta = 0.3.
    """
    if delta is not None and offset is not None:
        raise EngineError("Give the stability's delta (in probabilities) or its offset (in logits), not both.")
    if offset is not None:
        if not (math.isfinite(offset) and offset > 0):
            raise EngineError(f"The stability offset must be a logit above 0, not {offset}.")
        return float(offset)
    delta = DEFAULT_DELTA if delta is None else delta
    if not 0 < delta < 0.5:
        raise EngineError(f"The stability delta must lie between 0 and 0.5, not {delta}.")
    return math.log((0.5 + delta) / (0.5 - delta))


def stability_score(
    logits: Any, *, delta: float | None = None, offset: float | None = None, threshold: float = 0.0
) -> npt.NDArray[np.float32]:
    """Stability (...) of mask logits (..., H, W), 0 where even the looser mask is empty.

    `logits` is a numpy array, or any array type with comparison and `.sum(axis=)` (a torch tensor on any device:
    counted where it lies, only the counts come back).
    """
    move = logit_offset(delta=delta, offset=offset)
    strict = _host((logits > threshold + move).sum(axis=(-2, -1)))
    loose = _host((logits > threshold - move).sum(axis=(-2, -1)))
    return ratio(strict, loose)


def ratio(strict: npt.NDArray[np.generic], loose: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """IoU of nested masks from their pixel counts (...), 0 where the looser one is empty."""
    above, below = strict.astype(np.float64), loose.astype(np.float64)
    score = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return score.astype(np.float32)


def _host(counts: Any) -> npt.NDArray[np.generic]:
    return np.asarray(counts.cpu() if hasattr(counts, "cpu") else counts)
