"""Tasks and masks as clients see and send them.

Points are (x, y) in the image frame, boxes xyxy, `bbox` is SA-1B's xywh.
"""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.annotation.models import MaskSource, MaskStatus, TaskState
from backend.datasets.schemas import ImageOut
from backend.registry.schemas import ModelOut

# Far above any mask of a 100 MP image that a person drew, far below what would hurt the database.
MAX_RLE_CHARS = 8_000_000
Finite = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=30 * 24 * 3600, allow_inf_nan=False)]
Score = Annotated[float, Field(ge=-1, le=2, allow_inf_nan=False, description="the model's estimate, about 0..1")]


class RleIn(BaseModel):
    """A compressed COCO RLE in the image frame."""

    size: Annotated[list[int], Field(min_length=2, max_length=2, description="[height, width] of the image")]
    counts: Annotated[str, Field(max_length=MAX_RLE_CHARS)]


class PointPrompt(BaseModel):
    """A click: label 1 is foreground, 0 background."""

    type: Literal["point"]
    x: Finite
    y: Finite
    label: Literal[0, 1]


class BoxPrompt(BaseModel):
    """A box [x0, y0, x1, y1]."""

    type: Literal["box"]
    box: Annotated[list[Finite], Field(min_length=4, max_length=4)]


class MaskPrompt(BaseModel):
    """The mask as it was, fed back to the decoder."""

    type: Literal["mask"]


Prompt = Annotated[PointPrompt | BoxPrompt | MaskPrompt, Field(discriminator="type")]


class MaskIn(BaseModel):
    """A mask as a page writes it.

    `revision` counts the writes of this mask by the client: 1, then one more each time.
    """

    task_id: uuid.UUID
    image_id: uuid.UUID
    revision: Annotated[int, Field(ge=1, le=1_000_000_000)]
    rle: RleIn
    source: MaskSource
    model_id: uuid.UUID | None = None
    prompts: Annotated[list[Prompt], Field(max_length=1000)] = []
    candidate: Annotated[int | None, Field(ge=0, le=3, description="the decoder's output token that was taken")] = None
    num_clicks: Annotated[int, Field(ge=0, le=100_000)] = 0
    seconds_s: Seconds = 0.0
    predicted_iou: Score | None = None
    stability_score: Score | None = None
    edited: bool = False


class RleOut(BaseModel):
    """A compressed COCO RLE: `size` is [height, width]."""

    model_config = ConfigDict(from_attributes=True)

    size: list[int]
    counts: str


class MaskOut(BaseModel):
    """One mask with everything known of how it came to be."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    image_id: uuid.UUID
    dataset_id: uuid.UUID
    task_id: uuid.UUID | None
    revision: int
    rle: RleOut
    bbox: list[float]
    area: int
    source: MaskSource
    status: MaskStatus
    model_id: uuid.UUID | None
    prompts: list[dict[str, Any]]
    candidate: int | None
    num_clicks: int
    seconds_s: float
    predicted_iou: float | None
    stability_score: float | None
    edited: bool
    user_id: uuid.UUID | None
    reject_reason: str | None
    stage: int
    created_at: datetime
    updated_at: datetime


class MaskPage(BaseModel):
    """Masks of an image, in the order they were made; `next_cursor` is null on the last page."""

    items: list[MaskOut]
    next_cursor: str | None


class LeaseIn(BaseModel):
    """Asks for work in a dataset; `image_id` asks for a certain image."""

    dataset_id: uuid.UUID
    image_id: uuid.UUID | None = None


class CompleteIn(BaseModel):
    """Ends the work on an image. `seconds_s` is the time the annotator spent on it."""

    seconds_s: Seconds
    skipped: bool = False


class TaskOut(BaseModel):
    """One image to annotate, with all a page needs to start: the image, the model, the masks there are."""

    id: uuid.UUID
    dataset_id: uuid.UUID
    image: ImageOut
    state: TaskState
    stage: int
    leased_until: datetime | None
    user_id: uuid.UUID | None
    model: ModelOut | None
    masks: list[MaskOut]
    remaining: int
    returned_reasons: list[str]


class HeartbeatOut(BaseModel):
    """The renewed lease, and the model version to use from the next image on."""

    leased_until: datetime
    model_id: uuid.UUID | None
