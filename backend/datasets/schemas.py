"""Datasets and images as clients send and see them."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, computed_field

ImageState = Literal["todo", "leased", "done", "skipped"]
ImageFilter = Literal["all", "todo", "done", "broken"]
ReviewMode = Literal["none", "sample", "all"]
Split = Literal["train", "heldout"]


def _not_blank(value: str) -> str:
    value = value.strip()
    if not value:
        raise ValueError("a name is needed")
    return value


DatasetName = Annotated[str, Field(max_length=200), AfterValidator(_not_blank)]


class PolicyOut(BaseModel):
    """When rounds start and stages change by themselves."""

    min_new_masks: int = Field(description="a round starts once this many final masks are new")
    round_minutes: float = Field(description="a round's training ends after this long, unless it is told otherwise")
    max_rounds_stage1: int
    max_rounds_stage2: int
    min_gain: float = Field(description="when the last two rounds both gained less mIoU than this, gains are over")
    min_speedup: float = Field(
        description="share by which seconds per mask must still fall from round to round, else speed is flat"
    )
    min_proposals_kept: float = Field(
        description="share of recent proposals that people must keep as good as unchanged before stage 3"
    )
    proposal_window: int = Field(description="how many of the last proposals are looked at for that")
    max_calibration_error: float = Field(
        description="before stage 3, predicted IoU must be right by this much (expected calibration error)"
    )
    quiet_from: int = Field(description="hour (UTC) from which no round starts by itself; equal hours: never quiet")
    quiet_until: int = Field(description="hour (UTC) at which the quiet ends")
    auto_rounds: bool
    auto_stages: bool
    frozen: bool = Field(description="nothing happens by itself while this is set")


class PolicyUpdate(BaseModel):
    """What is to change of the policy; the rest stays."""

    model_config = ConfigDict(extra="forbid")

    min_new_masks: int | None = Field(default=None, ge=1, le=10_000_000)
    round_minutes: float | None = Field(default=None, gt=0, le=24 * 60)
    max_rounds_stage1: int | None = Field(default=None, ge=0, le=1000)
    max_rounds_stage2: int | None = Field(default=None, ge=0, le=1000)
    min_gain: float | None = Field(default=None, ge=0, le=1)
    min_speedup: float | None = Field(default=None, ge=0, le=1)
    min_proposals_kept: float | None = Field(default=None, ge=0, le=1)
    proposal_window: int | None = Field(default=None, ge=1, le=10_000)
    max_calibration_error: float | None = Field(default=None, ge=0, le=1)
    quiet_from: int | None = Field(default=None, ge=0, le=23)
    quiet_until: int | None = Field(default=None, ge=0, le=23)
    auto_rounds: bool | None = None
    auto_stages: bool | None = None
    frozen: bool | None = None


class Counts(BaseModel):
    """How far a dataset is. `embedded` is under its active model's encoder."""

    images: int = 0
    embedded: int = 0
    annotated: int = 0
    masks: int = 0
    proposals: int = 0
    to_review: int = 0


class DatasetOut(BaseModel):
    """A pile of images that becomes masks."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    description: str
    stage: int
    review_mode: ReviewMode
    review_percent: int
    policy: PolicyOut
    active_model_id: uuid.UUID | None
    created_at: datetime
    counts: Counts = Counts()


class DatasetList(BaseModel):
    """Every dataset, by name."""

    items: list[DatasetOut]


class DatasetCreate(BaseModel):
    """A new dataset; everything but the name has a default."""

    name: DatasetName
    description: str = Field(default="", max_length=10_000)
    review_mode: ReviewMode = "none"
    review_percent: int = Field(default=10, ge=0, le=100)
    policy: PolicyUpdate = PolicyUpdate()


class DatasetUpdate(BaseModel):
    """What is to change; the rest stays."""

    model_config = ConfigDict(extra="forbid")

    name: DatasetName | None = None
    description: str | None = Field(default=None, max_length=10_000)
    review_mode: ReviewMode | None = None
    review_percent: int | None = Field(default=None, ge=0, le=100)
    policy: PolicyUpdate | None = None


class FolderImport(BaseModel):
    """A folder on the server, below one of the configured import roots."""

    path: str = Field(min_length=1, max_length=4096)


class ImageOut(BaseModel):
    """One image. Sizes are of the upright image as it is served and annotated."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    dataset_id: uuid.UUID
    file_name: str
    width: int
    height: int
    sha256: str
    bytes: int
    state: ImageState
    embedded: bool = Field(default=False, description="under the dataset's active model's encoder")
    num_masks: int
    split: Split
    created_at: datetime

    @computed_field  # type: ignore[prop-decorator]
    @property
    def url(self) -> str:
        """Where the image file is."""
        return f"/api/images/{self.id}/file"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def thumbnail_url(self) -> str:
        """Where a small JPEG of it is."""
        return f"/api/images/{self.id}/thumbnail"


class ImagePage(BaseModel):
    """Some images, in order of import."""

    items: list[ImageOut]
    next_cursor: str | None
