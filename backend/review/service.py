"""Review: which masks wait for a verdict, verdicts, and the masks that a dataset lets through.

The dataset's policy is looked up when asked, never stored on masks: changing it changes at once what waits and what
is final. `sample` takes a share of the masks by a hash of their ids, so it is the same share every time. Only what
people made is reviewed: imports and generated masks pass, unless a reviewer rejects one.
"""

import uuid
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true
from sqlalchemy.orm import Session, contains_eager

from backend.accounts.models import User
from backend.annotation import leases
from backend.annotation import service as annotation
from backend.annotation.models import Mask, MaskSource, MaskStatus
from backend.annotation.schemas import MaskOut
from backend.core import events
from backend.core.errors import Conflict, Invalid
from backend.datasets import service as datasets
from backend.datasets.models import Dataset, Image
from backend.review.models import Review, Verdict
from backend.review.schemas import ReviewItem, ReviewPage

ReviewStatus = Literal["pending", "rejected", "approved"]
REVIEWED_SOURCES = (MaskSource.MODEL, MaskSource.BRUSH, MaskSource.PROPOSAL)


def needs_review(dataset: Dataset) -> ColumnElement[bool]:
    """The condition for masks whose acceptance alone is not final under the dataset's policy."""
    by_people = Mask.source.in_(REVIEWED_SOURCES)
    if dataset.review_mode == "all":
        return by_people
    if dataset.review_mode == "sample":
        share = round(annotation.REVIEW_BUCKETS * dataset.review_percent / 100)
        return and_(by_people, Mask.review_bucket < share)
    return false()


def is_final(dataset: Dataset) -> ColumnElement[bool]:
    """The condition for masks that training and export may take."""
    accepted = and_(Mask.status == MaskStatus.ACCEPTED, ~needs_review(dataset))
    return and_(Mask.dataset_id == dataset.id, annotation.is_live(), or_(Mask.status == MaskStatus.APPROVED, accepted))


def final_masks(
    session: Session,
    dataset_id: uuid.UUID,
    split: str | None = None,
    *,
    sources: Collection[MaskSource] | None = None,
) -> Sequence[Mask]:
    """What training and export may take, with `.image` loaded, ordered by (image, mask): the same answer every time.

    `split` is "train" or "heldout"; `sources` limits where the masks came from.
    """
    dataset = datasets.get_dataset(session, dataset_id)
    query = (
        select(Mask)
        .join(Mask.image)
        .options(contains_eager(Mask.image))
        .where(is_final(dataset), _of(split, sources))
        .order_by(Mask.image_id, Mask.id)
    )
    return session.scalars(query).all()


def count_images(
    session: Session, dataset_id: uuid.UUID, split: str, *, sources: Collection[MaskSource] | None = None
) -> int:
    """On how many images the masks are that `final_masks` would give."""
    dataset = datasets.get_dataset(session, dataset_id)
    query = select(func.count(Mask.image_id.distinct())).join(Mask.image).where(is_final(dataset), _of(split, sources))
    return session.scalar(query) or 0


def count_final_masks(
    session: Session,
    dataset_id: uuid.UUID,
    split: str | None = None,
    *,
    sources: Collection[MaskSource] | None = None,
) -> int:
    """How many masks `final_masks` would give."""
    dataset = datasets.get_dataset(session, dataset_id)
    query = select(func.count(Mask.id)).join(Mask.image).where(is_final(dataset), _of(split, sources))
    return session.scalar(query) or 0


class Areas(NamedTuple):
    """Of some masks, in pixels."""

    num_masks: int
    median: float
    largest: int


def areas(session: Session, dataset_id: uuid.UUID, *, sources: Collection[MaskSource]) -> Areas | None:
    """The areas of the masks that `final_masks` would give; None where it gives none."""
    dataset = datasets.get_dataset(session, dataset_id)
    median = func.percentile_cont(0.5).within_group(Mask.area)
    figures = select(func.count(), median, func.max(Mask.area)).select_from(Mask).join(Mask.image)
    count, usual, largest = session.execute(figures.where(is_final(dataset), _of(None, sources))).one()
    return Areas(count, usual, largest) if count else None


