"""Jobs and the live event stream over HTTP."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from backend.accounts.dependencies import AdminUser, AnnotatorUser
from backend.activity.stream import EventHub, format_events
from backend.core import jobs
from backend.core.db import SessionDep
from backend.core.errors import problem_responses
from backend.core.jobs import Job, JobOut, JobState
from backend.core.jobs.schemas import JobPage

router = APIRouter(prefix="/api", tags=["jobs"])


@router.get("/jobs", summary="List jobs", response_model=JobPage, responses=problem_responses())
def list_jobs(
    _: AnnotatorUser,
    session: SessionDep,
    state: JobState | None = None,
    dataset_id: uuid.UUID | None = None,
    kind: str | None = None,
    cursor: Annotated[uuid.UUID | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JobPage:
    """Newest first."""
    found = jobs.list_jobs(session, state=state, dataset_id=dataset_id, kind=kind, before=cursor, limit=limit)
    items = [JobOut.model_validate(job) for job in found]
    return JobPage(items=items, next_cursor=str(items[-1].id) if len(items) == limit else None)


@router.get("/jobs/{job_id}", summary="Read a job", response_model=JobOut, responses=problem_responses(404))
def read_job(job_id: uuid.UUID, _: AnnotatorUser, session: SessionDep) -> Job:
    """How far it is, or how it ended."""
    return jobs.get_job(session, job_id)


@router.post("/jobs/{job_id}/cancel", summary="Cancel a job", response_model=JobOut, responses=problem_responses(404))
def cancel_job(job_id: uuid.UUID, _: AdminUser, session: SessionDep) -> Job:
    """A waiting job is cancelled at once, a running one at its next step."""
    return jobs.cancel(session, job_id)


@router.post(
    "/jobs/{job_id}/retry",
    summary="Try a failed or cancelled job again",
    response_model=JobOut,
    responses=problem_responses(404, 409),
)
def retry_job(job_id: uuid.UUID, _: AdminUser, session: SessionDep) -> Job:
    """It goes back to its queue with fresh attempts."""
    return jobs.retry(session, job_id)


@router.get(
    "/events",
    summary="Follow what happens",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}, **problem_responses()},
)
def follow_events(
    request: Request,
    _: AnnotatorUser,
    dataset_id: Annotated[uuid.UUID | None, Query(description="only events of this dataset, and of none")] = None,
) -> StreamingResponse:
    """Server-sent events: `event: <name>` and JSON `data` with at least `dataset_id`.
    A comment every 15 s keeps it open.

    An event may be missed while Redis or the connection is away: after a reconnect, ask again for what you show.
    """
    hub: EventHub = request.app.state.events
    stream = format_events(hub, str(dataset_id) if dataset_id else None)
    return StreamingResponse(
        stream, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
