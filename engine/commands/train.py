"""`maskloom train`: train a model on COCO folders and generated scenes, with a time budget.

Several processes train one model together when torchrun starts them: `torchrun --nproc-per-node 2 -m engine.cli train`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.running import data_names, progress_bar, split_weight, stop_on_interrupt
from engine.console import fail_clearly, print_json, stderr, stdout

if TYPE_CHECKING:
    from engine.model.sam import Sam
    from engine.train.batches import MixedSource
    from engine.train.loop import TrainResult
    from engine.train.processes import Processes
    from engine.train.recipe import Recipe


def train(
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            help="COCO file, or a folder that holds one; repeat for more. FOLDER:2.5 weighs it.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for checkpoints and the finished weights.")],
    minutes: Annotated[float | None, typer.Option(help="Time budget; the schedule ends when it does.")] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps, instead of or beside --minutes.")] = None,
    scenes: Annotated[int, typer.Option(help="Generated scenes to train on as well.")] = 0,
    scenes_weight: Annotated[float, typer.Option(help="Weight of the generated scenes' draws.")] = 1.0,
    model: Annotated[str, typer.Option(help="Weights to start from, or with --from-scratch a description's name.")] = (
        "maskloom-s"
    ),
    from_scratch: Annotated[bool, typer.Option(help="Start from random weights of --model's description.")] = False,
    trunk: Annotated[
        Path | None,
        typer.Option(help="With --from-scratch: EfficientNet-Lite weights (.pth) for the encoder's first layers."),
    ] = None,
    encoder: Annotated[
        Path | None, typer.Option(help="With --from-scratch: a model file whose encoder to begin with, of `pretrain`.")
    ] = None,
    prototypes_until: Annotated[
        float, typer.Option(help="Fraction of the run spent on telling objects apart; for a fresh model.")
    ] = 0.0,
    small_until: Annotated[float, typer.Option(help="Fraction of the run spent on crops below full size.")] = 0.7,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 8e-4,
    layer_decay: Annotated[float, typer.Option(help="Factor on the rate for every layer nearer to the image.")] = 1.0,
    frozen_layers: Annotated[
        int, typer.Option(help="Layers of the encoder, from the image up, that are left as they are.")
    ] = 0,
    still_layers: Annotated[
        int,
        typer.Option(help="Layers of the encoder, from the image up, whose batch-norm statistics stay as they are."),
    ] = 0,
    drop_path: Annotated[float, typer.Option(help="Chance that the encoder's last block is left out.")] = 0.0,
    paste: Annotated[float, typer.Option(help="Share of crops over which objects of other images are laid.")] = 0.0,
    jitter: Annotated[float, typer.Option(help="Images are scaled by up to this, both ways.")] = 2.0,
    deep: Annotated[
        float, typer.Option(help="Share of masks whose clicks fall deep inside instead of anywhere.")
    ] = 0.5,
    bf16: Annotated[bool, typer.Option(help="Run the encoder in bfloat16.")] = True,
    images: Annotated[
        int,
        typer.Option(
            help="Whole images a step, over all processes, or twice as many crops of half the size; 2 GB each on a CPU."
        ),
    ] = 6,
    masks: Annotated[int, typer.Option(help="Masks of an image in a step, at most.")] = 10,
    calls: Annotated[int, typer.Option(help="Decoder calls for a mask, at most.")] = 5,
    accumulate: Annotated[
        int, typer.Option(help="Work on every batch in this many parts, one after the other: less memory.")
    ] = 1,
    loaders: Annotated[int, typer.Option(help="Threads that make batches ahead of the step.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    shards: Annotated[int, typer.Option(help="Split batches over this many threads, torch's own being 1 then.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")] = "auto",
    resume: Annotated[bool, typer.Option(help="Continue the run in --out; without it, --out must be new.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Train a promptable segmentation model. Ctrl-C writes a checkpoint and stops."""
    with fail_clearly():
        from engine.errors import TrainingError
        from engine.model.checkpoint import save_model
        from engine.model.device import pick_device
        from engine.train.processes import join, own_device
        from engine.train.recipe import Recipe

        place = own_device(pick_device(device))
        with join(place) as processes:
            if not resume and (out / "last.pt").exists():
                raise TrainingError(f"{out} already holds a run; add --resume to continue it or choose another folder.")
            sam = _start_model(model, from_scratch, trunk, encoder, seed).to(place)
            source = _source(data, scenes, scenes_weight, seed, tell=processes.leads)
            recipe = Recipe(
                minutes=minutes,
                steps=steps,
                prototypes_until=prototypes_until,
                small_until=small_until,
                learning_rate=learning_rate,
                layer_decay=layer_decay,
                frozen_layers=frozen_layers,
                freeze_batchnorm=not from_scratch,
                bf16=bf16,
                still_layers=still_layers,
                drop_path=drop_path,
                jitter=jitter,
                paste=paste,
                deep=deep,
                images=images,
                masks=masks,
                calls=calls,
                accumulate=accumulate,
                loaders=loaders,
                seed=seed,
                shards=shards,
            )
            result = _run(recipe, sam, source, out, processes)
            if not processes.leads:
                return
            path = out / f"{sam.config.name}.safetensors"
            save_model(
                result.model, path, {"steps": result.steps, "data": data_names(data), "scenes": scenes, "seed": seed}
            )
    if as_json:
        facts = {"weights": str(path), "steps": result.steps, "seconds": result.elapsed_s, "finished": result.finished}
        print_json({**facts, "processes": processes.count, **result.figures})
    else:
        state = "Finished" if result.finished else "Stopped (add --resume to go on)"
        stdout.print(f"{state}: {result.steps} steps in {result.elapsed_s / 60:.1f} min, {path}", soft_wrap=True)


