"""The engine's commands, thin: each reads its options, calls the library and prints.

`maskloom` mounts them beside the platform's own commands. Importing this module does not import torch, so that
`--help` answers at once; the bodies import what they need.
"""

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.calibrate import calibrate
from engine.commands.detector import train_detector
from engine.commands.evaluate import evaluate
from engine.commands.generate import generate
from engine.commands.pretrain import pretrain
from engine.commands.regions import regions
from engine.commands.train import train
from engine.console import fail_clearly, print_json, stdout

__all__ = [
    "app",
    "calibrate",
    "evaluate",
    "export_onnx",
    "generate",
    "pretrain",
    "regions",
    "train",
    "train_detector",
]

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Maskloom's engine: segment, train, evaluate, export."
)


@app.command("export-onnx")
def export_onnx(
    model: Annotated[str, typer.Argument(help="A model name (default, maskloom-s) or the path of a checkpoint.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for prepare.onnx and decode.onnx.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a model's decoder as two ONNX graphs, checked against torch."""
    with fail_clearly():
        from engine.export.onnx import export
        from engine.model.fingerprint import decoder_sha256, encoder_sha256
        from engine.model.registry import load

        loaded = load(model)
        files = export(loaded, out)
        facts = {
            "prepare": str(files.prepare),
            "decode": str(files.decode),
            "encoder_sha256": encoder_sha256(loaded),
            "decoder_sha256": decoder_sha256(loaded),
        }
    if as_json:
        print_json(facts)
    else:
        stdout.print(f"Wrote {files.prepare} and {files.decode}; both answer as torch does.", soft_wrap=True)


app.command("generate")(generate)
app.command("pretrain")(pretrain)
app.command("train")(train)
app.command("train-detector")(train_detector)
app.command("evaluate")(evaluate)
app.command("calibrate")(calibrate)
app.command("regions")(regions)


if __name__ == "__main__":
    app()
