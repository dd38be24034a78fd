"""The recorded run: one `report.json` of `maskloom simulate`, kept beside this file as it was written.

It shows, before there are figures of one's own, what the loop does. A newer run takes its place as a file; nothing
else changes. People are simulated in it, so it is never mixed with what a dataset's own rows say.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from backend.insights.schemas import RecordedDrawing, RecordedGeneration, RecordedRun, RoundFigures

FILE = Path(__file__).with_name("recorded.json")
MODELS: tuple[Literal["first", "last"], ...] = ("first", "last")


@lru_cache
def recorded_run() -> RecordedRun:
    """The run that comes with this version."""
    return of_report(json.loads(FILE.read_text()))


def of_report(report: dict[str, Any]) -> RecordedRun:
    """What the page shows of a report; ValueError or KeyError where it lacks something."""
    made = {"first": report["generation_before"], "last": report["generation"]}
    drawn = {"first": report.get("drawing_before"), "last": report.get("drawing")}
    return RecordedRun(
        **report["about"],
        images=report["images"],
        wall_s=report["wall_s"],
        rounds=[_figures(batch) for batch in report["batches"]],
        generations=[RecordedGeneration(model=model, **made[model]) for model in MODELS if made[model] is not None],
        drawings=[
            RecordedDrawing(
                model=model,
                masks=batch["human_masks"],
                seconds_per_mask=batch["seconds_per_mask"],
                clicks_per_mask=batch["clicks_per_mask"],
            )
            for model in MODELS
            if (batch := drawn[model]) is not None
        ],
    )


def _figures(batch: dict[str, Any]) -> RoundFigures:
    """A batch as a dataset's own insights would tell it: its masks are those its round was started with."""
    ended = batch["round"]
    before, after, gate = (ended[part] or {} for part in ("before", "after", "gate"))
    kept, proposals = batch["proposals_kept"], batch["proposals"]
    masks = batch["human_masks"] + kept
    return RoundFigures(
        number=ended["number"],
        stage=batch["stage"],
        masks=masks,
        images=batch["images"],
        seconds_per_mask=batch["seconds_per_mask"] if batch["human_masks"] else None,
        seconds_per_mask_left=batch["human_seconds_s"] / masks if masks else None,
        clicks_per_mask=batch["clicks_per_mask"] if batch["human_masks"] else None,
        masks_per_image=batch["masks_per_image"],
        proposals_kept=kept / proposals if proposals else None,
        miou_1=after.get("miou_1"),
        miou_5=after.get("miou_5"),
        miou_1_before=before.get("miou_1"),
        miou_5_before=before.get("miou_5"),
        gain=gate.get("gain"),
    )
