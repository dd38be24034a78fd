"""A job as clients see it."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, computed_field

from backend.core.jobs.models import JobState


class JobOut(BaseModel):
    """A unit of background work: how far it is, how it ended."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    kind: str
    queue: str
    title: str
    state: JobState
    done: int
    total: int
    message: str
    result: dict[str, Any] | None
    error: str | None
    attempts: int
    dataset_id: uuid.UUID | None
    created_by: uuid.UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool

    @computed_field(description="whether POST /api/jobs/{id}/retry makes sense")  # type: ignore[prop-decorator]
    @property
    def can_retry(self) -> bool:
        """Whether it ended without success, so that it can be tried again."""
        return self.state in (JobState.FAILED, JobState.CANCELLED)


class JobPage(BaseModel):
    """Some jobs, newest first."""

    items: list[JobOut]
    next_cursor: str | None
