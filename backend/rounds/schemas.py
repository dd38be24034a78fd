"""What the API says about rounds and stages."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.rounds.gate import without_images
from backend.rounds.models import Round, RoundMode, RoundState, StageChange, Trigger
from backend.rounds.policy import Verdict


class RoundOptions(BaseModel):
    """How a round trains and is judged. Every setting has a default that suits a small dataset on a CPU."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_steps: int | None = Field(default=None, ge=1, le=100_000, description="optimiser steps, instead of epochs")
    epochs: float = Field(default=4.0, gt=0, le=1000, description="looks at every mask, within sensible bounds")
    minutes: float | None = Field(
        default=None,
        gt=0,
        le=24 * 60,
        description="training ends after this long in any case; null: the dataset's `round_minutes`",
    )
    learning_rate: float | None = Field(
        default=None, gt=0, le=1e-2, description="null: what suits the model and the mode"
    )
    num_images: int = Field(default=4, ge=1, le=64, description="images per step")
    num_masks: int = Field(default=6, ge=1, le=64, description="masks per image and step")
    detector_steps: int = Field(
        default=200, ge=0, le=100_000, description="steps of the detector's training after that; 0 leaves it as it is"
    )
    seed: int = Field(default=0, ge=0, lt=2**31)
    include_generated: bool = Field(
        default=False, description="also train on masks that nobody has looked at (stage 3)"
    )
    max_eval_masks: int = Field(default=400, ge=1, le=100_000, description="held-out masks to measure on, at most")
    max_drop: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="a model whose mean IoU fell by more than this is never activated by itself",
    )
    confidence: float = Field(default=0.95, ge=0.5, lt=1, description="of the interval that decides about a regression")


class StartRound(BaseModel):
    """Body of POST /api/rounds."""

    model_config = ConfigDict(extra="forbid")

    dataset_id: uuid.UUID
    mode: RoundMode = Field(
        default=RoundMode.auto, description="auto: the whole model where that takes minutes, else the decoder"
    )
    settings: RoundOptions = RoundOptions()


class SnapshotOut(BaseModel):
    """The masks a round learned from. `sha256` is the hash of their canonical JSON in the storage."""

    sha256: str
    masks: int
    images: int


class RoundOut(BaseModel):
    """One retrain."""

    id: uuid.UUID
    dataset_id: uuid.UUID
    number: int
    stage: int
    mode: RoundMode = Field(description="what is trained; auto until the round has begun and chosen")
    state: RoundState
    parent_model_id: uuid.UUID
    model_id: uuid.UUID | None
    job_id: uuid.UUID | None
    snapshot: SnapshotOut | None
    settings: dict[str, Any]
    before: dict[str, Any] | None = Field(description="the parent's figures: miou_1, miou_5, box_miou, noc85, ...")
    after: dict[str, Any] | None = Field(description="the child's figures on the same masks")
    gate: dict[str, Any] | None = Field(description="passed, reason, gain, ci_low, ci_high, num_images, num_masks, ...")
    trigger: Trigger
    cause: dict[str, Any] = Field(description="the figures the decision to start was taken on, and `mode_reasons`")
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Round) -> "RoundOut":
        """The row without its per-image figures, which only the gate needs."""
        snapshot = None
        if row.snapshot_sha256 is not None:
            snapshot = SnapshotOut(
                sha256=row.snapshot_sha256, masks=row.snapshot_masks or 0, images=row.snapshot_images or 0
            )
        values = {name: getattr(row, name) for name in cls.model_fields if name not in ("snapshot", "before", "after")}
        before, after = (None if kept is None else without_images(kept) for kept in (row.before, row.after))
        return cls(snapshot=snapshot, before=before, after=after, **values)


class RoundList(BaseModel):
    """Rounds of a dataset, the newest first."""

    items: list[RoundOut]


class GateOut(BaseModel):
    """One condition of the stage policy."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    value: float | None
    threshold: float
    holds: bool
    explanation: str


class StageChangeOut(BaseModel):
    """One step of the stage machine."""

    model_config = ConfigDict(populate_by_name=True)

    from_: int = Field(serialization_alias="from")
    to: int
    trigger: Trigger
    reason: str
    figures: dict[str, Any]
    created_at: datetime
    user_id: uuid.UUID | None

    @classmethod
    def of(cls, row: StageChange) -> "StageChangeOut":
        return cls(
            from_=row.from_stage,
            to=row.to_stage,
            trigger=Trigger(row.trigger),
            reason=row.reason,
            figures=row.figures,
            created_at=row.created_at,
            user_id=row.user_id,
        )


class StagesOut(BaseModel):
    """Where a dataset stands in the three stages, what the policy waits for, and how it came here (newest first)."""

    stage: int
    next_stage: int | None
    ready: bool
    automatic: bool = Field(description="whether the policy takes this step by itself once ready")
    reason: str
    figures: dict[str, Any]
    gates: list[GateOut]
    history: list[StageChangeOut]

    @classmethod
    def of(cls, stage: int, verdict: Verdict, figures: dict[str, Any], history: list[StageChange]) -> "StagesOut":
        return cls(
            stage=stage,
            next_stage=verdict.target,
            ready=verdict.ready,
            automatic=verdict.automatic,
            reason=verdict.reason,
            figures=figures,
            gates=[GateOut.model_validate(gate) for gate in verdict.gates],
            history=[StageChangeOut.of(row) for row in history],
        )


class ChangeStage(BaseModel):
    """Body of POST /api/datasets/{id}/stage: an admin moves the dataset, whatever the gates say."""

    model_config = ConfigDict(extra="forbid")

    stage: int = Field(ge=1, le=3)
    reason: str = Field(min_length=1, max_length=500)
