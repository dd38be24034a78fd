"""Tells pages, and the pipeline, what became of a job."""

from sqlalchemy.orm import Session

from backend.core import events
from backend.core.jobs.models import FINISHED, Job


def notify(session: Session, job: Job) -> None:
    """Emits `job.updated` for pages and, once the job has ended, `job.finished` for the pipeline."""
    events.emit(
        session,
        "job.updated",
        dataset_id=job.dataset_id,
        job_id=job.id,
        kind=job.kind,
        state=job.state.value,
        title=job.title,
        done=job.done,
        total=job.total,
        message=job.message,
        error=job.error,
    )
    if job.state in FINISHED:
        events.emit(
            session,
            "job.finished",
            dataset_id=job.dataset_id,
            broadcast=False,
            job_id=job.id,
            kind=job.kind,
            state=job.state.value,
            error=job.error,
            payload=job.payload,
        )
