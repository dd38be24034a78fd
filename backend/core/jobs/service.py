"""Asking for work, looking at it, cancelling and retrying it. Never commits."""

import uuid
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.core.db import after_commit, utcnow, uuid7
from backend.core.errors import Conflict, NotFound
from backend.core.events import jsonable
from backend.core.jobs.handlers import DEFAULT_MAX_ATTEMPTS, handlers, queue_of
from backend.core.jobs.models import FINISHED, Job, JobState
from backend.core.jobs.notify import notify
from backend.core.runtime import runtime_of


def enqueue(
    session: Session,
    kind: str,
    *,
    payload: dict[str, Any] | None = None,
    title: str | None = None,
    dataset_id: uuid.UUID | None = None,
    created_by: uuid.UUID | None = None,
    dedupe_key: str | None = None,
) -> Job:
    """Writes a queued job in this transaction and sends it after the commit.

    While a *queued* job with the same `dedupe_key` exists, that one is returned: it will start after this transaction,
    and so sees what this transaction did. A running one does not count.
    """
    known = handlers.get(kind)
    values = {
        "kind": kind,
        "queue": queue_of(kind),
        "title": title or kind,
        "payload": jsonable(payload or {}),
        "dataset_id": dataset_id,
        "created_by": created_by,
        "dedupe_key": dedupe_key,
        "max_attempts": known.max_attempts if known else DEFAULT_MAX_ATTEMPTS,
    }
    while True:
        now = utcnow()
        job: Job | None = session.scalar(
            insert(Job)
            .values(id=uuid7(), state=JobState.QUEUED, created_at=now, sent_at=now, **values)
            .on_conflict_do_nothing(index_elements=[Job.dedupe_key], index_where=text("state = 'queued'"))
            .returning(Job)
        )
        if job is not None:
            break
        # Locked, so that no worker starts it before this transaction has committed what it is about.
        waiting: Job | None = session.scalar(
            select(Job)
            .where(Job.dedupe_key == dedupe_key, Job.state == JobState.QUEUED)
            .with_for_update(read=True)
            .execution_options(populate_existing=True)
        )
        if waiting is not None:
            return waiting
    _send_after_commit(session, job)
    notify(session, job)
    return job


def _send_after_commit(session: Session, job: Job) -> None:
    runtime = runtime_of(session)
    if runtime is not None:
        job_id, queue = job.id, job.queue
        after_commit(session, lambda: runtime.send_job(job_id, queue))


def get_job(session: Session, job_id: uuid.UUID) -> Job:
    """The job, or `NotFound`."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise NotFound("There is no such job.")
    return job


def list_jobs(
    session: Session,
    *,
    state: JobState | None = None,
    dataset_id: uuid.UUID | None = None,
    kind: str | None = None,
    before: uuid.UUID | None = None,
    limit: int = 50,
) -> list[Job]:
    """Jobs, newest first; `before` is the last id of the page before."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Job.state == state)
    if dataset_id is not None:
        query = query.where(Job.dataset_id == dataset_id)
    if kind is not None:
        query = query.where(Job.kind == kind)
    if before is not None:
        query = query.where(Job.id < before)
    return list(session.scalars(query))


def forget_succeeded(session: Session, dedupe_key: str) -> None:
    """Removes the jobs of that key that ended well."""
    session.execute(delete(Job).where(Job.dedupe_key == dedupe_key, Job.state == JobState.SUCCEEDED))


def _locked(session: Session, job_id: uuid.UUID) -> Job:
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise NotFound("There is no such job.")
    return job


def cancel(session: Session, job_id: uuid.UUID) -> Job:
    """Cancels a queued job at once, and asks a running one to stop at its next step.

    A finished one is left as it is.
    """
    job = _locked(session, job_id)
    if job.state is JobState.QUEUED:
        job.state = JobState.CANCELLED
        job.cancel_requested = True
        job.finished_at = utcnow()
        job.message = "Cancelled before it started."
        notify(session, job)
    elif job.state is JobState.RUNNING and not job.cancel_requested:
        job.cancel_requested = True
        notify(session, job)
    return job


def retry(session: Session, job_id: uuid.UUID) -> Job:
    """Queues a failed or cancelled job again, with fresh attempts."""
    job = _locked(session, job_id)
    if job.state not in FINISHED or job.state is JobState.SUCCEEDED:
        raise Conflict(f"Only a failed or cancelled job can be tried again; this one is {job.state.value}.")
    try:
        with session.begin_nested():
            job.state = JobState.QUEUED
    except IntegrityError:  # of the one constraint there is: another job of its `dedupe_key` waits already
        raise Conflict("The same work is already waiting in the queue.") from None
    job.attempts = 0
    job.error = job.result = job.finished_at = job.started_at = None
    job.cancel_requested = False
    job.message = ""
    job.sent_at = utcnow()
    _send_after_commit(session, job)
    notify(session, job)
    return job
