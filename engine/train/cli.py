"""`maskloom train`: train a model on COCO folders and generated scenes, with a time budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from engine.model.sam import Sam
    from engine.train.batches import MixedSource
    from engine.train.loop import TrainResult, TrainSettings

LOG_EVERY_STEPS = 20


def train(
    data: Annotated[
        list[str], typer.Option("--data", help="COCO folder (instances.json, images/); FOLDER:2.5 weighs its draws.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for checkpoints and the finished weights.")],
    minutes: Annotated[float | None, typer.Option(help="Time budget; the schedule ends when it does.")] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps, instead of or beside --minutes.")] = None,
    scenes: Annotated[int, typer.Option(help="Generated scenes to train on as well.")] = 0,
    scenes_weight: Annotated[float, typer.Option(help="Weight of the generated scenes' draws.")] = 1.0,
    model: Annotated[str, typer.Option(help="Weights to start from, or the name of a model to train from nothing.")] = (
        "maskloom-s"
    ),
    from_scratch: Annotated[bool, typer.Option(help="Start from random weights of --model's description.")] = False,
    small_until: Annotated[float, typer.Option(help="Fraction of the run spent on half-size crops.")] = 0.7,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 8e-4,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    shards: Annotated[int, typer.Option(help="Split batches over this many threads, torch's own being 1 then.")] = 1,
    resume: Annotated[bool, typer.Option(help="Continue the run in --out; without it, --out must be new.")] = False,
) -> None:
    """Train a promptable segmentation model."""
    import torch

    from engine.errors import EngineError, TrainingError
    from engine.model.checkpoint import save_model
    from engine.train.scenes import SceneDataset

    if shards > 1:
        torch.set_num_threads(1)
    try:
        if not resume and (out / "last.pt").exists():
            raise TrainingError(f"{out} already holds a run; add --resume to continue it or choose another folder.")
        sam = _start_model(model, from_scratch, seed)
        source = _source(data, SceneDataset(scenes, seed=seed) if scenes else None, scenes_weight)
        settings = _settings(sam.config.image_size, minutes, steps, small_until, learning_rate, seed, shards)
        result = _run(settings, sam, source, out)
        path = out / f"{sam.config.name}.safetensors"
        save_model(result.model, path, {"steps": str(result.steps), "data": ", ".join(data), "seed": str(seed)})
    except EngineError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    state = "finished" if result.finished else "stopped; add --resume to go on"
    typer.echo(f"{state}: {result.steps} steps in {result.elapsed_s / 60:.1f} min -> {path}")


def _start_model(name: str, from_scratch: bool, seed: int) -> Sam:
    from engine.errors import TrainingError
    from engine.model.config import PRESETS
    from engine.model.registry import load
    from engine.model.sam import build_model
    from engine.train.start import start_decoder

    if not from_scratch:
        return load(name)
    if name not in PRESETS:
        raise TrainingError(f"No model description is called {name!r}; choose one of {', '.join(PRESETS)}.")
    sam = build_model(PRESETS[name], seed=seed)
    start_decoder(sam)
    return sam


def _source(data: list[str], scenes: object, scenes_weight: float) -> MixedSource:
    """Read every folder of `data` ("FOLDER" or "FOLDER:WEIGHT"); problems are told, not fatal."""
    from engine.train.batches import MixedSource
    from engine.train.data import CocoDataset, SampleSource
    from engine.train.scenes import SceneDataset

    sources: list[SampleSource] = []
    weights: list[float] = []
    for entry in data:
        folder, _, weight = entry.rpartition(":")
        if not folder or not _is_number(weight):
            folder, weight = entry, "1"
        dataset = CocoDataset(folder)
        for problem in dataset.problems:
            typer.echo(f"{folder}: {problem}", err=True)
        typer.echo(f"{folder}: {len(dataset)} images, {sum(len(s.rles) for s in dataset)} masks")
        sources.append(dataset)
        weights.append(float(weight))
    if isinstance(scenes, SceneDataset):
        sources.append(scenes)
        weights.append(scenes_weight)
    return MixedSource(sources, weights)


def _is_number(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def _settings(
    frame: int,
    minutes: float | None,
    steps: int | None,
    small_until: float,
    learning_rate: float,
    seed: int,
    shards: int,
) -> TrainSettings:
    from engine.train.batches import BatchSize
    from engine.train.interaction import InteractionSettings
    from engine.train.loop import Phase, TrainSettings

    # Most of a step's time goes into the decoder's calls, most of what is learnt first comes from the first call.
    first = InteractionSettings(length_weights=(4.0, 1.0))
    early = InteractionSettings(length_weights=(3.0, 2.0, 1.0))
    late = InteractionSettings(length_weights=(2.0, 2.0, 2.0, 1.0, 1.0))
    return TrainSettings(
        seed=seed,
        minutes=minutes,
        max_steps=steps,
        learning_rate=learning_rate,
        shards=shards,
        warmup_steps=80,
        phases=(
            Phase(until=small_until * 0.5, batch=BatchSize(frame * 3 // 8, 12, 3), interaction=first),
            Phase(until=small_until, batch=BatchSize(frame // 2, 10, 3), interaction=early),
            Phase(until=1.0, batch=BatchSize(frame, 4, 6), interaction=late),
        ),
    )


def _run(settings: TrainSettings, sam: Sam, source: MixedSource, out: Path) -> TrainResult:
    """Train with a progress bar on a terminal, plain lines elsewhere; Ctrl-C writes a checkpoint and stops."""
    import signal

    import cv2
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from engine.train.augment import AugmentSettings
    from engine.train.batches import ImageBatches
    from engine.train.loop import train as run_training

    batches = ImageBatches(
        source, frame=sam.config.image_size, patch_size=sam.config.patch_size, augment=AugmentSettings()
    )
    cv2.setNumThreads(1)  # crops are made beside the training step; more threads would take its cores
    stop_asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: stop_asked.append(number))
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("training", total=None)

            def report(done: int, total: int, figures: dict[str, float]) -> None:
                line = _figures_line(figures)
                bar.update(task, completed=done, total=total, description=line)
                if not console.is_terminal and int(figures["step"]) % LOG_EVERY_STEPS == 0:
                    typer.echo(f"{done}/{total} {line}")

            return run_training(settings, sam, batches, out, report, lambda: bool(stop_asked))
    finally:
        signal.signal(signal.SIGINT, before)


def _figures_line(figures: dict[str, float]) -> str:
    return (
        f"step {int(figures['step'])} loss {figures['loss']:.3f} "
        f"IoU first {figures['first_iou']:.3f} last {figures['last_iou']:.3f} lr {figures['learning_rate']:.1e}"
    )
