"""What people did in a span of time, counted from masks. Reads only.

A mask counts for the moment it was accepted. "Drawn" are masks that cost a person drawing: from prompts, by brush, or a
proposal that was mended; "automatic masks excluded", as the paper counts seconds per mask.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, distinct, func, or_, select, true
from sqlalchemy.orm import Session

from backend.annotation.models import Mask, MaskSource, MaskStatus
from engine.masks import metrics

SAME_IOU = 0.9  # a proposal that was mended by less than this is as good as kept (the paper's "correct" masks)

STANDS = and_(Mask.deleted_at.is_(None), Mask.status.in_([MaskStatus.ACCEPTED, MaskStatus.APPROVED]))
KEPT_PROPOSAL = and_(STANDS, Mask.source == MaskSource.PROPOSAL)
DRAWN = and_(
    STANDS,
    or_(
        Mask.source.in_([MaskSource.MODEL, MaskSource.BRUSH]),
        and_(Mask.source == MaskSource.PROPOSAL, Mask.edited.is_(True)),
    ),
)
BY_PEOPLE = and_(STANDS, Mask.source.in_([MaskSource.MODEL, MaskSource.BRUSH, MaskSource.PROPOSAL]))
# A proposal that was looked at and thrown away is kept as a tombstone.
DROPPED_PROPOSAL = and_(Mask.deleted_at.is_not(None), Mask.source == MaskSource.PROPOSAL)
# When it happened: the acceptance, or for a dropped proposal the dropping.
MOMENT = case((DROPPED_PROPOSAL, Mask.deleted_at), else_=Mask.accepted_at)

COUNTS = (
    func.count().filter(BY_PEOPLE).label("masks"),
    func.count(distinct(Mask.image_id)).filter(BY_PEOPLE).label("images"),
    func.count().filter(DRAWN).label("drawn"),
    func.coalesce(func.sum(Mask.seconds_s).filter(DRAWN), 0.0).label("seconds"),
    func.coalesce(func.sum(Mask.num_clicks).filter(DRAWN), 0).label("clicks"),
    func.count().filter(KEPT_PROPOSAL).label("kept"),
    func.count().filter(DROPPED_PROPOSAL).label("dropped"),
    func.count().filter(and_(STANDS, Mask.source == MaskSource.IMPORT)).label("imported"),
    func.count().filter(and_(STANDS, Mask.source == MaskSource.GENERATED)).label("generated"),
)


@dataclass(frozen=True)
class ProposalsSeen:
    """The last proposals that people looked at, and how many of them they kept as good as they were."""

    seen: int
    good: int


def count(session: Session, dataset_id: uuid.UUID, since: datetime | None, until: datetime | None) -> Any:
    """The counts of masks whose moment lies in (since, until]; None leaves that side open."""
    span: ColumnElement[bool] = true()
    if since is not None:
        span = and_(span, since < MOMENT)
    if until is not None:
        span = and_(span, until >= MOMENT)
    return session.execute(select(*COUNTS).where(Mask.dataset_id == dataset_id, span)).one()


def seconds_per_mask(
    session: Session, dataset_id: uuid.UUID, since: datetime | None, until: datetime | None
) -> float | None:
    """Of the masks drawn in (since, until]; None without any."""
    row = count(session, dataset_id, since, until)
    return float(row.seconds) / row.drawn if row.drawn else None


def recent_proposals(session: Session, dataset_id: uuid.UUID, limit: int) -> ProposalsSeen:
    """The last `limit` proposals that were kept, mended or thrown away."""
    decided = or_(KEPT_PROPOSAL, DROPPED_PROPOSAL)
    query = select(Mask).where(Mask.dataset_id == dataset_id, decided, MOMENT.is_not(None))
    rows = session.scalars(query.order_by(MOMENT.desc(), Mask.id).limit(limit)).all()
    return ProposalsSeen(len(rows), sum(row.deleted_at is None and _as_proposed(row) for row in rows))


def dropped_boxes(session: Session, dataset_id: uuid.UUID) -> dict[uuid.UUID, list[tuple[float, float, float, float]]]:
    """Boxes (xywh) of the proposals that people threw away, by image; images without any are left out."""
    query = select(Mask.image_id, Mask.bbox).where(Mask.dataset_id == dataset_id, DROPPED_PROPOSAL).order_by(Mask.id)
    boxes: dict[uuid.UUID, list[tuple[float, float, float, float]]] = {}
    for image_id, (x, y, width, height) in session.execute(query):
        boxes.setdefault(image_id, []).append((x, y, width, height))
    return boxes


def _as_proposed(mask: Mask) -> bool:
    if mask.proposed_rle is None:
        return True
    return float(metrics.pairwise_rle_iou([mask.proposed_rle], [mask.rle])[0, 0]) >= SAME_IOU
