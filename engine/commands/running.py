"""What the commands that train share: folders with weights, a bar of progress, and Ctrl-C that waits for the step."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from engine.console import stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.train.loop import Progress

__all__ = ["data_names", "progress_bar", "split_weight", "stop_on_interrupt"]

LOG_EVERY_STEPS = 20


def split_weight(entry: str) -> tuple[str, float]:
    """The two parts of "FOLDER:WEIGHT"; the weight of a plain "FOLDER" is 1."""
    folder, _, weight = entry.rpartition(":")
    if folder and _is_positive(weight):
        return folder, float(weight)
    return entry, 1.0


def data_names(data: list[str]) -> list[str]:
    """What a model file says of the folders it was trained on: their own names, not whose machine they were on.

    "FOLDER:WEIGHT" keeps its weight.
    """
    folders = [(split_weight(entry)[0], entry) for entry in data]
    return [Path(folder).resolve().name + entry[len(folder) :] for folder, entry in folders]


def _is_positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Ask whether Ctrl-C was pressed, instead of being thrown out in the middle of a step."""
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_bar(describe: Callable[[dict[str, float]], str], *, shown: bool = True) -> Iterator[Progress]:
    """A bar on a terminal, plain lines elsewhere; both on standard error. `describe` puts the figures into a line."""
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=stderr, disable=not (shown and stderr.is_terminal)) as bar:
        task = bar.add_task("training", total=None)

        def report(done: int, total: int, figures: dict[str, float]) -> None:
            line = describe(figures)
            bar.update(task, completed=done, total=total, description=line)
            if not stderr.is_terminal and int(figures["step"]) % LOG_EVERY_STEPS == 0:
                typer.echo(f"{done}/{total} {line}", err=True)

        yield report
