"""The simulated annotator's decoder on a real (tiny, untrained) model: what it shows, what goes back to the model."""

import numpy as np
import pytest

from backend.registry.service import ModelFiles
from backend.simulate.decoder import Decoder, Image, Prompts
from engine.geometry import Frame, upsample_low_res
from engine.masks.components import without_specks
from engine.predict import embedding as embedding_file

SIZE = (48, 61)


@pytest.fixture
def image(tiny_files: ModelFiles) -> Image:
    decoder = Decoder("tiny", tiny_files.prepare.read_bytes(), tiny_files.decode.read_bytes())
    values = np.random.default_rng(3).normal(size=(tiny_files.embed_dim, tiny_files.grid, tiny_files.grid))
    meta = embedding_file.EmbeddingMeta(
        encoder_sha256=tiny_files.encoder_sha256,
        image_sha256="0" * 64,
        image_size=tiny_files.image_size,
        original_size=SIZE,
    )
    return decoder.open(embedding_file.encode(values, meta), SIZE)


def test_specks_are_not_shown_but_the_logits_keep_them(image: Image, tiny_files: ModelFiles) -> None:
    removed = 0
    for x, y in [(5.0, 5.0), (30.0, 20.0), (60.0, 47.0)]:
        decoded = image.predict(Prompts(points=[(x, y)], labels=[1]))
        drawn = upsample_low_res(decoded.low_res, Frame(SIZE, tiny_files.image_size)) > 0
        assert np.array_equal(decoded.mask, without_specks(drawn, [(x, y)], [1]))
        removed += int((drawn != decoded.mask).sum())
    assert removed > 0, "an untrained model's masks have specks"
