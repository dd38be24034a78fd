"""What the API says about how the loop goes: the paper's figures (section 4), per round, per day and in all."""

import uuid
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field


class Effort(BaseModel):
    """What people did in some span of time. Masks that came by import or from stage 3 are not in here."""

    masks: int = Field(description="masks people stand for: drawn ones, and proposals they kept")
    images: int = Field(description="images those masks are on")
    seconds_per_mask: float | None = Field(description="of drawn masks: proposals kept as they were cost no drawing")
    seconds_per_mask_left: float | None = Field(description="the same seconds over all these masks")
    clicks_per_mask: float | None = Field(description="of drawn masks")
    masks_per_image: float | None = Field(description="kept proposals included, as the paper counts")
    proposals_kept: float | None = Field(description="share of the proposals looked at that were kept")


class RoundFigures(Effort):
    """What people did between the previous round's snapshot and this one's, and what this round made of it."""

    number: int
    stage: int
    miou_1: float | None = Field(description="the new model's mean IoU on held-out masks after 1 click")
    miou_5: float | None = Field(description="the same after 5 clicks")
    miou_1_before: float | None = Field(description="the parent's, on the same masks")
    miou_5_before: float | None
    gain: float | None = Field(description="the gate's figure: child minus parent, mean over 1 and 5 clicks")


class RoundInsight(RoundFigures):
    """The figures of one of the dataset's rounds."""

    round_id: uuid.UUID
    state: str
    model_id: uuid.UUID | None
    created_at: datetime


class DayInsight(Effort):
    """What people did on one day (UTC)."""

    day: date


class Totals(Effort):
    """Everything so far."""

    drawn_masks: int
    proposals: int = Field(description="proposals that people kept")
    imported: int
    generated: int
    hours: float = Field(description="time spent drawing, summed over masks")
    rounds: int = Field(description="rounds that came to a verdict")


class InsightsOut(BaseModel):
    """All insights of a dataset. `current` is what happened since the last round's snapshot."""

    rounds: list[RoundInsight]
    current: Effort
    totals: Totals
    per_day: list[DayInsight]


class RecordedGeneration(BaseModel):
    """Stage 3 on images that nobody touched, against the truth; precision and recall by IoU level ("0.5", ...)."""

    model: Literal["first", "last"]
    images: int
    generated: int
    truths: int
    precision: dict[str, float]
    recall: dict[str, float]


class RecordedDrawing(BaseModel):
    """People (simulated) on the same objects of images that nobody touched, with one of the models."""

    model: Literal["first", "last"]
    masks: int
    seconds_per_mask: float
    clicks_per_mask: float


class Software(BaseModel):
    """Which Maskloom it was; no commit where it did not run from a git checkout."""

    version: str
    commit: str | None


class RecordedRun(BaseModel):
    """A run of `maskloom simulate` that comes with Maskloom: real platform, real rounds, simulated people."""

    made_on: date
    machine: str
    command: str
    data: str = Field(description="what the images show")
    software: Software
    images: int
    wall_s: float = Field(description="seconds the whole run took")
    rounds: list[RoundFigures]
    generations: list[RecordedGeneration]
    drawings: list[RecordedDrawing] = Field(description="empty in runs that were recorded before this was measured")
