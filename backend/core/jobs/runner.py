"""Running one job: claim it, keep its lease alive, call its handler, write down how it ended.

The claim is one conditional UPDATE, so that of many messages for a job one wins and the others return at once. All
times are the database's, so that machines need not agree on the clock.
"""

import errno
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Interval, Update, and_, case, cast, exists, func, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, aliased

from backend.core import telemetry
from backend.core.db import uuid7
from backend.core.errors import DomainError
from backend.core.jobs.context import JobCancelled, JobContext, JobInterrupted, JobLost, remove_workdir
from backend.core.jobs.handlers import handlers
from backend.core.jobs.models import Job, JobState
from backend.core.jobs.notify import notify
from backend.core.runtime import Runtime
from engine.errors import EngineError

logger = logging.getLogger(__name__)

# The database going away in the middle is worth another attempt by itself; anything else would only fail again.
RETRY_AFTER_S = (2, 5, 15, 30, 60)


def database_now() -> Any:
    """The database's clock, not the transaction's start."""
    return func.clock_timestamp()


def seconds(value: float) -> Any:
    """A length of time as the database adds it to a clock."""
    return cast(timedelta(seconds=value), Interval)


def claim(session: Session, job_id: uuid.UUID, lease_s: float) -> Job | None:
    """Takes a queued job under a new lease; None if it is not waiting (any more)."""
    return session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.QUEUED, Job.cancel_requested.is_(False))
        .values(
            state=JobState.RUNNING,
            lease_token=uuid7(),
            lease_until=database_now() + seconds(lease_s),
            heartbeat_at=database_now(),
            started_at=database_now(),
            finished_at=None,
            attempts=Job.attempts + 1,
            error=None,
        )
        .returning(Job)
    )


def requeue(session: Session, wanted: Update, more: dict[Any, Any]) -> Job | None:
    """Puts the job that `wanted` names back into its queue, changed by `more` too; None if it names none.

    It gives up its dedupe key if another one waits with the same. One that is just being queued is not seen by the
    first attempt, which the index then stops; by the next it is, or is gone.
    """
    while True:
        try:
            with session.begin_nested():
                return session.scalar(wanted.values(_requeue_values() | more).returning(Job))
        except IntegrityError:
            continue


def _requeue_values() -> dict[Any, Any]:
    twin = aliased(Job)
    taken = exists().where(and_(twin.dedupe_key == Job.dedupe_key, twin.state == JobState.QUEUED, twin.id != Job.id))
    return {
        Job.state: JobState.QUEUED,
        Job.lease_token: None,
        Job.lease_until: None,
        Job.dedupe_key: case((taken, None), else_=Job.dedupe_key),
    }


def run_job(runtime: Runtime, job_id: uuid.UUID, *, stopping: threading.Event | None = None) -> bool:
    """Claims and runs one job to its end.

    Returns False when there was nothing to do: that is normal, messages may double.
    """
    with runtime.database.transaction() as session:
        job = claim(session, job_id, runtime.settings.job_lease_s)
        if job is None:
            return False
        notify(session, job)
    assert job.lease_token is not None
    context = JobContext(runtime, job, lease_token=job.lease_token, stopping=stopping)
    logger.info("job %s (%s) starts, attempt %d", job.id, job.kind, job.attempts)
    started = time.monotonic()
    outcome = _perform(context, job)
    telemetry.job_ended(job.kind, outcome, time.monotonic() - started)
    logger.info("job %s (%s) %s after %.1f s", job.id, job.kind, outcome, time.monotonic() - started)
    return True


def _perform(context: JobContext, job: Job) -> str:
    """Calls the handler and writes down the outcome; returns it in a word."""
    try:
        with _heartbeat(context):
            result = _handle(context)
    except JobLost:
        return "lost"  # somebody else's by now: nothing to write
    except JobInterrupted:
        _release(context)
        return "interrupted"
    except JobCancelled:
        return _end(context, JobState.CANCELLED, message="Cancelled.")
    except Exception as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated and job.attempts < job.max_attempts:
            _release(context, after_s=RETRY_AFTER_S[min(job.attempts, len(RETRY_AFTER_S)) - 1], keep_attempt=True)
            return "postponed"
        if not isinstance(error, (DomainError, EngineError)):
            logger.exception("job %s (%s) failed", job.id, job.kind)
        return _end(context, JobState.FAILED, error=error_text(error))
    return _end(context, JobState.SUCCEEDED, result=result or {})


