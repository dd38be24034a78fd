"""A program that trains a tiny model: what the tests start alone or several times, stop and kill.

Arguments: the run's folder, and a JSON object of changes to `run_settings`; with `"stop": true` the last process asks
to stop once a checkpoint exists. Prints a line a step; leaves each process's outcome in FOLDER/rankN.pt.
"""

import json
import sys
from pathlib import Path

import torch

from engine.model.config import ModelConfig
from engine.model.sam import Sam, build_model
from engine.train.augment import AugmentSettings
from engine.train.batches import BatchSize, ImageBatches
from engine.train.data import sample_from_masks
from engine.train.interaction import InteractionSettings
from engine.train.loop import Phase, TrainSettings, train
from engine.train.processes import join
from engine.train.scenes import make_scene
from tests.factories.sizes import TINY_ENCODER


def run_settings(**changes: object) -> TrainSettings:
    """Batches of five images, so that two processes have unequal parts."""
    interaction = InteractionSettings(length_weights=(1.0, 1.0, 1.0))
    phases = (Phase(until=1.0, batch=BatchSize(32, 5, 2), interaction=interaction),)
    values = {"max_steps": 5, "bf16": False, "phases": phases, "warmup_steps": 2, "checkpoint_every_s": 1e9}
    return TrainSettings(**(values | changes))


def new_model(seed: int = 0) -> Sam:
    """A tiny model of its own; the same seed gives the same weights."""
    sizes = {"prompt_dim": 32, "transformer_heads": 4, "transformer_mlp_dim": 48, "iou_head_hidden_dim": 32}
    return build_model(ModelConfig(name="tiny", image_size=64, encoder=TINY_ENCODER, **sizes), seed=seed)


def batches() -> ImageBatches:
    """Crops of a few generated scenes."""
    samples = [sample_from_masks(f"scene-{seed}", *make_scene(seed, (96, 128))) for seed in range(6)]
    return ImageBatches(samples, frame=64, patch_size=16, augment=AugmentSettings())


def main() -> None:
    out, changes = Path(sys.argv[1]), json.loads(sys.argv[2])
    stop = changes.pop("stop", False)
    torch.set_num_threads(1)
    with join(torch.device("cpu")) as processes:
        result = train(
            run_settings(**changes),
            new_model(),
            batches(),
            out,
            lambda done, _total, _figures: print(done, flush=True),
            lambda: stop and processes.rank == processes.count - 1 and (out / "last.pt").exists(),
            processes,
        )
        facts = {"steps": result.steps, "finished": result.finished, "figures": result.figures}
        torch.save({"facts": facts, "weights": result.model.state_dict()}, out / f"rank{processes.rank}.pt")


if __name__ == "__main__":
    main()
