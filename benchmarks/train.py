"""Training steps a second: a decoder round on cached embeddings beside a full round, same images, same masks.

Both sides take the same steps (images, masks, prompts, number of decoder calls) of the same seeds, in turns, as rounds
take them: a full round of a convolutional model works on crops of half the frame, so that its steps may be the faster
ones; with a ViT both see whole frames. `waiting` is the share of the time in which a step waited for its batch.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

import engine
from benchmarks.measure import options, publish
from engine.model.config import PRESETS
from engine.model.device import pick_device
from engine.model.fingerprint import encoder_sha256
from engine.model.sam import build_model
from engine.predict import embedding as embedding_file
from engine.predict.embedding import EmbeddingMeta
from engine.train.embedding_batches import RoundSample
from engine.train.rounds import RoundSettings, train_decoder_round, train_full_round
from engine.train.scenes import SceneDataset

if TYPE_CHECKING:
    from engine.model.sam import Sam

DECODER, FULL = "decoder round, cached embeddings", "full round"


class Load(NamedTuple):
    """What is measured of a model: the size of a step, the steps of a turn after one that is not counted, and turns."""

    images: int
    masks: int
    steps: int
    turns: int


USUAL = Load(RoundSettings.num_images, RoundSettings.num_masks, steps=6, turns=2)
HEAVY = Load(1, 4, steps=2, turns=1)  # half a minute a full step of ViT-B on two cores
RANDOM = ("vit_b", "vit_l", "vit_h")


def main() -> None:
    parser = options(__doc__, reference=False)
    parser.add_argument(
        "--model",
        nargs="+",
        default=["default", "vit_b"],
        help="vit_b, vit_l, vit_h (random weights), or checkpoints; default and vit_b if left out",
    )
    parser.add_argument("--shards", type=int, default=RoundSettings.shards, help="threads that share a batch")
    args = parser.parse_args()
    device = pick_device(args.device)
    rows, notes = [], []
    for name in args.model:
        load = HEAVY if name in RANDOM else USUAL
        model = build_model(PRESETS[name]) if name in RANDOM else engine.load(name)
        rows += [{"model": name, **row} for row in measured(model.to(device), load, args.shards)]
        notes.append(f"{name}: {load.images} images x {load.masks} masks a step, {args.shards} threads")
    publish("train", rows, args.out, notes=notes)


def measured(model: Sam, load: Load, shards: int) -> list[dict[str, Any]]:
    """A row for each side."""
    scenes = SceneDataset(max(load.images, 4), seed=500)
    samples = embed(model, scenes)
    settings = RoundSettings(
        minutes=None,
        checkpoint_every_s=1e9,
        num_images=load.images,
        num_masks=load.masks,
        shards=shards,
        detector=None,  # what follows a round's steps is not one of them
    )
    seconds: dict[str, list[float]] = {DECODER: [], FULL: []}
    waiting: dict[str, float] = {}
    for turn in range(load.turns):
        run = replace(settings, seed=turn, max_steps=1 + load.steps)
        for side in seconds:
            told: list[float] = []

            def note(_done: int, _total: int, figures: dict[str, float], side: str = side) -> None:
                told.append(time.perf_counter())  # noqa: B023 - called before the loop goes on
                waiting[side] = figures.get("waiting", 0.0)

            with tempfile.TemporaryDirectory() as name:
                if side == FULL:
                    train_full_round(model, scenes, run, Path(name), note)
                else:
                    train_decoder_round(model, samples, run, Path(name), note)
            seconds[side].append((told[-1] - told[0]) / load.steps)
    rows: list[dict[str, Any]] = [
        {"side": side, "steps per second": 1 / statistics.mean(times), "waiting": waiting[side]}
        for side, times in seconds.items()
    ]
    rows[0]["times as fast"] = statistics.mean(seconds[FULL]) / statistics.mean(seconds[DECODER])
    return rows


def embed(model: Sam, scenes: SceneDataset) -> list[RoundSample]:
    """The scenes as a decoder round gets them."""
    encoder = encoder_sha256(model)
    samples = []
    for scene in (scenes[index] for index in range(len(scenes))):
        with torch.inference_mode():
            values = model.embed(model.preprocess([scene.image])).cpu().numpy()[0]
        meta = EmbeddingMeta(
            encoder_sha256=encoder, image_sha256="0" * 64, image_size=model.config.image_size, original_size=scene.size
        )
        samples.append(RoundSample(embedding_file.encode(values, meta), scene.size, scene.rles))
    return samples


if __name__ == "__main__":
    main()
