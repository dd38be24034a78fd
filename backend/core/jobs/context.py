"""What a handler gets: its payload, transactions that a lost lease cannot commit, progress, and a way to be stopped."""

import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.core.jobs.models import Job, JobState
from backend.core.jobs.notify import notify
from backend.core.runtime import Runtime
from backend.core.storage import Storage
from backend.settings import Settings

PROGRESS_EVERY_S = 0.25
CHECK_EVERY_S = 0.5


class JobCancelled(Exception):  # noqa: N818
    """Somebody asked for this job to be cancelled."""


class JobLost(Exception):  # noqa: N818
    """This worker went silent for too long and another one may have the job: stop, and commit nothing more."""


class JobInterrupted(Exception):  # noqa: N818
    """This worker is shutting down: the job goes back to its queue."""


class JobContext:
    """One run of one job, under one lease."""

    def __init__(
        self, runtime: Runtime, job: Job, *, lease_token: uuid.UUID, stopping: threading.Event | None = None
    ) -> None:
        self.runtime = runtime
        self.job_id = job.id
        self.kind = job.kind
        self.payload: dict[str, Any] = dict(job.payload)
        self.dataset_id = job.dataset_id
        self.created_by = job.created_by
        self.attempt = job.attempts
        self.lease_token = lease_token
        self.lost = threading.Event()
        self.cancelled = threading.Event()
        self._stopping = stopping or threading.Event()
        self._checked_at = time.monotonic()
        self._progressed_at = 0.0

    @property
    def settings(self) -> Settings:
        """This process's settings."""
        return self.runtime.settings

    @property
    def storage(self) -> Storage:
        """Where files live."""
        return self.runtime.storage

    @property
    def workdir(self) -> Path:
        """A scratch folder that a later attempt at the same job finds again; removed when the job has succeeded."""
        folder = job_workdir(self.settings, self.job_id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction that commits only while this run holds the lease; raises `JobLost` instead of committing."""
        with self.runtime.database.transaction() as session:
            yield session
            session.flush()
            # Locked until the commit, so the reconciler cannot take the lease away in between.
            held = session.scalar(
                select(Job.id)
                .where(Job.id == self.job_id, Job.lease_token == self.lease_token, Job.state == JobState.RUNNING)
                .with_for_update(read=True)
            )
            if held is None:
                self.lost.set()
                raise JobLost

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Says how far the job is; cheap enough to call in every step. The last step is always told."""
        now = time.monotonic()
        if now - self._progressed_at < PROGRESS_EVERY_S and done < total:
            return
        self._progressed_at = now
        with self.runtime.database.transaction() as session:
            job = session.scalar(
                update(Job)
                .where(Job.id == self.job_id, Job.lease_token == self.lease_token, Job.state == JobState.RUNNING)
                .values(done=done, total=total, message=message)
                .returning(Job)
            )
            if job is not None:
                notify(session, job)

    def check(self) -> None:
        """Call between steps. Raises when the job is to stop: cancelled, lost, or the worker is shutting down."""
        if self._stopping.is_set():
            raise JobInterrupted
        now = time.monotonic()
        if now - self._checked_at >= CHECK_EVERY_S:
            self._checked_at = now
            self._look()
        if self.lost.is_set():
            raise JobLost
        if self.cancelled.is_set():
            raise JobCancelled

    def should_stop(self) -> bool:
        """`check` for code that wants a flag instead of an exception."""
        try:
            self.check()
        except (JobCancelled, JobLost, JobInterrupted):
            return True
        return False

    def _look(self) -> None:
        with self.runtime.database.transaction() as session:
            row = session.execute(
                select(Job.cancel_requested).where(
                    Job.id == self.job_id, Job.lease_token == self.lease_token, Job.state == JobState.RUNNING
                )
            ).one_or_none()
        if row is None:
            self.lost.set()
        elif row.cancel_requested:
            self.cancelled.set()


def job_workdir(settings: Settings, job_id: uuid.UUID) -> Path:
    """Where a job keeps what must survive a retry."""
    return settings.effective_work_dir / "jobs" / str(job_id)


def remove_workdir(settings: Settings, job_id: uuid.UUID) -> None:
    """Removes a job's scratch folder, if there is one."""
    shutil.rmtree(job_workdir(settings, job_id), ignore_errors=True)
