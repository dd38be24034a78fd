"""Stage 2's proposals: the masks the model is sure of, shown locked before the annotator starts.

Asked about are the boxes of the model's detector, or where it has none the points of a grid, fewer than in generation.
Thresholds are higher, and duplicates are found by mask: every proposal should be worth a look, and what is not proposed
is left for the person. An image whose objects are small for the model is looked at in crops as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from engine.errors import EngineError
from engine.generate.candidate import MaskRecord
from engine.generate.crops import layers_for
from engine.generate.generator import Drawn, MaskGenerator
from engine.generate.settings import GeneratorSettings
from engine.masks import metrics
from engine.masks import rle as rle_ops
from engine.model.sam import Sam

MOST_LAYERS = 2  # of crops


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
        settings: `proposal_settings(model, original_size)` if left out; no crop layers.
        exclude, exclude_iou_thresh: as in `worth_a_look`.
        name: the image's, for error messages.
    """
    generator = MaskGenerator(model, settings or proposal_settings(model, original_size))
    records = generator.generate_from_embedding(embedding, original_size, name=name)
    return worth_a_look(records, original_size, exclude, exclude_iou_thresh)


def worth_a_look(
    records: Sequence[MaskRecord],
    original_size: tuple[int, int],
    exclude: Sequence[Mapping[str, Any]],
    exclude_iou_thresh: float = 0.5,
) -> list[MaskRecord]:
    """What of an image's generated masks is proposed, best predicted first.

    Of `exclude`, RLEs of masks that are there already (people's), what overlaps one by more than `exclude_iou_thresh`
    IoU is left out. Parts and wholes of them stay: masks may nest.
    """
    if not 0 <= exclude_iou_thresh <= 1:
        raise EngineError(f"exclude_iou_thresh must lie between 0 and 1, not {exclude_iou_thresh}.")
    height, width = original_size
    known = [rle_ops.validate(rle, height, width) for rle in exclude]
    if records and known:
        overlaps = metrics.pairwise_rle_iou([record["segmentation"] for record in records], known).max(axis=1)
        records = [record for record, overlap in zip(records, overlaps, strict=True) if overlap <= exclude_iou_thresh]
    return sorted(records, key=lambda record: record["predicted_iou"], reverse=True)


def proposal_settings(model: Sam, size: tuple[int, int], drawn: Drawn | None = None) -> GeneratorSettings:
    """How a model proposes on an image of (h, w): from its detector's boxes if it has one (benchmarks/proposals.py
    compares the two), in crops as well where such objects as people drew are small for it.
    """
    drawn = drawn or Drawn()
    preset = "proposals" if model.detector is None else "detector"
    settings = GeneratorSettings.for_model(model.config, preset, max_area=drawn.max_area)
    if drawn.side is None or model.detector is None:
        return settings
    return replace(settings, crop_n_layers=layers_for(size, drawn.side, model.config, least=0, most=MOST_LAYERS))
