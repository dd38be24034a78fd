"""The stage machine on the database: reading the figures, deciding by `policy`, writing the history. Never commits.

Every change locks the dataset, looks again, and writes one numbered row with the figures it was decided on; so two
schedulers, or a scheduler and an admin, never change the same stage twice.
"""

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.annotation import effort
from backend.core import events
from backend.core.db import utcnow
from backend.core.errors import Conflict, DomainError
from backend.datasets import service as datasets
from backend.datasets.models import Dataset
from backend.rounds import service as rounds
from backend.rounds.models import FINISHED_STATES, Round, RoundState, StageChange, Trigger
from backend.rounds.policy import Figures, Policy, Verdict, round_due, stage_verdict
from backend.rounds.schemas import StagesOut

logger = logging.getLogger(__name__)


def policy_of(dataset: Dataset) -> Policy:
    """The dataset's policy as the rules read it."""
    return Policy(**{name: dataset.policy[name] for name in Policy.__dataclass_fields__})


def figures_of(session: Session, dataset: Dataset, now: datetime | None = None) -> Figures:
    """The figures that both decisions (a round, a stage) look at; `now` is this moment unless told otherwise."""
    changes = history(session, dataset.id)
    entered = changes[0] if changes else None
    in_stage = select(Round).where(Round.dataset_id == dataset.id, Round.stage == dataset.stage)
    if entered is not None:
        in_stage = in_stage.where(Round.created_at >= entered.created_at)
    finished = session.scalars(in_stage.where(Round.state.in_(FINISHED_STATES)).order_by(Round.number.desc())).all()
    last = session.scalar(select(Round).where(Round.dataset_id == dataset.id).order_by(Round.number.desc()).limit(1))
    gains = [row.gate["gain"] for row in finished if row.gate is not None and row.gate.get("gain") is not None]
    proposals = effort.recent_proposals(session, dataset.id, policy_of(dataset).proposal_window)
    return Figures(
        stage=dataset.stage,
        masks=rounds.mask_counts(session, dataset.id)["train"],
        masks_at_stage_start=int(entered.figures.get("masks", 0)) if entered is not None else 0,
        # Any round counts, a failed one too: the same masks must not start a failing round every minute.
        masks_at_last_round=int(last.cause.get("masks", 0)) if last is not None else 0,
        rounds_in_stage=len(finished),
        gains=tuple(gains[:2]),
        seconds_per_mask=_seconds_per_round(session, dataset.id, finished),
        proposals_seen=proposals.seen,
        proposals_kept=proposals.good / proposals.seen if proposals.seen else None,
        calibration_error=_calibration_error(session, dataset.id),
        round_running=rounds.open_round(session, dataset.id) is not None,
        hour=(now or utcnow()).hour,
    )


def _seconds_per_round(session: Session, dataset_id: uuid.UUID, finished: Sequence[Round]) -> tuple[float | None, ...]:
    """Seconds per drawn mask of the masks that were new to each of the stage's last two rounds, newest first."""
    taken = session.scalars(
        select(Round.snapshot_at)
        .where(Round.dataset_id == dataset_id, Round.snapshot_at.is_not(None))
        .order_by(Round.snapshot_at.desc())
    ).all()
    spans = dict(zip(taken, [*taken, None][1:], strict=True))
    ends = [row.snapshot_at for row in finished if row.snapshot_at is not None][:2]
    return tuple(effort.seconds_per_mask(session, dataset_id, spans[end], end) for end in ends)


def _calibration_error(session: Session, dataset_id: uuid.UUID) -> float | None:
    """The active model's, as the last round that came to a verdict measured it on held-out masks."""
    query = select(Round).where(Round.dataset_id == dataset_id, Round.state.in_(FINISHED_STATES))
    last = session.scalar(query.order_by(Round.number.desc()).limit(1))
    if last is None:
        return None
    measured = (last.after if last.state == RoundState.activated else last.before) or {}
    return measured.get("calibration_error_1")


