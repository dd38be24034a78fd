"""`maskloom train-detector`: teach a trained model to find boxes on its embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.running import data_names, stop_on_interrupt
from engine.console import fail_clearly, print_json, stderr, stdout

if TYPE_CHECKING:
    from engine.train.data import SampleSource

LOG_EVERY_STEPS = 100


def train_detector(
    data: Annotated[
        list[str], typer.Option("--data", help="COCO file, or a folder that holds one and its images; repeat for more.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The model with its detector, a .safetensors file.")],
    minutes: Annotated[float, typer.Option(help="Time for training, after the images are embedded.")] = 10.0,
    scenes: Annotated[int, typer.Option(help="Generated scenes to train on as well.")] = 0,
    model: Annotated[str, typer.Option(help="The model: a name, or the path of a checkpoint.")] = "default",
    images: Annotated[int, typer.Option(help="Images a step.")] = 8,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew where the model has a detector already.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Train a model's detector, which proposals in stage 2 come from. Nothing else of the model changes.

    Every image is embedded twice, once mirrored, and kept in memory: about 1.2 MB for each of the packaged model's.
    Ctrl-C during training ends it early; what was learnt until then is saved.
    """
    with fail_clearly():
        from engine.model.checkpoint import model_metadata, save_model
        from engine.model.detector import build_detector
        from engine.model.device import pick_device
        from engine.model.registry import checkpoint_path, load
        from engine.train.detector import DetectorTraining, embedded_examples
        from engine.train.detector import train_detector as run_training

        sam = load(model, pick_device(device))
        path = checkpoint_path(model)
        released: dict[str, Any] = {"metadata": {}, "dtype": "float32"}
        ours = model_metadata(path) if path.suffix == ".safetensors" else released
        settings = DetectorTraining(seed=seed, minutes=minutes, num_images=images)
        examples = embedded_examples(sam, _source(data, scenes, seed), _embedding)
        if sam.detector is None or fresh:
            sam.detector = build_detector(sam.config, seed=seed).to(sam.device)
        with stop_on_interrupt() as should_stop:
            figures = run_training(sam.detector, examples, settings, _training, should_stop)
        facts = {**figures, "images": len(examples) // 2, "data": data_names(data), "scenes": scenes, "seed": seed}
        save_model(sam, out, {**ours["metadata"], "detector": facts}, ours["dtype"])
    if as_json:
        print_json({"weights": str(out), **facts})
    else:
        stdout.print(f"{figures['steps']:.0f} steps, loss {figures['loss']:.3f}: {out}", soft_wrap=True)


def _source(data: list[str], scenes: int, seed: int) -> SampleSource:
    from engine.train.batches import MixedSource
    from engine.train.data import CocoDataset
    from engine.train.scenes import SceneDataset

    sources: list[SampleSource] = []
    for folder in data:
        dataset = CocoDataset(folder)
        for problem in dataset.problems:
            stderr.print(f"{folder}: {problem}", markup=False, soft_wrap=True)
        sources.append(dataset)
    if scenes:
        sources.append(SceneDataset(scenes, seed=seed))
    return MixedSource(sources, [1.0] * len(sources))


def _embedding(done: int, total: int) -> None:
    if done % LOG_EVERY_STEPS == 0 or done == total:
        typer.echo(f"embedded {done}/{total}", err=True)


def _training(done: int, total: int, figures: dict[str, float]) -> None:
    if int(figures["step"]) % LOG_EVERY_STEPS == 0:
        typer.echo(f"{done}/{total} step {int(figures['step'])} loss {figures['detector_loss']:.3f}", err=True)
