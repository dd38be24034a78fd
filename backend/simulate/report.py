"""The report of a simulated loop: `report.json` for programs, `report.png` for people."""

from __future__ import annotations

import json
import math
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from backend.core.software import software_version
from backend.simulate.client import Json
from backend.simulate.loop import Batch, Report


def about(command: str, data: str) -> Json:
    """When, where, how and on what a run was made, so that its figures can be shown elsewhere and made again."""
    return {
        "made_on": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "command": command,
        "data": data,
        "software": software_version(),
    }


def write(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write both files below `folder`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, plot = folder / "report.json", folder / "report.png"
    data.write_text(json.dumps(report.to_dict(), indent=1) + "\n")
    _plot(report).savefig(plot, dpi=130)
    return data, plot


def _plot(report: Report) -> Figure:
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    batches = report.batches
    figure = Figure(figsize=(max(11.0, 1.5 * len(batches)), 6.5), layout="constrained")
    axes = figure.subplots(2, 2)
    labels = [f"{i + 1}\nstage {b.stage}" for i, b in enumerate(batches)]
    seconds = _seconds_title(report)
    _line(axes[0, 0], labels, [b.seconds_per_mask for b in batches], seconds, "#3b6fd4", "a mask drawn")
    _line(axes[0, 0], labels, [_seconds_left(b) for b in batches], seconds, "#2f9e6e", "with kept proposals")
    axes[0, 0].legend(frameon=False, fontsize=7)
    _line(
        axes[0, 1], labels, [b.masks_per_image for b in batches], "Masks per image (kept proposals included)", "#2f9e6e"
    )
    rounds = [b.round for b in batches if b.round]
    for key, colour, side in (("miou_1", "#c4622d", -1), ("miou_5", "#7a4fbf", 1)):
        values = [_metric(batches[0], "before", key), *(_metric(b, "after", key) for b in batches if b.round)]
        names = ["start", *(f"round {r['number']}\n{r['mode']}" for r in rounds)]
        _line(
            axes[1, 0],
            names,
            values,
            "Held-out mIoU (of the round's candidate)",
            colour,
            key.replace("miou_", "clicks: "),
            side,
        )
    axes[1, 0].legend(frameon=False)
    if report.generation:
        levels = list(report.generation["precision"])
        for key, shift, colour in (("precision", -0.3, "#3b6fd4"), ("recall", 0.1, "#2f9e6e")):
            for number, (name, made) in enumerate(_generations(report)):
                heights = [made[key][level] for level in levels]
                places = [i + shift + 0.19 * number for i in range(len(levels))]
                faded = 1.0 if made is report.generation else 0.4
                bars = axes[1, 1].bar(places, heights, 0.18, color=colour, alpha=faded, label=f"{key}, {name}")
                axes[1, 1].bar_label(bars, fmt="%.2f", fontsize=7)
        axes[1, 1].set_xticks(range(len(levels)), [f"IoU {level}" for level in levels])
        axes[1, 1].set_ylim(0, 1.08)
        axes[1, 1].set_title(f"Stage 3 on {report.generation['images']} untouched images")
        axes[1, 1].legend(frameon=False, fontsize=7)
    figure.suptitle(f"Simulated loop: {report.images} images, {report.wall_s / 60:.1f} minutes")
    return figure


def _seconds_left(batch: Batch) -> float:
    """Human seconds for each mask that was left in the images, kept proposals among them; nan without proposals."""
    return batch.human_seconds_s / (batch.human_masks + batch.proposals_kept) if batch.proposals_kept else math.nan


def _seconds_title(report: Report) -> str:
    before, after = report.drawing_before, report.drawing
    if before is None or after is None:
        return "Human seconds per mask"
    same = f"{before.seconds_per_mask:.1f} → {after.seconds_per_mask:.1f}"
    return f"Human seconds per mask\n(first → last model on the same {after.human_masks} untouched objects: {same})"


def _generations(report: Report) -> list[tuple[str, Json]]:
    """(name, figures): of the first model, where it was measured, and of the last."""
    pairs = (("first model", report.generation_before), ("last model", report.generation))
    return [(name, made) for name, made in pairs if made]


def _metric(batch: Batch, when: str, key: str) -> float:
    values = (batch.round or {}).get(when) or {}
    return float(values.get(key, float("nan")))


def _line(
    axis: mpl.axes.Axes, names: list[str], values: list[float], title: str, colour: str, label: str = "", side: int = 1
) -> None:
    """A line whose figures stand above it (`side` 1) or below (-1)."""
    axis.plot(names, values, marker="o", color=colour, label=label)
    for x, y in enumerate(values):
        if math.isnan(y):
            continue
        axis.annotate(f"{y:.2f}", (x, y), textcoords="offset points", xytext=(0, 7 if side > 0 else -15), ha="center")
    axis.set_title(title)
    highest = float(axis.dataLim.ymax)  # of every line drawn here so far
    axis.set_ylim(0, highest * 1.2 if highest > 0 else 1)
