"""What a decoder round trains on: images as their cached embeddings with the masks drawn on them, in batches.

Embeddings are made once per image and encoder, here or by the platform, and read from their files when they are drawn.
Pixels in batches are in `engine.train.batches`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pycocotools import mask as coco_mask

from engine.errors import TrainingError
from engine.geometry import Frame
from engine.masks import rle as rle_ops
from engine.model.fingerprint import encoder_sha256
from engine.predict import embedding as embedding_file
from engine.train.batches import Batch, BatchSize, ImageTargets, stack_targets
from engine.train.rendering import bare_cells, low_res_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.model.sam import Sam
    from engine.predict.embedding import EmbeddingMeta
    from engine.train.data import Box, SampleSource
    from engine.train.loop import Progress

MIN_CELLS = 0.5  # low_res cells; less than half a cell cannot be drawn
MAX_COVER = 0.9  # of the image (SAM section A)


@dataclass(frozen=True)
class RoundSample:
    """One annotated image of a decoder round: its embedding file (path or content), (h, w), and its final masks.

    `clicks`: where an annotator first clicked for each mask, (x, y) in the image frame, or None; empty: not known.
    `dropped`: boxes of proposals that were thrown away, xyxy in the image frame.
    """

    embedding: Path | bytes
    original_size: tuple[int, int]
    rles: Sequence[Mapping[str, Any]]
    clicks: Sequence[tuple[float, float] | None] = ()
    dropped: Sequence[Box] = ()


@torch.inference_mode()
def embedded(
    model: Sam,
    samples: SampleSource,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    folder: Path | None = None,
) -> list[RoundSample]:
    """Images as a decoder round of `model` takes them, their embeddings in files of `folder` or, without one, in
    memory; only the first of them if it is asked to stop.
    """
    encoder = encoder_sha256(model)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    made: list[RoundSample] = []
    for index in range(len(samples)):
        if should_stop is not None and should_stop():
            break
        if progress is not None:
            progress(index, len(samples), {"embedded": float(index)})
        sample = samples[index]
        meta = embedding_file.EmbeddingMeta(
            encoder_sha256=encoder,
            image_sha256="0" * 64,
            image_size=model.config.image_size,
            original_size=sample.size,
        )
        values = model.embed(model.preprocess([sample.image]))[0].float().cpu().numpy()
        content = embedding_file.encode(values, meta)
        path = None if folder is None else folder / f"{index}.safetensors"
        if path is not None:
            path.write_bytes(content)
        made.append(RoundSample(path or content, sample.size, sample.rles, dropped=sample.dropped))
    return made


class EmbeddingBatches:
    """Batches of whole images whose embeddings are in files, read when they are drawn: memory holds only the content
    that was given as bytes. Targets are made once and kept as bytes. No image is decoded. The last `num_replayed`
    images of a batch are from `replay`.
    """

    def __init__(
        self,
        samples: Sequence[RoundSample],
        encoder: str,
        image_size: int,
        *,
        replay: Sequence[RoundSample] = (),
        num_replayed: int = 0,
    ) -> None:
        self._num_replayed = num_replayed if replay else 0
        self._embeddings: list[Path | bytes] = []
        self._targets: list[NDArray[np.uint8]] = []
        self._clicks: list[NDArray[np.float32]] = []
        self._bare: list[NDArray[np.bool_] | None] = []
        self._num_new = 0
        for number, sample in enumerate([*samples, *replay]):
            targets, clicks = _targets(sample, image_size)
            if not len(targets):
                continue
            values, meta = read_embedding(sample.embedding)
            if meta.encoder_sha256 != encoder:
                raise TrainingError(
                    f"An embedding was made by encoder {meta.encoder_sha256[:12]}, but the model has {encoder[:12]}; "
                    "embed the images with this model first."
                )
            self._shape = values.shape
            self._embeddings.append(sample.embedding)
            self._targets.append(targets)
            self._clicks.append(clicks)
            self._bare.append(_bare(sample, image_size))
            self._num_new += number < len(samples)
        if not self._num_new:
            raise TrainingError("There is no mask to train on; accept masks on some embedded images first.")

    @property
    def num_masks(self) -> int:
        """Masks that can be trained on, without those replayed."""
        return sum(len(targets) for targets in self._targets[: self._num_new])

    def batch(self, seed: int, step: int, size: BatchSize, places: range | None = None) -> Batch:
        rng = np.random.default_rng([seed, step])
        num_old = min(self._num_replayed, len(self._embeddings) - self._num_new)
        chosen = rng.choice(self._num_new, min(size.num_images - num_old, self._num_new), replace=False).tolist()
        chosen += (self._num_new + rng.choice(len(self._embeddings) - self._num_new, num_old, replace=False)).tolist()
        count = len(chosen)
        places = range(count) if places is None else range(min(places.start, count), min(places.stop, count))
        targets = []
        for place in places:
            mine, bare = self._targets[chosen[place]], self._bare[chosen[place]]
            picked = np.random.default_rng([seed, step, 1 + place]).permutation(len(mine))[: size.num_masks]
            coverage = torch.from_numpy(mine[picked]).float() / 255
            cells = None if bare is None else torch.from_numpy(bare).float()
            targets.append(ImageTargets(coverage, cells, torch.from_numpy(self._clicks[chosen[place]][picked])))
        embeddings = np.zeros((len(places), *self._shape), np.float32)
        for index, place in enumerate(places):
            embeddings[index] = read_embedding(self._embeddings[chosen[place]])[0]
        return Batch(
            inputs=torch.from_numpy(embeddings),
            embedded=True,
            offset=(0, 0),
            first=places.start,
            **stack_targets(targets, self._targets[0].shape[-1]),
        )


def read_embedding(embedding: Path | bytes) -> tuple[NDArray[np.float32], EmbeddingMeta]:
    """The values (C, h, w) of an embedding file, given as its path or content, and what it says of itself."""
    return embedding_file.decode(embedding if isinstance(embedding, bytes) else embedding.read_bytes())


def _targets(sample: RoundSample, image_size: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Coverage of every usable mask as bytes (K, S/4, S/4), and the clicks they began with, (K, 2) or NaN."""
    frame = Frame(sample.original_size, image_size)
    kept, clicks = [], []
    for rle, click in zip_longest(sample.rles, sample.clicks):
        checked = rle_ops.validate(rle, *sample.original_size)
        target = low_res_target(rle_ops.decode(checked), frame.input_size, image_size)
        covered = float(target.sum())
        cells = frame.input_size[0] * frame.input_size[1] / (image_size // frame.low_res_size) ** 2
        if MIN_CELLS <= covered <= MAX_COVER * cells:
            kept.append((target * 255).round().astype(np.uint8))
            clicks.append(click or (np.nan, np.nan))
    side = frame.low_res_size
    stacked = np.stack(kept) if kept else np.zeros((0, side, side), np.uint8)
    return stacked, frame.points_to_model(np.reshape(clicks, (-1, 2)))


def _bare(sample: RoundSample, image_size: int) -> NDArray[np.bool_] | None:
    """Cells beside all masks. Where annotators left objects out some are there, but their likes teach the model better:
    what looks like them is a mask far more often than not.
    """
    frame = Frame(sample.original_size, image_size)
    union = rle_ops.decode(coco_mask.merge([rle_ops.validate(rle, *sample.original_size) for rle in sample.rles]))
    cells = bare_cells(np.logical_not(union), frame.input_size, image_size)
    return None if cells is None else cells > 0
