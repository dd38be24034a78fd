"""A snapshot's images with their masks, as training and measuring read them: from pixels, or from embeddings.

Only `tasks.py` imports this, since it meets torch.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.core.errors import NotFound
from backend.core.jobs import JobContext
from backend.core.storage import Storage
from backend.datasets.files import read_rgb
from backend.registry import embeddings
from backend.registry.embed_run import Picture
from backend.registry.models import EmbeddingState, ModelVersion
from backend.registry.tasks import encode_images
from backend.rounds.snapshot import Box, SnapshotImage
from engine.evaluate.clicks import EmbeddedSample
from engine.masks import rle as rles
from engine.model.sam import Sam
from engine.predict import embedding as embedding_files
from engine.train.data import KeptImages, Sample
from engine.train.embedding_batches import RoundSample

logger = logging.getLogger(__name__)

KEEP_BYTES = 2**28  # of decoded images


class Pixels(Sequence[Sample]):
    """Images with their masks, each read when its turn comes; as many as fit into KEEP_BYTES once.

    Never `complete`: people draw what they have time for, and what they left out is no background.
    """

    def __init__(self, storage: Storage, images: Sequence[SnapshotImage]) -> None:
        self._storage = storage
        self._images = images
        self._kept = KeptImages(KEEP_BYTES)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: Any) -> Any:
        image = self._images[index]
        pixels = self._kept.get(image.sha256, lambda: read_rgb(self._storage, image.sha256))
        clicks = tuple(mask.click for mask in image.masks)
        return Sample(image.image_id, pixels, tuple(_rles(image)), clicks=clicks, dropped=_corners(image.dropped))


class Embeddings:
    """Embedding files under one model version's encoder: the cached ones, else made here and kept in scratch."""

    def __init__(self, ctx: JobContext, version: ModelVersion, model: Sam) -> None:
        self._ctx = ctx
        self._version = version
        self._model = model

    def read(self, image: SnapshotImage) -> bytes:
        """An image's embedding file."""
        with self._ctx.transaction() as session:
            known = embeddings.find(session, image.sha256, self._version.encoder_sha256)
        if known is not None and known.state == EmbeddingState.READY:
            try:
                return embeddings.read(self._ctx.storage, known)
            except NotFound:
                logger.info("the embedding of image %s is gone from the storage; making it again", image.image_id)
        path = self._ctx.workdir / "embeddings" / f"{image.sha256}.safetensors"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            partial = path.with_suffix(".part")
            picture = Picture(image.sha256, read_rgb(self._ctx.storage, image.sha256))
            partial.write_bytes(encode_images(self._model, self._version, [picture])[0])
            partial.replace(path)
        return path.read_bytes()

    def to_learn_from(self, image: SnapshotImage) -> RoundSample:
        """An image as a decoder round learns from it."""
        size, clicks = (image.height, image.width), [mask.click for mask in image.masks]
        return RoundSample(self.read(image), size, _rles(image), clicks, _corners(image.dropped))


class Embedded(Sequence[EmbeddedSample]):
    """Images with their masks as measuring reads them where the encoder stays, each when its turn comes."""

    def __init__(self, files: Embeddings, images: Sequence[SnapshotImage]) -> None:
        self._files = files
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: Any) -> Any:
        image = self._images[index]
        array = embedding_files.decode(self._files.read(image))[0]
        return EmbeddedSample(image.image_id, array, np.stack([rles.decode(rle) for rle in _rles(image)]))


def _rles(image: SnapshotImage) -> list[rles.Rle]:
    return [_rle(mask.rle) for mask in image.masks]


def _rle(value: Mapping[str, Any]) -> rles.Rle:
    return {"size": list(value["size"]), "counts": str(value["counts"])}


def _corners(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """xywh -> xyxy."""
    return tuple((x, y, x + width, y + height) for x, y, width, height in boxes)
