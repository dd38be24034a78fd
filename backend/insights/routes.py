"""The routes of insights."""

import uuid

from fastapi import APIRouter

from backend.accounts.dependencies import AnnotatorUser
from backend.core.db import SessionDep
from backend.core.errors import problem_responses
from backend.insights import service
from backend.insights.recorded import recorded_run
from backend.insights.schemas import InsightsOut, RecordedRun

router = APIRouter(prefix="/api/insights", tags=["insights"])


# Before the route that would take "recorded" for a dataset's id.
@router.get(
    "/recorded",
    summary="A recorded run of the simulated loop, to compare with",
    response_model=RecordedRun,
    responses=problem_responses(),
)
def get_recorded(user: AnnotatorUser) -> RecordedRun:
    return recorded_run()


@router.get(
    "/{dataset_id}",
    summary="How the loop goes: seconds, clicks and masks per image, by round and by day",
    response_model=InsightsOut,
    responses=problem_responses(404),
)
def get_insights(session: SessionDep, user: AnnotatorUser, dataset_id: uuid.UUID) -> InsightsOut:
    return service.insights(session, dataset_id)
