"""Stage 2's proposals: the masks the model is sure of, shown locked before the annotator starts.

Asked about are the boxes of the model's detector, or where it has none the points of a grid, fewer than in generation.
Thresholds are higher, and duplicates are found by mask: every proposal should be worth a look, and what is not proposed
is left for the person.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from engine.errors import EngineError
from engine.generate.candidate import MaskRecord
from engine.generate.generator import MaskGenerator
from engine.generate.settings import GeneratorSettings
from engine.masks import metrics
from engine.masks import rle as rle_ops
from engine.model.sam import Sam


def propose(
    model: Sam,
    embedding: npt.NDArray[np.float32] | torch.Tensor,
    original_size: tuple[int, int],
    settings: GeneratorSettings | None = None,
    *,
    exclude: Sequence[Mapping[str, Any]] = (),
    exclude_iou_thresh: float = 0.5,
    name: str = "the image",
) -> list[MaskRecord]:
    """Confident masks of an image of (h, w) from its embedding (C, G, G), best predicted first.

    Args:
        settings: `default_settings(model)` if left out; no crop layers.
        exclude: RLEs of masks that are there already (people's); a proposal that overlaps one of them by more than
            `exclude_iou_thresh` IoU is left out. Parts and wholes of them stay: masks may nest.
        name: the image's, for error messages.
    """
    if not 0 <= exclude_iou_thresh <= 1:
        raise EngineError(f"exclude_iou_thresh must lie between 0 and 1, not {exclude_iou_thresh}.")
    height, width = original_size
    known = [rle_ops.validate(rle, height, width) for rle in exclude]
    generator = MaskGenerator(model, settings or default_settings(model))
    records = generator.generate_from_embedding(embedding, original_size, name=name)
    if records and known:
        overlaps = metrics.pairwise_rle_iou([record["segmentation"] for record in records], known).max(axis=1)
        records = [record for record, overlap in zip(records, overlaps, strict=True) if overlap <= exclude_iou_thresh]
    return sorted(records, key=lambda record: record["predicted_iou"], reverse=True)


def default_settings(model: Sam) -> GeneratorSettings:
    """How a model proposes: from its detector's boxes if it has one (benchmarks/proposals.py compares the two)."""
    return GeneratorSettings.for_model(model.config, "proposals" if model.detector is None else "detector")
