"""`maskloom train`: train a model on COCO folders and generated scenes, with a time budget.

Several processes train one model together when torchrun starts them: `torchrun --nproc-per-node 2 -m engine.cli train`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.running import progress_bar, split_weight, stop_on_interrupt
from engine.console import fail_clearly, print_json, stderr, stdout

if TYPE_CHECKING:
    from engine.model.config import ModelConfig
    from engine.model.sam import Sam
    from engine.train.batches import MixedSource
    from engine.train.loop import TrainResult, TrainSettings
    from engine.train.processes import Processes

MASKS = 10  # of an image in a step, at most: most of a step's time goes into the encoder, which they share


def train(
    data: Annotated[
        list[str], typer.Option("--data", help="COCO folder (instances.json, images/); FOLDER:2.5 weighs its draws.")
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
    bf16: Annotated[bool, typer.Option(help="Run the encoder in bfloat16.")] = True,
    images: Annotated[
        int, typer.Option(help="Whole images a step, over all processes; twice as many crops of half the size.")
    ] = 6,
    accumulate: Annotated[
        int, typer.Option(help="Work on every batch in this many parts, one after the other: less memory.")
    ] = 1,
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

        place = own_device(pick_device(device))
        with join(place) as processes:
            if not resume and (out / "last.pt").exists():
                raise TrainingError(f"{out} already holds a run; add --resume to continue it or choose another folder.")
            sam = _start_model(model, from_scratch, trunk, encoder, seed).to(place)
            source = _source(data, scenes, scenes_weight, seed, tell=processes.leads)
            settings = _settings(
                sam.config,
                minutes=minutes,
                steps=steps,
                prototypes_until=prototypes_until,
                small_until=small_until,
                learning_rate=learning_rate,
                layer_decay=layer_decay,
                frozen_layers=frozen_layers,
                freeze_batchnorm=not from_scratch,
                bf16=bf16,
                images=images,
                accumulate=accumulate,
                seed=seed,
                shards=shards,
            )
            result = _run(settings, sam, source, out, processes)
            if not processes.leads:
                return
            path = out / f"{sam.config.name}.safetensors"
            save_model(result.model, path, {"steps": result.steps, "data": data, "scenes": scenes, "seed": seed})
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


def _settings(
    config: ModelConfig,
    *,
    minutes: float | None,
    steps: int | None,
    prototypes_until: float,
    small_until: float,
    learning_rate: float,
    layer_decay: float,
    frozen_layers: int,
    freeze_batchnorm: bool,
    bf16: bool,
    images: int,
    accumulate: int,
    seed: int,
    shards: int,
) -> TrainSettings:
    """The schedule of the default model: a first lesson in telling objects apart, prompts on crops of half the frame,
    then on whole frames.
    """
    from engine.errors import TrainingError
    from engine.train.batches import BatchSize
    from engine.train.interaction import InteractionSettings
    from engine.train.loop import Phase, TrainSettings

    frame = config.image_size
    if images < 1:
        raise TrainingError("--images must be 1 or more.")
    if prototypes_until and (config.encoder.kind != "conv" or prototypes_until >= small_until):
        raise TrainingError(
            "--prototypes-until must end before --small-until does, and its lesson is for convolutional encoders; "
            "leave it out, or raise --small-until."
        )
    # Most of what is learnt first comes from the first call. And a fresh model leaves the answer "nothing, anywhere"
    # much sooner where dice, not the focal loss, has the say.
    early = InteractionSettings(length_weights=(3.0, 2.0, 1.0), focal_weight=1.0)
    late = InteractionSettings(length_weights=(2.0, 2.0, 2.0, 1.0, 1.0), focal_weight=5.0)
    whole = Phase(until=1.0, batch=BatchSize(frame, images, MASKS), interaction=late)
    phases: tuple[Phase, ...] = (whole,)
    if config.encoder.kind == "conv" and small_until > 0:  # a transformer's position embeddings have one size
        half = _crop(frame // 2)
        phases = (Phase(until=small_until, batch=BatchSize(half, 2 * images, MASKS), interaction=early), whole)
        if prototypes_until > 0:
            crops = BatchSize(half, 8 * images // 3, MASKS)  # the lesson is cheap: more images fit into a step
            first = Phase(until=prototypes_until, batch=crops, interaction=early, lesson="prototypes")
            phases = (first, *phases)
    return TrainSettings(
        seed=seed,
        minutes=minutes,
        max_steps=steps,
        learning_rate=learning_rate,
        warmup_steps=80,
        shards=shards,
        accumulate=accumulate,
        phases=phases,
        layer_decay=layer_decay,
        frozen_layers=frozen_layers,
        freeze_batchnorm=freeze_batchnorm,
        bf16=bf16,
    )


def _crop(side: int) -> int:
    """The next size that the encoder's coarsest stride, 32, divides."""
    return -(-side // 32) * 32


def _run(settings: TrainSettings, sam: Sam, source: MixedSource, out: Path, processes: Processes) -> TrainResult:
    import cv2

    from engine.train.augment import AugmentSettings
    from engine.train.batches import ImageBatches
    from engine.train.loop import train as run_training

    cv2.setNumThreads(1)  # crops are made beside the training step; more threads would take its cores
    config = sam.config
    augment = AugmentSettings(scale_range=(0.5, 2.0), min_cells=4.0)
    batches = ImageBatches(source, frame=config.image_size, patch_size=config.patch_size, augment=augment)
    with stop_on_interrupt() as should_stop, progress_bar(_figures_line, shown=processes.leads) as progress:
        return run_training(settings, sam, batches, out, progress, should_stop, processes)


def _figures_line(figures: dict[str, float]) -> str:
    return (
        f"step {int(figures['step'])} loss {figures['loss']:.3f} "
        f"IoU first {figures['first_iou']:.3f} last {figures['last_iou']:.3f} lr {figures['learning_rate']:.1e} "
        f"waiting {figures.get('waiting', 0.0):.1%}"
    )
