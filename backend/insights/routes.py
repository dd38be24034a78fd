"""The route of insights."""

import uuid

from fastapi import APIRouter

from backend.accounts.dependencies import AnnotatorUser
from backend.core.db import SessionDep
from backend.core.errors import problem_responses
from backend.insights import service
from backend.insights.schemas import InsightsOut

router = APIRouter(prefix="/api/insights", tags=["insights"])


@router.get(
    "/{dataset_id}",
    summary="How the loop goes: seconds, clicks and masks per image, by round and by day",
    response_model=InsightsOut,
    responses=problem_responses(404),
)
def get_insights(session: SessionDep, user: AnnotatorUser, dataset_id: uuid.UUID) -> InsightsOut:
    return service.insights(session, dataset_id)