def _of(split: str | None, sources: Collection[MaskSource] | None) -> ColumnElement[bool]:
    in_split = Image.split == split if split is not None else true()
    return and_(in_split, Mask.source.in_(sources)) if sources is not None else and_(in_split, true())


def count_pending(session: Session, dataset_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many masks of each dataset wait for a verdict (see `datasets.service.provide_count`)."""
    counts: dict[uuid.UUID, int] = {}
    for dataset_id in dataset_ids:
        dataset = datasets.get_dataset(session, dataset_id)
        if dataset.review_mode != "none":
            waiting = select(func.count(Mask.id)).where(_listed(dataset, "pending"))
            counts[dataset_id] = session.scalar(waiting) or 0
    return counts


def list_masks(
    session: Session,
    dataset_id: uuid.UUID,
    status: ReviewStatus,
    *,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[Mask]:
    """Masks that wait for a verdict or got one, with `.image` loaded, by id, after the id `after`."""
    dataset = datasets.get_dataset(session, dataset_id)
    query = (
        select(Mask)
        .join(Mask.image)
        .options(contains_eager(Mask.image))
        .where(_listed(dataset, status))
        .order_by(Mask.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Mask.id > after)
    return session.scalars(query).all()


def page(
    session: Session, dataset_id: uuid.UUID, status: ReviewStatus, *, after: uuid.UUID | None, limit: int
) -> ReviewPage:
    """A page of `list_masks` as clients see it."""
    masks = list_masks(session, dataset_id, status, after=after, limit=limit)
    images = datasets.image_outs(session, [mask.image for mask in masks])
    items = [
        ReviewItem(mask=MaskOut.model_validate(mask), image=image) for mask, image in zip(masks, images, strict=True)
    ]
    return ReviewPage(items=items, next_cursor=str(masks[-1].id) if len(masks) == limit else None)


def _listed(dataset: Dataset, status: ReviewStatus) -> ColumnElement[bool]:
    wanted: ColumnElement[bool]
    if status == "pending":
        wanted = and_(Mask.status == MaskStatus.ACCEPTED, needs_review(dataset))
    else:
        wanted = Mask.status == MaskStatus(status)
    return and_(Mask.dataset_id == dataset.id, annotation.is_live(), wanted)


def give_verdict(
    session: Session,
    mask_id: uuid.UUID,
    reviewer: User,
    verdict: Verdict,
    *,
    reason: str | None = None,
    revision: int | None = None,
) -> Mask:
    """Approves or rejects a mask; a rejected one sends its image back to the queue with the reason.

    `revision` is what the reviewer looked at: Conflict "stale_revision" when the mask has changed since.
    """
    reason = (reason or "").strip() or None
    if verdict == Verdict.REJECT and reason is None:
        raise Invalid("A rejection needs a reason: the next annotator is shown it. Say what is wrong with the mask.")
    mask = annotation.get_mask(session, mask_id)
    # The order of locks is task, then mask, as in every write on an image.
    leases.task_of_image(session, mask.image_id)
    session.refresh(mask, with_for_update=True)
    mask = annotation.get_mask(session, mask_id)
    if revision is not None and revision != mask.revision:
        raise Conflict(
            f"The mask has changed since you looked at it (it is revision {mask.revision} now). Look again.",
            code="stale_revision",
            revision=mask.revision,
            current=annotation.current_of(mask),
        )
    if mask.status == MaskStatus.PROPOSED:
        raise Conflict("This mask is a proposal that no annotator has accepted yet. Review it after that.")
    status = MaskStatus.APPROVED if verdict == Verdict.APPROVE else MaskStatus.REJECTED
    if mask.status == status and mask.reject_reason == (reason if verdict == Verdict.REJECT else None):
        return mask
    mask.status = status
    mask.reject_reason = reason if verdict == Verdict.REJECT else None
    session.add(
        Review(
            dataset_id=mask.dataset_id,
            mask_id=mask.id,
            revision=mask.revision,
            user_id=reviewer.id,
            verdict=verdict,
            reason=reason,
        )
    )
    session.flush()
    annotation.recount(session, mask.image_id)
    if verdict == Verdict.REJECT:
        leases.reopen(session, mask.image_id)
    events.emit(
        session, "mask.updated", dataset_id=mask.dataset_id, image_id=mask.image_id, mask_id=mask.id, status=str(status)
    )
    return mask