def _start_model(name: str, from_scratch: bool, trunk: Path | None, encoder: Path | None, seed: int) -> Sam:
    from engine.errors import TrainingError
    from engine.model.registry import load
    from engine.train.start import fresh_model

    if from_scratch:
        return fresh_model(name, seed=seed, trunk=trunk, encoder=encoder)
    if trunk is not None or encoder is not None:
        raise TrainingError(
            "--trunk and --encoder are for a model from scratch; leave them out, or add --from-scratch."
        )
    return load(name)


def _source(data: list[str], scenes: int, scenes_weight: float, seed: int, *, tell: bool) -> MixedSource:
    """Read every folder of `data` ("FOLDER" or "FOLDER:WEIGHT"); problems are not fatal, and told where `tell`."""
    from engine.train.batches import MixedSource
    from engine.train.data import CocoDataset, SampleSource
    from engine.train.scenes import SceneDataset

    sources: list[SampleSource] = []
    weights: list[float] = []
    for entry in data:
        folder, weight = split_weight(entry)
        dataset = CocoDataset(folder)
        if tell:
            for problem in dataset.problems:
                stderr.print(f"{folder}: {problem}", markup=False, soft_wrap=True)
            stderr.print(f"{folder}: {len(dataset)} images, {sum(len(sample.rles) for sample in dataset)} masks")
        sources.append(dataset)
        weights.append(weight)
    if scenes:
        sources.append(SceneDataset(scenes, seed=seed))
        weights.append(scenes_weight)
    return MixedSource(sources, weights)


def _run(recipe: Recipe, sam: Sam, source: MixedSource, out: Path, processes: Processes) -> TrainResult:
    import cv2
    import torch

    from engine.train.batches import ImageBatches, render_with_numpy
    from engine.train.device_rendering import DeviceRenderer
    from engine.train.loop import train as run_training

    cv2.setNumThreads(1)  # crops are made beside the training step; more threads would take its cores
    config = sam.config
    on_gpu = sam.device.type == "cuda"
    if on_gpu:
        torch.set_float32_matmul_precision("high")  # TF32: the decoder's products are then no longer its cost
    batches = ImageBatches(
        source,
        frame=config.image_size,
        patch_size=config.patch_size,
        augment=recipe.augment,
        renderer=DeviceRenderer(sam.device) if on_gpu else render_with_numpy,
    )
    with stop_on_interrupt() as should_stop, progress_bar(_figures_line, shown=processes.leads) as progress:
        return run_training(recipe.settings(config), sam, batches, out, progress, should_stop, processes)


def _figures_line(figures: dict[str, float]) -> str:
    return (
        f"step {int(figures['step'])} loss {figures['loss']:.3f} "
        f"IoU first {figures['first_iou']:.3f} last {figures['last_iou']:.3f} lr {figures['learning_rate']:.1e} "
        f"waiting {figures.get('waiting', 0.0):.1%}"
    )
