"""Routes of rounds and stages."""

import uuid

from fastapi import APIRouter, status

from backend.accounts.dependencies import AdminUser, AnnotatorUser
from backend.core.db import SessionDep
from backend.core.errors import problem_responses
from backend.rounds import service, stages
from backend.rounds.schemas import ChangeStage, RoundList, RoundOut, StagesOut, StartRound

router = APIRouter(tags=["rounds"])


@router.get(
    "/api/rounds",
    summary="List a dataset's rounds, newest first",
    response_model=RoundList,
    responses=problem_responses(404),
)
def list_rounds(session: SessionDep, user: AnnotatorUser, dataset_id: uuid.UUID) -> RoundList:
    return RoundList(items=[RoundOut.of(row) for row in service.list_rounds(session, dataset_id)])


@router.post(
    "/api/rounds",
    summary="Start a round: snapshot, train, measure, activate if it does not regress",
    response_model=RoundOut,
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(404, 409),
)
def start_round(session: SessionDep, user: AdminUser, body: StartRound) -> RoundOut:
    row = service.start_round(session, body.dataset_id, mode=body.mode, options=body.settings, user_id=user.id)
    return RoundOut.of(row)


@router.get("/api/rounds/{round_id}", summary="One round", response_model=RoundOut, responses=problem_responses(404))
def get_round(session: SessionDep, user: AnnotatorUser, round_id: uuid.UUID) -> RoundOut:
    return RoundOut.of(service.WORK.get(session, round_id))


@router.post(
    "/api/rounds/{round_id}/cancel",
    summary="Stop a round that has not finished",
    response_model=RoundOut,
    responses=problem_responses(404, 409),
)
def cancel_round(session: SessionDep, user: AdminUser, round_id: uuid.UUID) -> RoundOut:
    return RoundOut.of(service.cancel_round(session, round_id))


@router.post(
    "/api/rounds/{round_id}/rollback",
    summary="Make the round's parent the active model again",
    response_model=RoundOut,
    responses=problem_responses(404, 409),
)
def rollback_round(session: SessionDep, user: AdminUser, round_id: uuid.UUID) -> RoundOut:
    return RoundOut.of(service.rollback(session, round_id))


@router.post(
    "/api/rounds/{round_id}/activate",
    summary="Activate the round's model although the gate rejected it",
    response_model=RoundOut,
    responses=problem_responses(404, 409),
)
def activate_round(session: SessionDep, user: AdminUser, round_id: uuid.UUID) -> RoundOut:
    return RoundOut.of(service.activate_anyway(session, round_id, user.id))


@router.get(
    "/api/datasets/{dataset_id}/stages",
    summary="The dataset's stage, the gates to the next one, and the history",
    response_model=StagesOut,
    responses=problem_responses(404),
)
def get_stages(session: SessionDep, user: AnnotatorUser, dataset_id: uuid.UUID) -> StagesOut:
    return stages.describe(session, dataset_id)


@router.post(
    "/api/datasets/{dataset_id}/stage",
    summary="Move the dataset to another stage",
    response_model=StagesOut,
    responses=problem_responses(404, 409),
)
def change_stage(session: SessionDep, user: AdminUser, dataset_id: uuid.UUID, body: ChangeStage) -> StagesOut:
    return stages.change_stage(session, dataset_id, body.stage, reason=body.reason, user_id=user.id)
