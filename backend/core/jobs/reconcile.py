"""The clock's work: jobs whose worker went silent are taken back, and messages that were lost are sent again."""

import logging
import zlib
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from backend.core.db import after_commit
from backend.core.jobs.context import remove_workdir
from backend.core.jobs.handlers import Periodic
from backend.core.jobs.models import Job, JobState
from backend.core.jobs.notify import notify
from backend.core.jobs.runner import database_now, requeue, seconds
from backend.core.runtime import Runtime

logger = logging.getLogger(__name__)

SEND_AT_MOST = 200
WORKDIRS_KEPT = timedelta(days=14)


def reconcile(runtime: Runtime) -> None:
    """One round of both. Safe to run anywhere, any number of times at once."""
    with runtime.database.transaction() as session:
        take_back(session)
    with runtime.database.transaction() as session:
        send_again(session, runtime)
    _remove_old_workdirs(runtime)


def take_back(session: Session) -> int:
    """Requeues running jobs whose lease has run out; those out of attempts fail. Returns how many it touched."""
    silent = list(
        session.scalars(
            select(Job)
            .where(Job.state == JobState.RUNNING, Job.lease_until < database_now())
            .order_by(Job.created_at)
            .with_for_update(skip_locked=True)
        )
    )
    for job in silent:
        this = update(Job).where(Job.id == job.id)
        if job.cancel_requested:
            values: dict[Any, Any] | None = {
                Job.state: JobState.CANCELLED, Job.finished_at: database_now(), Job.message: "Cancelled.",
                Job.lease_token: None, Job.lease_until: None,
            }  # fmt: skip
        elif job.attempts >= job.max_attempts:
            values = {
                Job.state: JobState.FAILED, Job.finished_at: database_now(),
                Job.lease_token: None, Job.lease_until: None,
                Job.error: f"The worker stopped without a word, {job.attempts} times in a row. "
                "It may have run out of memory: look at the worker's log, then retry.",
            }  # fmt: skip
        else:
            values = None
        logger.warning("job %s (%s) went silent in attempt %d", job.id, job.kind, job.attempts)
        if values is None:
            requeue(session, this, {Job.sent_at: None, Job.message: "The worker stopped; waiting for another."})
        else:
            session.execute(this.values(values))
        session.refresh(job)
        notify(session, job)
    return len(silent)


def send_again(session: Session, runtime: Runtime) -> int:
    """Sends queued jobs unheard of for a while, if their queue holds fewer messages than jobs wait.

    Returns how many.
    """
    waiting = session.execute(select(Job.queue, func.count()).where(Job.state == JobState.QUEUED).group_by(Job.queue))
    sent = 0
    for queue, count in waiting.all():
        try:
            held = int(runtime.redis.llen(queue))
        except Exception as error:
            logger.warning("Redis does not answer, so no lost message can be sent again: %s", error)
            return sent
        missing = min(count - held, SEND_AT_MOST)
        if missing <= 0:
            continue
        stale = session.scalars(
            select(Job)
            .where(
                Job.state == JobState.QUEUED,
                Job.queue == queue,
                Job.sent_at.is_(None) | (Job.sent_at < database_now() - seconds(runtime.settings.resend_s)),
            )
            .order_by(Job.created_at)
            .limit(missing)
            .with_for_update(skip_locked=True)
        )
        for job in stale:
            job.sent_at = session.scalar(select(database_now()))
            _send_after_commit(session, runtime, job)
            sent += 1
    return sent


def _send_after_commit(session: Session, runtime: Runtime, job: Job) -> None:
    job_id, queue = job.id, job.queue
    after_commit(session, lambda: runtime.send_job(job_id, queue))


def run_periodic(runtime: Runtime, periodic: Periodic) -> bool:
    """Runs one clocked function unless another process is just doing so."""
    with runtime.database.transaction() as session:
        key = zlib.crc32(periodic.name.encode())
        if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key}):
            return False
        periodic.function(session)
    return True


def _remove_old_workdirs(runtime: Runtime) -> None:
    """Scratch folders of jobs that failed long ago."""
    with runtime.database.transaction() as session:
        old = session.scalars(
            select(Job.id)
            .where(
                Job.state.in_([JobState.FAILED, JobState.CANCELLED]),
                Job.finished_at < database_now() - WORKDIRS_KEPT,
                Job.finished_at > database_now() - 2 * WORKDIRS_KEPT,
            )
            .limit(SEND_AT_MOST)
        ).all()
    for job_id in old:
        remove_workdir(runtime.settings, job_id)
