"""`maskloom pretrain`: teach an image encoder to paint what was hidden from it, on images without any mask."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.running import data_names, progress_bar, split_weight, stop_on_interrupt
from engine.console import fail_clearly, print_json, stderr, stdout

if TYPE_CHECKING:
    from engine.model.config import ModelConfig
    from engine.train.batches import MixedSource
    from engine.train.data import ImageFolder

MOST_LOADERS = 12  # beside a GPU, which wants hundreds of crops a second; a CPU has none to spare


def pretrain(
    data: Annotated[
        list[str],
        typer.Option("--data", help="Folder of images, or a COCO folder; FOLDER:2.5 weighs its draws."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for checkpoints and the finished weights.")],
    minutes: Annotated[float | None, typer.Option(help="Time budget; the schedule ends when it does.")] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps, instead of or beside --minutes.")] = None,
    model: Annotated[str, typer.Option(help="The description of the model whose encoder it is.")] = "maskloom-s",
    trunk: Annotated[
        Path | None, typer.Option(help="EfficientNet-Lite weights (.pth) for the encoder's first layers.")
    ] = None,
    mask_ratio: Annotated[float, typer.Option(help="Share of the patches that are hidden.")] = 0.6,
    patch: Annotated[int, typer.Option(help="Side of a hidden patch in pixels, a multiple of 16.")] = 32,
    size: Annotated[
        int | None, typer.Option(help="Side of the crops in pixels; half the frame, a transformer's the whole.")
    ] = None,
    images: Annotated[int, typer.Option(help="Crops a step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 8e-4,
    frozen_layers: Annotated[
        int, typer.Option(help="Layers of the encoder, from the image up, that are left as they are.")
    ] = 0,
    bf16: Annotated[bool, typer.Option(help="Run the encoder in bfloat16.")] = True,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    loaders: Annotated[
        int | None, typer.Option(help="Threads that make crops; 2, or with a GPU most of the processor's cores.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")] = "auto",
    resume: Annotated[bool, typer.Option(help="Continue the run in --out; without it, --out must be new.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Pre-train an image encoder on masked images, for `train --from-scratch --encoder`. Ctrl-C writes a checkpoint."""
    with fail_clearly():
        import cv2

        from engine.errors import TrainingError
        from engine.model.checkpoint import save_model
        from engine.model.device import pick_device
        from engine.train.pretrain import PretrainSettings
        from engine.train.pretrain import pretrain as run_pretraining
        from engine.train.start import fresh_model

        place = pick_device(device)
        if not resume and (out / "last.pt").exists():
            raise TrainingError(f"{out} already holds a run; add --resume to continue it or choose another folder.")
        sam = fresh_model(model, seed=seed, trunk=trunk).to(place)
        settings = PretrainSettings(
            size=_crop_size(sam.config) if size is None else size,
            images=images,
            mask_ratio=mask_ratio,
            patch=patch,
            seed=seed,
            max_steps=steps,
            minutes=minutes,
            learning_rate=learning_rate,
            frozen_layers=frozen_layers,
            bf16=bf16,
            loaders=_loaders(place.type) if loaders is None else loaders,
        )
        source, folders = _source(data)
        cv2.setNumThreads(1)  # crops are made beside the training step; more threads would take its cores
        with stop_on_interrupt() as should_stop, progress_bar(_figures_line) as progress:
            result = run_pretraining(settings, sam, source, out, progress, should_stop)
        for problem in sorted(problem for folder in folders for problem in folder.problems.values()):
            stderr.print(problem, markup=False, soft_wrap=True)
        path = out / f"{sam.config.name}-encoder.safetensors"
        save_model(
            result.model, path, {"pretrain_steps": result.steps, "data": data_names(data), "seed": seed}, "float32"
        )
    if as_json:
        facts = {"weights": str(path), "steps": result.steps, "seconds": result.elapsed_s, "finished": result.finished}
        print_json({**facts, **result.figures})
    else:
        state = "Finished" if result.finished else "Stopped (add --resume to go on)"
        stdout.print(f"{state}: {result.steps} steps in {result.elapsed_s / 60:.1f} min, {path}", soft_wrap=True)


def _crop_size(config: ModelConfig) -> int:
    """Half the frame, in whole strides of the encoder and patches of the usual size; a transformer's is the frame."""
    return config.image_size if config.encoder.kind == "vit" else -(-config.image_size // 64) * 32


def _loaders(device: str) -> int:
    cores = os.cpu_count() or 1
    return 2 if device == "cpu" else max(2, min(MOST_LOADERS, cores - 2))


def _source(data: list[str]) -> tuple[MixedSource, list[ImageFolder]]:
    """The folders of `data` ("FOLDER" or "FOLDER:WEIGHT"), as one source and one by one."""
    from engine.train.batches import MixedSource
    from engine.train.data import KEEP_BYTES, ImageFolder

    entries = [split_weight(entry) for entry in data]
    folders = [ImageFolder(folder, keep_bytes=KEEP_BYTES // len(entries)) for folder, _ in entries]
    for (name, _), folder in zip(entries, folders, strict=True):
        stderr.print(f"{name}: {len(folder)} images", markup=False, soft_wrap=True)
    return MixedSource(folders, [weight for _, weight in entries]), folders


def _figures_line(figures: dict[str, float]) -> str:
    return (
        f"step {int(figures['step'])} loss {figures['loss']:.4f} lr {figures['learning_rate']:.1e} "
        f"waiting {figures.get('waiting', 0.0):.1%}"
    )
