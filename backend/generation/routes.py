"""Routes of generation runs."""

import uuid

from fastapi import APIRouter, status

from backend.accounts.dependencies import AdminUser, AnnotatorUser
from backend.core.db import SessionDep
from backend.core.errors import problem_responses
from backend.generation import service
from backend.generation.schemas import GenerationList, GenerationOut, StartGeneration

router = APIRouter(prefix="/api/generations", tags=["generations"])


@router.get(
    "",
    summary="List a dataset's generation runs, newest first",
    response_model=GenerationList,
    responses=problem_responses(404),
)
def list_generations(session: SessionDep, user: AnnotatorUser, dataset_id: uuid.UUID) -> GenerationList:
    rows = service.list_generations(session, dataset_id)
    counted = service.totals(session, [row.id for row in rows])
    return GenerationList(items=[GenerationOut.of(row, counted[row.id]) for row in rows])


@router.post(
    "",
    summary="Generate masks for every image of a dataset, in the background",
    response_model=GenerationOut,
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(404, 409),
)
def start_generation(session: SessionDep, user: AdminUser, body: StartGeneration) -> GenerationOut:
    row = service.start_generation(
        session, body.dataset_id, preset=body.preset, settings=body.settings, user_id=user.id
    )
    return GenerationOut.of(row, service.totals(session, [row.id])[row.id])


@router.get(
    "/{generation_id}",
    summary="One generation run",
    response_model=GenerationOut,
    responses=problem_responses(404),
)
def get_generation(session: SessionDep, user: AnnotatorUser, generation_id: uuid.UUID) -> GenerationOut:
    row = service.WORK.get(session, generation_id)
    return GenerationOut.of(row, service.totals(session, [row.id])[row.id])
