"""`maskloom calibrate`: make a model's predicted IoU fit held-out images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from engine.commands.running import data_names
from engine.console import fail_clearly, print_json, stdout


def calibrate(
    data: Annotated[Path, typer.Option("--data", help="COCO file of held-out images, or a folder that holds one.")],
    model: Annotated[str, typer.Option(help="Model name or .safetensors file.")],
    out: Annotated[Path, typer.Option("--out", help="File for the calibrated model.")],
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Fit the predicted IoU to what masks of held-out images are truly worth; masks stay as they are."""
    with fail_clearly():
        from engine.model.checkpoint import model_metadata, save_model
        from engine.model.device import pick_device
        from engine.model.registry import checkpoint_path, load
        from engine.train.calibrate import calibrate as fit
        from engine.train.data import CocoDataset

        path = checkpoint_path(model)
        released: dict[str, Any] = {"metadata": {}, "dtype": "float32"}
        ours = model_metadata(path) if path.suffix == ".safetensors" else released
        sam, found = fit(load(model, pick_device(device)), CocoDataset(data).samples)
        save_model(sam, out, {**ours["metadata"], "calibrated_on": data_names([str(data)])}, ours["dtype"])
    if as_json:
        print_json({"weights": str(out), "before": found.before, "after": found.after})
        return
    for what, line, before, after in zip(
        ("one click", "later clicks"), (found.candidates, found.single), found.before, found.after, strict=True
    ):
        stdout.print(
            f"After {what}: true IoU = {line.slope:.2f} x predicted {line.shift:+.2f}; calibration error "
            f"{before:.3f}, cross-validated {after:.3f} now."
        )
    stdout.print(f"Written to {out}", markup=False, soft_wrap=True)
