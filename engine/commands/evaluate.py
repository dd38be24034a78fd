"""`maskloom evaluate`: click and box figures of a model on a COCO folder."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.console import fail_clearly, print_json, stderr, stdout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.evaluate.clicks import ClickReport

LABELS = {
    "box_miou": "mIoU from a box",
    "noc85": "clicks to IoU 0.85 (at most 20)",
    "noc90": "clicks to IoU 0.90 (at most 20)",
    "detector_recall": "masks whose box the detector finds among its 100 best",
    "grabcut_box_miou": "mIoU of cv2.grabCut from the same box",
}
AFTER_CLICKS = {"miou": "mIoU", "calibration_error": "calibration error of the predicted IoU"}


def evaluate(
    data: Annotated[Path, typer.Option("--data", help="COCO file, or a folder that holds one and its images.")],
    model: Annotated[str, typer.Option(help="Model name, .safetensors or sam_vit_*.pth file.")] = "default",
    clicks: Annotated[
        list[int] | None, typer.Option(help="mIoU after so many clicks; repeat for more. Default: 1 and 5.")
    ] = None,
    noc: Annotated[bool, typer.Option(help="Also count the clicks needed for IoU 0.85 and 0.90.")] = True,
    grabcut: Annotated[bool, typer.Option("--grabcut", help="Also measure cv2.grabCut from the same boxes.")] = False,
    limit: Annotated[int | None, typer.Option(help="Use only the first images.", min=1)] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print all as JSON, per-image values too.")] = False,
) -> None:
    """Measure a model by simulated clicks and boxes."""
    with fail_clearly():
        from engine.evaluate.clicks import NOC_IOUS
        from engine.evaluate.clicks import evaluate as run_evaluation
        from engine.model.device import pick_device
        from engine.model.registry import load
        from engine.train.data import CocoDataset

        sam = load(model, pick_device(device))
        dataset = CocoDataset(data)
        for problem in dataset.problems:
            stderr.print(problem, markup=False, soft_wrap=True)
        with _progress_bar() as progress:
            report = run_evaluation(
                sam,
                dataset.samples[:limit],
                tuple(clicks or (1, 5)),
                noc=NOC_IOUS if noc else (),
                grabcut=grabcut,
                progress=progress,
            )
    if as_json:
        print_json({"model": model, **report.to_dict()})
    else:
        _print_table(report)


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where it does not mix with `--json`."""
    from rich.progress import Progress

    with Progress(console=stderr, disable=not stderr.is_terminal, transient=True) as bar:
        task = bar.add_task("evaluating", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_table(report: ClickReport) -> None:
    from rich.table import Table

    table = Table(title=f"{report.num_masks} masks on {len(report.images)} images")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in report.figures().items():
        what, _, clicks = name.rpartition("_")
        label = LABELS.get(name) or f"{AFTER_CLICKS[what]} after {clicks} click(s)"
        table.add_row(label, f"{value:.3f}")
    stdout.print(table)
