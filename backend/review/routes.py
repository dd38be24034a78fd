"""Review over HTTP: what waits for a verdict, and verdicts."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from backend.accounts.dependencies import ReviewerUser
from backend.annotation.models import Mask
from backend.annotation.schemas import MaskOut
from backend.core.db import SessionDep
from backend.core.errors import problem_responses
from backend.review import service
from backend.review.schemas import ReviewPage, VerdictIn
from backend.review.service import ReviewStatus

router = APIRouter(prefix="/api", tags=["review"])


@router.get("/review", summary="List masks for review", response_model=ReviewPage, responses=problem_responses(404))
def list_reviews(
    _: ReviewerUser,
    session: SessionDep,
    dataset_id: uuid.UUID,
    status: Annotated[ReviewStatus, Query(description="pending: the dataset's policy asks for a verdict")] = "pending",
    cursor: Annotated[uuid.UUID | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ReviewPage:
    """Oldest first, each with its image."""
    return service.page(session, dataset_id, status, after=cursor, limit=limit)


@router.post(
    "/masks/{mask_id}/review",
    summary="Approve or reject a mask",
    response_model=MaskOut,
    responses=problem_responses(404, 409),
)
def review_mask(mask_id: uuid.UUID, body: VerdictIn, user: ReviewerUser, session: SessionDep) -> Mask:
    """A rejected mask sends its image back to the queue; the next annotator is shown the reason."""
    return service.give_verdict(session, mask_id, user, body.verdict, reason=body.reason, revision=body.revision)