def history(session: Session, dataset_id: uuid.UUID) -> Sequence[StageChange]:
    """Every change of stage, newest first."""
    return session.scalars(
        select(StageChange).where(StageChange.dataset_id == dataset_id).order_by(StageChange.number.desc())
    ).all()


def describe(session: Session, dataset_id: uuid.UUID) -> StagesOut:
    """Where the dataset stands, what the policy waits for, and how it came here."""
    dataset = datasets.get_dataset(session, dataset_id)
    figures = figures_of(session, dataset)
    verdict = stage_verdict(figures, policy_of(dataset))
    return StagesOut.of(dataset.stage, verdict, figures.to_dict(), list(history(session, dataset_id)))


def change_stage(session: Session, dataset_id: uuid.UUID, stage: int, *, reason: str, user_id: uuid.UUID) -> StagesOut:
    """An admin's decision: any stage, whatever the gates say; the figures of the moment are kept.

    Conflict if already there.
    """
    dataset = rounds.lock_dataset(session, dataset_id)
    if dataset.stage == stage:
        raise Conflict(f"The dataset is in stage {stage} already.")
    figures = figures_of(session, dataset)
    verdict = stage_verdict(figures, policy_of(dataset))
    _record(session, dataset, stage, Trigger.manual, reason, figures, verdict, user_id)
    return describe(session, dataset_id)


def advance_if_ready(session: Session, dataset_id: uuid.UUID, now: datetime | None = None) -> StageChange | None:
    """The policy's decision: the next stage once its gates hold.

    None when it is not time, or not the policy's business.
    """
    dataset = rounds.lock_dataset(session, dataset_id)
    figures = figures_of(session, dataset, now)
    verdict = stage_verdict(figures, policy_of(dataset))
    if not verdict.automatic or verdict.target is None:
        return None
    return _record(session, dataset, verdict.target, Trigger.auto, verdict.reason, figures, verdict, None)


def start_round_if_due(session: Session, dataset_id: uuid.UUID, now: datetime | None = None) -> Round | None:
    """The policy's decision: a round once enough new masks are there. None when it is not time."""
    dataset = rounds.lock_dataset(session, dataset_id)
    figures = figures_of(session, dataset, now)
    due, reason = round_due(figures, policy_of(dataset))
    if not due:
        return None
    return rounds.start_round(session, dataset_id, trigger=Trigger.auto, reason=reason, figures=figures.to_dict())


def schedule(session: Session, now: datetime | None = None) -> None:
    """Every dataset's policy, looked at once, as of `now` (this moment unless told otherwise).

    A dataset that cannot start a round now does not stop the others.
    """
    for dataset_id in session.scalars(select(Dataset.id).order_by(Dataset.id)).all():
        try:
            with session.begin_nested():
                # A stage that is due comes first: rounds after it belong to the new stage.
                if advance_if_ready(session, dataset_id, now) is None:
                    start_round_if_due(session, dataset_id, now)
        except DomainError as error:
            logger.info("the policy of dataset %s has to wait: %s", dataset_id, error.detail)


def _record(
    session: Session,
    dataset: Dataset,
    stage: int,
    trigger: Trigger,
    reason: str,
    figures: Figures,
    verdict: Verdict,
    user_id: uuid.UUID | None,
) -> StageChange:
    number = session.scalar(select(func.max(StageChange.number)).where(StageChange.dataset_id == dataset.id)) or 0
    kept: dict[str, Any] = {**figures.to_dict(), "gates": [vars(gate) for gate in verdict.gates]}
    row = StageChange(
        dataset_id=dataset.id,
        number=number + 1,
        from_stage=dataset.stage,
        to_stage=stage,
        trigger=trigger,
        reason=reason,
        figures=kept,
        user_id=user_id,
    )
    session.add(row)
    dataset.stage = stage
    session.flush()
    events.emit(
        session,
        "stage.changed",
        dataset_id=dataset.id,
        from_stage=row.from_stage,
        to_stage=stage,
        trigger=str(trigger),
        reason=reason,
    )
    return row
