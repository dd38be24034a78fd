"""Small data and models for training tests."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.model.fingerprint import encoder_sha256
from engine.model.sam import Sam
from engine.predict.embedding import EmbeddingMeta, encode
from engine.train.data import Sample, sample_from_masks
from engine.train.embedding_batches import RoundSample
from engine.train.scenes import make_scene


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors gain nothing from threads, and waiting for each other costs much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def scenes() -> list[Sample]:
    """Six tiny generated scenes."""
    made = [sample_from_masks(f"scene-{seed}", *make_scene(seed, (96, 128))) for seed in range(6)]
    return [sample for sample in made if sample.rles]


@pytest.fixture
def coco_folder(tmp_path: Path) -> Path:
    """A COCO folder of two images: a polygon and an uncompressed RLE on the first, a crowd on the second too."""
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "images" / name)
    document = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 30, "height": 20},
            {"id": 2, "file_name": "b.png", "width": 30, "height": 20},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "segmentation": [[2, 2, 12, 2, 12, 10, 2, 10]], "iscrowd": 0},
            {"id": 2, "image_id": 1, "segmentation": {"size": [20, 30], "counts": [100, 40, 460]}, "iscrowd": 0},
            {"id": 3, "image_id": 2, "segmentation": [[5, 5, 15, 5, 15, 15]], "iscrowd": 0},
            {"id": 4, "image_id": 2, "segmentation": {"size": [20, 30], "counts": [0, 300, 300]}, "iscrowd": 1},
        ],
        "categories": [],
    }
    (tmp_path / "instances.json").write_text(json.dumps(document))
    return tmp_path


@torch.no_grad()
def embedding_bytes(model: Sam, sample: Sample) -> bytes:
    embedding = model.embed(model.preprocess([sample.image]))[0].numpy()
    meta = EmbeddingMeta(
        encoder_sha256=encoder_sha256(model),
        image_sha256="0" * 64,
        image_size=model.config.image_size,
        original_size=sample.size,
    )
    return encode(embedding, meta)


def round_samples(model: Sam, scenes: list[Sample]) -> list[RoundSample]:
    return [RoundSample(embedding_bytes(model, sample), sample.size, sample.rles) for sample in scenes]
