"""Training steps a second: a decoder round on cached embeddings beside a full round, same images, same masks."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

import engine
from benchmarks.measure import options, publish
from engine.model.device import pick_device
from engine.model.fingerprint import encoder_sha256
from engine.predict import embedding as embedding_file
from engine.predict.embedding import EmbeddingMeta
from engine.train.rounds import RoundSample, RoundSettings, train_decoder_round, train_full_round
from engine.train.scenes import SceneDataset

NUM_IMAGES = 12


def main() -> None:
    parser = options(__doc__, reference=False)
    parser.add_argument("--steps", type=int, default=12)
    args = parser.parse_args()
    model = engine.load("default", pick_device(args.device))
    scenes = SceneDataset(NUM_IMAGES, seed=500)
    encoder = encoder_sha256(model)
    samples = []
    for index in range(len(scenes)):
        scene = scenes[index]
        with torch.inference_mode():
            values = model.embed(model.preprocess([scene.image])).cpu().numpy()[0]
        meta = EmbeddingMeta(
            encoder_sha256=encoder, image_sha256="0" * 64, image_size=model.config.image_size, original_size=scene.size
        )
        samples.append(RoundSample(embedding_file.encode(values, meta), scene.size, scene.rles))
    settings = RoundSettings(max_steps=args.steps, minutes=None, checkpoint_every_s=1e9)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for side in ("decoder round, cached embeddings", "full round"):
            started = time.perf_counter()
            # Two steps first, so that what happens once is not counted.
            for steps, folder in ((2, "warm"), (args.steps, "run")):
                started = time.perf_counter()
                run = replace(settings, max_steps=steps)
                out = Path(name) / side / folder
                if side == "full round":
                    train_full_round(model, scenes, run, out)
                else:
                    train_decoder_round(model, samples, run, out)
            rows.append({"side": side, "steps per second": args.steps / (time.perf_counter() - started)})
    rows[0]["times as fast"] = float(rows[0]["steps per second"]) / float(rows[1]["steps per second"])
    publish("train", rows, args.out, notes=[f"{settings.num_images} images x {settings.num_masks} masks a step"])


if __name__ == "__main__":
    main()
