"""What all benchmarks share: timing in turns, the machine's description, a table, a JSON file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import skimage.data
import torch
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

RESULTS = Path("build/benchmarks")


def options(
    description: str | None, *, repeats: int | None = None, device: bool = True, reference: bool = True
) -> argparse.ArgumentParser:
    """The options that several benchmarks have; `repeats` is the usual number of turns, where there are any."""
    parser = argparse.ArgumentParser(description=(description or "").strip().splitlines()[0])
    if repeats is not None:
        parser.add_argument("--repeats", type=int, default=repeats, help="turns of each side")
    if device:
        parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    if reference:
        parser.add_argument(
            "--reference", type=Path, help="a checkout of facebookresearch/segment-anything to measure beside"
        )
    return parser


def in_turns(sides: Mapping[str, Callable[[], Any]], repeats: int, *, warmup: int = 1) -> dict[str, float]:
    """Median seconds of each side, run one after the other `repeats` times."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(warmup + repeats):
        for name, run in sides.items():
            started = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn >= warmup:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def photograph() -> NDArray[np.uint8]:
    """The image everything is measured on: a 600 x 400 photograph of a cup of coffee, uint8 RGB."""
    image: NDArray[np.uint8] = skimage.data.coffee()  # type: ignore[no-untyped-call]
    return image


def photographs(long_side: int | None = None) -> list[NDArray[np.uint8]]:
    """Four photographs, uint8 RGB: a cup of coffee, an astronaut, a cat, a rocket; 451 x 300 to 640 x 427 px, or
    enlarged to `long_side`.
    """
    data = skimage.data
    images = [photograph(), data.astronaut(), data.cat(), data.rocket()]  # type: ignore[no-untyped-call]
    if long_side is None:
        return images
    scales = [long_side / max(image.shape[:2]) for image in images]
    return [
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        for image, scale in zip(images, scales, strict=True)
    ]


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "cpu": name, "cores": os.cpu_count(), "threads": torch.get_num_threads(), "gpu": gpu,
        "torch": torch.__version__, "python": platform.python_version(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"), "load": os.getloadavg()[0],
    }  # fmt: skip


def publish(name: str, rows: Sequence[Mapping[str, Any]], out: Path, *, notes: Sequence[str] = ()) -> None:
    """Print the rows as a table and write them, with the machine, to `out`/`name`.json."""
    console = Console(width=140)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(*columns, title=name)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    console.print(table)
    for note in notes:
        console.print(note, markup=False)
    out.mkdir(parents=True, exist_ok=True)
    document = {"benchmark": name, "machine": machine(), "rows": list(rows), "notes": list(notes)}
    path = out / f"{name}.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    console.print(f"Written to {path}", markup=False)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
