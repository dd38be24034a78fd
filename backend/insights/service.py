"""The loop's figures, counted from masks and rounds when asked. Reads only."""

import uuid
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from backend.annotation import effort
from backend.annotation.models import Mask
from backend.datasets import service as datasets
from backend.insights.schemas import DayInsight, Effort, InsightsOut, RoundInsight, Totals
from backend.rounds import service as rounds
from backend.rounds.models import FINISHED_STATES, Round


def insights(session: Session, dataset_id: uuid.UUID) -> InsightsOut:
    """Everything the insights page shows."""
    datasets.get_dataset(session, dataset_id)
    rows = sorted(rounds.list_rounds(session, dataset_id), key=lambda row: row.number)
    taken = [row for row in rows if row.snapshot_at is not None]
    starts = [None, *(row.snapshot_at for row in taken)]
    per_round = [
        _round_insight(row, effort.count(session, dataset_id, since, row.snapshot_at))
        for row, since in zip(taken, starts[:-1], strict=True)
    ]
    everything = effort.count(session, dataset_id, None, None)
    return InsightsOut(
        rounds=per_round,
        current=Effort(**_effort(effort.count(session, dataset_id, starts[-1], None))),
        totals=Totals(
            **_effort(everything),
            drawn_masks=everything.drawn,
            proposals=everything.kept,
            imported=everything.imported,
            generated=everything.generated,
            hours=everything.seconds / 3600,
            rounds=sum(row.state in FINISHED_STATES for row in rows),
        ),
        per_day=_per_day(session, dataset_id),
    )


def _per_day(session: Session, dataset_id: uuid.UUID) -> list[DayInsight]:
    day = func.date(func.timezone("UTC", effort.MOMENT)).label("day")
    touched = or_(effort.BY_PEOPLE, effort.DROPPED_PROPOSAL)
    query = select(day, *effort.COUNTS).where(Mask.dataset_id == dataset_id, touched, effort.MOMENT.is_not(None))
    rows = session.execute(query.group_by(day).order_by(day)).all()
    return [DayInsight(day=row.day, **_effort(row)) for row in rows]


def _effort(row: Any) -> dict[str, Any]:
    return {
        "masks": row.masks,
        "images": row.images,
        "seconds_per_mask": _ratio(row.seconds, row.drawn),
        "seconds_per_mask_left": _ratio(row.seconds, row.masks),
        "clicks_per_mask": _ratio(row.clicks, row.drawn),
        "masks_per_image": _ratio(row.masks, row.images),
        "proposals_kept": _ratio(row.kept, row.kept + row.dropped),
    }


def _ratio(value: float, count: int) -> float | None:
    return float(value) / count if count else None


def _round_insight(row: Round, counts: Any) -> RoundInsight:
    before, after, gate = row.before or {}, row.after or {}, row.gate or {}
    return RoundInsight(
        **_effort(counts),
        round_id=row.id,
        number=row.number,
        stage=row.stage,
        state=str(row.state),
        model_id=row.model_id,
        miou_1=after.get("miou_1"),
        miou_5=after.get("miou_5"),
        miou_1_before=before.get("miou_1"),
        miou_5_before=before.get("miou_5"),
        gain=gate.get("gain"),
        created_at=row.created_at,
    )
