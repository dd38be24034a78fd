"""What every command of the engine shares: errors as one sentence, results as JSON where a program reads them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["fail_clearly", "print_json", "stderr", "stdout"]

stdout = Console()
stderr = Console(stderr=True)


@contextmanager
def fail_clearly() -> Iterator[None]:
    """Turn an engine error into its sentence on stderr and exit code 1."""
    try:
        yield
    except EngineError as error:
        stderr.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
        raise typer.Exit(1) from error


def print_json(values: dict[str, Any]) -> None:
    """One JSON object on stdout, without colours or wrapping."""
    typer.echo(json.dumps(values))
