"""Batches of cached embeddings."""

from dataclasses import replace

import torch

from engine.model.fingerprint import encoder_sha256
from engine.model.sam import Sam
from engine.train.batches import BatchSize, part_of
from engine.train.data import Sample
from engine.train.embedding_batches import EmbeddingBatches
from tests.engine.train.conftest import round_samples


def test_processes_share_a_batch_of_embeddings(tiny_conv_model: Sam, scenes: list[Sample]) -> None:
    samples = round_samples(tiny_conv_model, scenes)
    source = EmbeddingBatches(samples, encoder_sha256(tiny_conv_model), 64)
    size = BatchSize(64, 4, 3)
    whole = source.batch(1, 2, size)
    assert whole.inputs.shape[0] == 4
    parts = [source.batch(1, 2, size, places) for places in part_of(4, 3)]
    assert torch.equal(torch.cat([part.inputs for part in parts]), whole.inputs)
    assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)
    assert torch.equal(torch.cat([part.image_index + part.first for part in parts]), whole.image_index)
    # Fewer images than places: those beyond are left empty.
    few = EmbeddingBatches(samples[:2], encoder_sha256(tiny_conv_model), 64)
    assert [len(few.batch(1, 2, size, places).inputs) for places in part_of(4, 2)] == [2, 0]


def test_a_round_knows_where_people_clicked(tiny_conv_model: Sam, scenes: list[Sample]) -> None:
    (sample,) = round_samples(tiny_conv_model, scenes[:1])
    clicks = [(float(number), 8.0) if number % 2 else None for number in range(len(sample.rles))]
    source = EmbeddingBatches([replace(sample, clicks=clicks)], encoder_sha256(tiny_conv_model), 64)
    batch = source.batch(0, 0, BatchSize(64, 1, 100))
    scale = 64 / 128
    told = sorted(point for point in batch.clicks.tolist() if point[0] == point[0])
    assert told
    assert all(y == 8.0 * scale for _, y in told)
    assert {x for x, _ in told} <= {point[0] * scale for point in clicks if point}
    unknown = EmbeddingBatches([sample], encoder_sha256(tiny_conv_model), 64).batch(0, 0, BatchSize(64, 1, 100))
    assert bool(unknown.clicks.isnan().all())
    assert len(unknown.clicks) == len(unknown.targets)