def _handle(context: JobContext) -> dict[str, Any] | None:
    known = handlers.get(context.kind)
    if known is None:
        raise DomainError(
            f"This worker does not know jobs of kind {context.kind!r}. Restart the workers with the current version."
        )
    return known.function(context)


def error_text(error: BaseException) -> str:
    """A sentence a person understands."""
    if isinstance(error, DomainError):
        return error.detail
    if isinstance(error, EngineError):
        return str(error)
    if isinstance(error, MemoryError):
        return "The machine ran out of memory. Close other programs or use a smaller setting, then retry."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Free some space, then retry."
    if isinstance(error, OperationalError | InterfaceError):
        return "The database stopped answering. Retry when it is back; the worker's log has the details."
    return f"An unexpected error: {type(error).__name__}: {error}. The worker's log has the details."


def _mine(context: JobContext) -> Update:
    return update(Job).where(
        Job.id == context.job_id, Job.lease_token == context.lease_token, Job.state == JobState.RUNNING
    )


def _end(
    context: JobContext,
    state: JobState,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
    message: str | None = None,
) -> str:
    values: dict[str, Any] = {
        "state": state, "result": storable(result), "error": storable(error), "finished_at": database_now(),
        "lease_token": None, "lease_until": None,
    }  # fmt: skip
    if message is not None:
        values["message"] = message
    with context.runtime.database.transaction() as session:
        job = session.scalar(_mine(context).values(**values).returning(Job))
        if job is None:
            return "lost"
        notify(session, job)
    if state is not JobState.FAILED:
        remove_workdir(context.settings, context.job_id)
    return state.value


def storable(value: Any) -> Any:
    """The value without NUL characters, which Postgres has no way to hold: a job must be able to say how it ended."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list | tuple) else value


def _release(context: JobContext, *, after_s: float = 0.0, keep_attempt: bool = False) -> None:
    """Back to the queue. The reconciler sends it again: after a shutdown because Redis may be going too."""
    values: dict[Any, Any] = {Job.sent_at: database_now() + seconds(after_s - context.settings.resend_s)}
    if not keep_attempt:
        values[Job.attempts] = Job.attempts - 1
    with context.runtime.database.transaction() as session:
        job = requeue(session, _mine(context).where(Job.cancel_requested.is_(False)), values)
        if job is not None:
            notify(session, job)
            return
    # Lost, or cancelled meanwhile: nobody claims a queued job that is to be cancelled, so it ends here.
    _end(context, JobState.CANCELLED, message="Cancelled.")


@contextmanager
def _heartbeat(context: JobContext) -> Iterator[None]:
    """Renews the lease from a thread of its own until the block ends."""
    finished = threading.Event()
    thread = threading.Thread(target=_beat, args=(context, finished), name=f"lease-{context.job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _beat(context: JobContext, finished: threading.Event) -> None:
    settings = context.settings
    good_until = time.monotonic() + settings.job_lease_s
    while not finished.wait(settings.job_heartbeat_s):
        try:
            with context.runtime.database.transaction() as session:
                cancel_requested = session.scalar(
                    _mine(context)
                    .values(heartbeat_at=database_now(), lease_until=database_now() + seconds(settings.job_lease_s))
                    .returning(Job.cancel_requested)
                )
            if cancel_requested is None:
                context.lost.set()
                return
            if cancel_requested:
                context.cancelled.set()
            good_until = time.monotonic() + settings.job_lease_s
        except Exception as error:
            logger.warning("job %s: the heartbeat could not reach the database: %s", context.job_id, error)
            if time.monotonic() > good_until:
                context.lost.set()


def queued_job_ids(session: Session) -> list[uuid.UUID]:
    """Jobs waiting in any queue, oldest first."""
    return list(session.scalars(select(Job.id).where(Job.state == JobState.QUEUED).order_by(Job.created_at, Job.id)))
