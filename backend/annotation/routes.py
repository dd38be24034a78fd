"""Annotation over HTTP: leasing tasks, writing masks."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from backend.accounts.dependencies import AnnotatorUser
from backend.annotation import leases, service
from backend.annotation.models import Mask
from backend.annotation.schemas import CompleteIn, HeartbeatOut, LeaseIn, MaskIn, MaskOut, MaskPage, TaskOut
from backend.core.db import SessionDep
from backend.core.errors import problem_responses
from backend.registry import service as registry

router = APIRouter(prefix="/api", tags=["annotation"])


@router.post(
    "/tasks/lease",
    summary="Get an image to annotate",
    response_model=TaskOut,
    responses={204: {"description": "nothing is left to annotate"}, **problem_responses(404, 409)},
)
def lease_task(body: LeaseIn, user: AnnotatorUser, session: SessionDep) -> TaskOut | Response:
    """The task held already, else the next free one. Nobody else gets it while the lease is renewed."""
    task = leases.lease(session, body.dataset_id, user, body.image_id)
    if task is None:
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    return service.task_out(session, task)


@router.get("/tasks/{task_id}", summary="Read a task", response_model=TaskOut, responses=problem_responses(404))
def read_task(task_id: uuid.UUID, _: AnnotatorUser, session: SessionDep) -> TaskOut:
    """The image, the model in use, and the masks there are."""
    return service.task_out(session, leases.get_task(session, task_id))


@router.post(
    "/tasks/{task_id}/heartbeat",
    summary="Renew the lease on a task",
    response_model=HeartbeatOut,
    responses=problem_responses(404, 409),
)
def renew_lease(task_id: uuid.UUID, user: AnnotatorUser, session: SessionDep) -> HeartbeatOut:
    """Send one a minute. 409 `lease_lost` when the lease ran out; what was saved is kept."""
    task = leases.heartbeat(session, task_id, user)
    model = registry.active_model(session, task.dataset_id)
    assert task.leased_until is not None
    return HeartbeatOut(leased_until=task.leased_until, model_id=model.id if model else None)


@router.post(
    "/tasks/{task_id}/complete",
    summary="Finish or skip an image",
    response_model=TaskOut,
    responses=problem_responses(404, 409),
)
def complete_task(task_id: uuid.UUID, body: CompleteIn, user: AnnotatorUser, session: SessionDep) -> TaskOut:
    """Proposals still there count as accepted, unless the image is skipped. Sending it twice changes nothing."""
    task = service.complete_task(session, task_id, user, skipped=body.skipped, seconds_s=body.seconds_s)
    return service.task_out(session, task)


@router.post(
    "/tasks/{task_id}/release",
    summary="Give a task back",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(404),
)
def release_task(task_id: uuid.UUID, user: AnnotatorUser, session: SessionDep) -> None:
    """The image goes back to the queue with the masks it has."""
    leases.release(session, task_id, user)


@router.get(
    "/images/{image_id}/masks",
    summary="List an image's masks",
    response_model=MaskPage,
    responses=problem_responses(404),
)
def list_masks(
    image_id: uuid.UUID,
    _: AnnotatorUser,
    session: SessionDep,
    cursor: Annotated[uuid.UUID | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 5000,
) -> MaskPage:
    """In the order they were made, proposals and rejected ones included."""
    masks = service.list_masks(session, image_id, after=cursor, limit=limit)
    items = [MaskOut.model_validate(mask) for mask in masks]
    return MaskPage(items=items, next_cursor=str(items[-1].id) if len(items) == limit else None)


@router.get("/masks/{mask_id}", summary="Read a mask", response_model=MaskOut, responses=problem_responses(404))
def read_mask(mask_id: uuid.UUID, _: AnnotatorUser, session: SessionDep) -> Mask:
    """With everything needed to replay it."""
    return service.get_mask(session, mask_id)


@router.put(
    "/masks/{mask_id}",
    summary="Save a mask",
    response_model=MaskOut,
    responses=problem_responses(404, 409),
)
def put_mask(mask_id: uuid.UUID, body: MaskIn, user: AnnotatorUser, session: SessionDep) -> Mask:
    """Idempotent: the id and the revision are made by the client, so any write may be sent again.

    409 `stale_revision` comes with the stored mask in `current`, `lease_lost` when somebody else has the image now,
    `id_taken` when the id belongs to a mask of another image.
    """
    return service.put_mask(session, mask_id, user, body)


@router.delete(
    "/masks/{mask_id}",
    summary="Delete a mask",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(409),
)
def delete_mask(
    mask_id: uuid.UUID,
    user: AnnotatorUser,
    session: SessionDep,
    revision: Annotated[int, Query(ge=1, le=1_000_000_000, description="the stored revision plus one")],
) -> None:
    """Idempotent, and fine for a mask that never arrived. A save with a higher revision brings the mask back."""
    service.delete_mask(session, mask_id, revision, user)
