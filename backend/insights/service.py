"""The loop's figures, counted from masks and rounds when asked. Reads only.

A mask counts for the moment it was accepted. "Drawn" are masks that cost a person drawing: from prompts, by brush, or a
proposal that was mended; "automatic masks excluded", as the paper counts seconds per mask.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, distinct, func, or_, select, true
from sqlalchemy.orm import Session

from backend.annotation.models import Mask, MaskSource, MaskStatus
from backend.datasets import service as datasets
from backend.insights.schemas import DayInsight, Effort, InsightsOut, RoundInsight, Totals
from backend.rounds import service as rounds
from backend.rounds.models import FINISHED_STATES, Round

_STANDS = and_(Mask.deleted_at.is_(None), Mask.status.in_([MaskStatus.ACCEPTED, MaskStatus.APPROVED]))
_KEPT_PROPOSAL = and_(_STANDS, Mask.source == MaskSource.PROPOSAL)
_DRAWN = and_(
    _STANDS,
    or_(
        Mask.source.in_([MaskSource.MODEL, MaskSource.BRUSH]),
        and_(Mask.source == MaskSource.PROPOSAL, Mask.edited.is_(True)),
    ),
)
_BY_PEOPLE = and_(_STANDS, Mask.source.in_([MaskSource.MODEL, MaskSource.BRUSH, MaskSource.PROPOSAL]))
# A proposal that was looked at and thrown away is kept as a tombstone.
_DROPPED_PROPOSAL = and_(Mask.deleted_at.is_not(None), Mask.source == MaskSource.PROPOSAL)
# When it happened: the acceptance, or for a dropped proposal the dropping.
_MOMENT = case((_DROPPED_PROPOSAL, Mask.deleted_at), else_=Mask.accepted_at)

_COUNTS = (
    func.count().filter(_BY_PEOPLE).label("masks"),
    func.count(distinct(Mask.image_id)).filter(_BY_PEOPLE).label("images"),
    func.count().filter(_DRAWN).label("drawn"),
    func.coalesce(func.sum(Mask.seconds_s).filter(_DRAWN), 0.0).label("seconds"),
    func.coalesce(func.sum(Mask.num_clicks).filter(_DRAWN), 0).label("clicks"),
    func.count().filter(_KEPT_PROPOSAL).label("kept"),
    func.count().filter(_DROPPED_PROPOSAL).label("dropped"),
    func.count().filter(and_(_STANDS, Mask.source == MaskSource.IMPORT)).label("imported"),
    func.count().filter(and_(_STANDS, Mask.source == MaskSource.GENERATED)).label("generated"),
)


def insights(session: Session, dataset_id: uuid.UUID) -> InsightsOut:
    """Everything the insights page shows."""
    datasets.get_dataset(session, dataset_id)
    rows = sorted(rounds.list_rounds(session, dataset_id), key=lambda row: row.number)
    taken = [row for row in rows if row.snapshot_at is not None]
    starts = [None, *(row.snapshot_at for row in taken)]
    per_round = [
        _round_insight(row, _count(session, dataset_id, since, row.snapshot_at))
        for row, since in zip(taken, starts[:-1], strict=True)
    ]
    everything = _count(session, dataset_id, None, None)
    return InsightsOut(
        rounds=per_round,
        current=Effort(**_effort(_count(session, dataset_id, starts[-1], None))),
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


def _count(session: Session, dataset_id: uuid.UUID, since: datetime | None, until: datetime | None) -> Any:
    """The counts of masks whose moment lies in (since, until]; None leaves that side open."""
    span: ColumnElement[bool] = true()
    if since is not None:
        span = and_(span, since < _MOMENT)
    if until is not None:
        span = and_(span, until >= _MOMENT)
    return session.execute(select(*_COUNTS).where(Mask.dataset_id == dataset_id, span)).one()


def _per_day(session: Session, dataset_id: uuid.UUID) -> list[DayInsight]:
    day = func.date(func.timezone("UTC", _MOMENT)).label("day")
    touched = or_(_BY_PEOPLE, _DROPPED_PROPOSAL)
    query = select(day, *_COUNTS).where(Mask.dataset_id == dataset_id, touched, _MOMENT.is_not(None))
    rows = session.execute(query.group_by(day).order_by(day)).all()
    return [DayInsight(day=row.day, **_effort(row)) for row in rows]


def _effort(row: Any) -> dict[str, Any]:
    return {
        "masks": row.masks,
        "images": row.images,
        "seconds_per_mask": _ratio(row.seconds, row.drawn),
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
