"""Rows that a job works for: a round, a generation run, an export.

Such a row is written together with its job, tells pages where it stands, and ends as its job ended where the job could
not finish it.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, ForeignKey, exists, or_
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.core.db import utcnow, uuid7
from backend.core.errors import NotFound
from backend.core.events import Event
from backend.core.jobs.models import Job, JobState
from backend.core.jobs.service import enqueue


class WorkMixin:
    """The columns such a table has."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    state: Mapped[str]
    error: Mapped[str | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    finished_at: Mapped[datetime | None]


Row = TypeVar("Row", bound=WorkMixin)


@dataclass(frozen=True)
class Work(Generic[Row]):
    """What the rows of one table have in common.

    `kind` is that of their jobs, whose payload names the row under `key`; `open_states` are those of a row that is not
    finished; `missing` is what to say when there is none, `announce` tells pages where a row stands.
    """

    table: type[Row]
    kind: str
    key: str
    open_states: tuple[str, ...]
    missing: str
    announce: Callable[[Session, Row], None]

    def get(self, session: Session, row_id: uuid.UUID, *, lock: bool = False) -> Row:
        """The row, or NotFound; with `lock`, until the end of the transaction."""
        row = session.get(self.table, row_id, with_for_update=lock or None, populate_existing=True)
        if row is None:
            raise NotFound(self.missing.format(row_id))
        return row

    def is_going_on(self) -> ColumnElement[bool]:
        """The condition for rows that are not finished, those whose job is tried again included."""
        again = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
        return or_(self.table.state.in_(self.open_states), exists().where(Job.id == self.table.job_id, again))

    def start(self, session: Session, row: Row, title: str) -> Row:
        """Writes a new row and its job."""
        session.add(row)
        session.flush()
        job = enqueue(
            session,
            self.kind,
            payload={self.key: str(row.id)},
            title=title,
            dataset_id=row.dataset_id,
            created_by=row.created_by,
        )
        row.job_id = job.id
        self.announce(session, row)
        return row

    def on_job_finished(self, session: Session, event: Event) -> None:
        """A row whose job failed or was cancelled has ended the same way. (Subscribed to `job.finished`.)"""
        ended = event.data.get("state")
        if event.data.get("kind") != self.kind or ended not in (JobState.FAILED, JobState.CANCELLED):
            return
        row = session.get(self.table, uuid.UUID(str(event.data["payload"][self.key])), with_for_update=True)
        if row is None or row.state not in self.open_states:
            return
        row.state, row.error, row.finished_at = str(ended), event.data.get("error"), utcnow()
        self.announce(session, row)
