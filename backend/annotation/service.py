"""Masks: idempotent writes with revisions, and masks that come in bulk (imports, proposals, generation).

The client makes ids and counts revisions, so any write may be sent again, late or twice: the same one changes
nothing, an older one is told what is stored now. Deleting leaves a tombstone with its revision. Every write on an
image goes through the lock of the image's task, so writes on one image are in order and those on different images
never wait.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.models import User
from backend.annotation import leases
from backend.annotation.models import Mask, MaskSource, MaskStatus, MaskTombstone, Task, TaskState
from backend.annotation.schemas import MaskIn, MaskOut, TaskOut
from backend.core import events
from backend.core.db import utcnow
from backend.core.errors import Conflict, Invalid, NotFound
from backend.datasets import service as datasets
from backend.datasets.models import Image
from backend.registry import service as registry
from backend.registry.schemas import ModelOut
from engine.errors import FormatError
from engine.masks import rle as rles

# What annotators write themselves; masks of the other sources get in by import, proposal or generation only.
CLIENT_SOURCES = (MaskSource.MODEL, MaskSource.BRUSH, MaskSource.PROPOSAL)
REVIEW_BUCKETS = 10_000
_NAMESPACE = uuid.UUID("0198c0de-6d61-736b-8c6f-6f6d00000000")


def is_live() -> ColumnElement[bool]:
    """The condition for masks that were not deleted."""
    return Mask.deleted_at.is_(None)


def get_mask(session: Session, mask_id: uuid.UUID) -> Mask:
    """The mask; NotFound when there is none or it was deleted."""
    mask = session.get(Mask, mask_id)
    if mask is None or mask.deleted_at is not None:
        raise NotFound("There is no such mask. It may have been deleted.")
    return mask


def list_masks(
    session: Session, image_id: uuid.UUID, *, after: uuid.UUID | None = None, limit: int | None = None
) -> Sequence[Mask]:
    """The masks of an image in the order of their ids (client ids grow with time), after the id `after`."""
    datasets.get_image(session, image_id)
    query = select(Mask).where(Mask.image_id == image_id, is_live()).order_by(Mask.id)
    if after is not None:
        query = query.where(Mask.id > after)
    return session.scalars(query.limit(limit)).all()


def returned_reasons(masks: Iterable[Mask]) -> list[str]:
    """Why review sent the image back: the reasons of its rejected masks, each once."""
    reasons = (mask.reject_reason for mask in masks if mask.status == MaskStatus.REJECTED and mask.reject_reason)
    return list(dict.fromkeys(reasons))


# -- writing one mask


def put_mask(session: Session, mask_id: uuid.UUID, user: User, write: MaskIn) -> Mask:
    """Stores a mask, accepting it. See the module's contract for repeated, late and conflicting writes."""
    task = leases.locked_task(session, write.task_id)
    if task.image_id != write.image_id:
        raise Invalid("The task belongs to another image. Send the task and the image of the same lease.")
    image = datasets.get_image(session, write.image_id)
    content = _content_hash(write)
    mask = session.get(Mask, mask_id, with_for_update=True, populate_existing=True)
    if mask is not None and mask.image_id != image.id:
        raise _taken()
    if (
        mask is not None
        and mask.deleted_at is None
        and write.revision <= mask.revision
        and mask.content_sha256 == content
    ):
        return mask
    leases.check_writable(task, user)
    _check_revision(session, mask_id, mask, write.revision)
    shape = checked_rle(write.rle.model_dump(), image)
    _check_prompts(write, image)
    if write.model_id is not None:
        registry.get_model(session, write.model_id)
    was_accepted = mask is not None and mask.deleted_at is None and mask.status != MaskStatus.PROPOSED
    if mask is None:
        mask = _new_mask(session, mask_id, image, task, write)
    _apply(mask, shape, task, user, write)
    mask.content_sha256 = content
    try:
        with session.begin_nested():
            session.add(mask)
            session.flush()
    except IntegrityError as error:
        # Only a write of the same id on another image, at this very moment, gets past the task's lock.
        raise _taken() from error
    _after_write(session, mask, "mask.updated" if was_accepted else "masks.accepted")
    return mask


def _new_mask(session: Session, mask_id: uuid.UUID, image: Image, task: Task, write: MaskIn) -> Mask:
    if write.source not in CLIENT_SOURCES:
        raise Invalid(
            f"A new mask cannot have the source “{write.source}”. Send “model” for a mask the model drew from prompts, "
            "“brush” for one drawn by hand."
        )
    session.execute(delete(MaskTombstone).where(MaskTombstone.mask_id == mask_id))
    return Mask(
        id=mask_id,
        dataset_id=image.dataset_id,
        image_id=image.id,
        source=write.source,
        stage=task.stage,
        review_bucket=review_bucket(mask_id),
    )


def _apply(mask: Mask, shape: rles.Rle, task: Task, user: User, write: MaskIn) -> None:
    """Takes over what the client sent. Where a mask first came from stays: a proposal that was mended is still one."""
    known = mask.rle is not None
    reshaped = known and mask.rle != dict(shape)
    if mask.source in CLIENT_SOURCES and mask.source != MaskSource.PROPOSAL:
        mask.source = write.source
        mask.edited = write.edited
    else:
        mask.edited = write.edited or mask.edited or reshaped
        if reshaped and mask.proposed_rle is None:
            mask.proposed_rle = mask.rle
    _set_shape(mask, shape)
    mask.revision = write.revision
    mask.status = MaskStatus.ACCEPTED
    mask.reject_reason = None
    mask.deleted_at = None
    mask.accepted_at = mask.accepted_at or utcnow()
    mask.task_id = task.id
    mask.user_id = user.id
    if write.prompts or not known:
        mask.prompts = [prompt.model_dump() for prompt in write.prompts]
        mask.candidate = write.candidate
    mask.num_clicks = write.num_clicks
    mask.seconds_s = write.seconds_s
    mask.model_id = write.model_id or mask.model_id
    if reshaped or not known or write.predicted_iou is not None:
        mask.predicted_iou = write.predicted_iou
    if reshaped or not known or write.stability_score is not None:
        mask.stability_score = write.stability_score


def _check_revision(session: Session, mask_id: uuid.UUID, mask: Mask | None, revision: int) -> None:
    """Conflict "stale_revision", with what is stored, when the client has not seen the latest write."""
    if mask is None:
        gone = session.scalar(select(MaskTombstone.revision).where(MaskTombstone.mask_id == mask_id))
        if gone is not None and revision <= gone:
            raise _stale(gone, None)
    elif revision <= mask.revision:
        raise _stale(mask.revision, mask)


def _stale(stored: int, mask: Mask | None) -> Conflict:
    deleted = mask is None or mask.deleted_at is not None
    what = "was deleted" if deleted else "was changed"
    current = None if deleted else current_of(mask)
    return Conflict(
        f"This mask {what} in the meantime (stored is revision {stored}). "
        f"Take what is stored, or send yours with revision {stored + 1}.",
        code="stale_revision",
        revision=stored,
        current=current,
    )


def current_of(mask: Mask | None) -> dict[str, Any] | None:
    """What a client needs of the stored mask to go on after a conflict."""
    return None if mask is None else MaskOut.model_validate(mask).model_dump(mode="json")


def _taken() -> Conflict:
    return Conflict(
        "This mask id belongs to another image already. Give every new mask an id of its own (UUIDv7).", code="id_taken"
    )


def delete_mask(session: Session, mask_id: uuid.UUID, revision: int, user: User) -> None:
    """Deletes a mask by leaving a tombstone; the same delete again, or one that overtook its mask, is fine."""
    mask = session.get(Mask, mask_id)
    if mask is None:
        row = insert(MaskTombstone).values(mask_id=mask_id, revision=revision, created_at=utcnow())
        session.execute(
            row.on_conflict_do_update(
                index_elements=[MaskTombstone.mask_id],
                set_={"revision": func.greatest(MaskTombstone.revision, row.excluded.revision)},
            )
        )
        return
    task = leases.task_of_image(session, mask.image_id)
    session.refresh(mask, with_for_update=True)
    if mask.deleted_at is not None:
        mask.revision = max(mask.revision, revision)
        return
    leases.check_writable(task, user)
    if revision <= mask.revision:
        raise _stale(mask.revision, mask)
    mask.deleted_at = utcnow()
    mask.revision = revision
    mask.user_id = user.id
    session.flush()
    _after_write(session, mask, "mask.updated")


def _after_write(session: Session, mask: Mask, event: str) -> None:
    recount(session, mask.image_id)
    events.emit(
        session,
        event,
        dataset_id=mask.dataset_id,
        image_id=mask.image_id,
        mask_id=mask.id,
        revision=mask.revision,
        deleted=mask.deleted_at is not None,
    )


def count_masks(session: Session, dataset_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Masks somebody stands for, by dataset (see `datasets.service.provide_count`)."""
    return _count(session, dataset_ids, Mask.status.not_in([MaskStatus.PROPOSED, MaskStatus.REJECTED]))


def count_proposals(session: Session, dataset_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Masks proposed and not yet accepted, by dataset (see `datasets.service.provide_count`)."""
    return _count(session, dataset_ids, Mask.status == MaskStatus.PROPOSED)


def _count(session: Session, dataset_ids: Sequence[uuid.UUID], which: ColumnElement[bool]) -> dict[uuid.UUID, int]:
    rows = session.execute(
        select(Mask.dataset_id, func.count())
        .where(Mask.dataset_id.in_(dataset_ids), is_live(), which)
        .group_by(Mask.dataset_id)
    )
    return {row[0]: row[1] for row in rows}


def recount(session: Session, image_id: uuid.UUID) -> None:
    """Keeps the image's number of masks, which listings show, equal to the masks somebody stands for."""
    counted = (
        select(func.count())
        .where(Mask.image_id == image_id, is_live(), Mask.status.not_in([MaskStatus.PROPOSED, MaskStatus.REJECTED]))
        .scalar_subquery()
    )
    session.execute(update(Image).where(Image.id == image_id).values(num_masks=counted))


# -- checks


def checked_rle(value: Mapping[str, Any], image: Image) -> rles.Rle:
    """The RLE if it fits the image and is not empty; Invalid with the reason otherwise."""
    try:
        shape = rles.validate(value, image.height, image.width)
    except FormatError as error:
        raise Invalid(str(error)) from error
    if rles.area(shape) == 0:
        raise Invalid("The mask is empty. Draw at least one pixel, or delete the mask.")
    return shape


def _check_prompts(write: MaskIn, image: Image) -> None:
    for prompt in write.prompts:
        if prompt.type == "point" and not _inside(prompt.x, prompt.y, image):
            raise _outside(f"The point ({prompt.x:g}, {prompt.y:g})", image)
        if prompt.type == "box":
            x0, y0, x1, y1 = prompt.box
            if not (_inside(x0, y0, image) and _inside(x1, y1, image)):
                raise _outside(f"The box {prompt.box}", image)
            if x1 < x0 or y1 < y0:
                raise Invalid(f"The box {prompt.box} is turned around. Send [x0, y0, x1, y1] with x0 <= x1, y0 <= y1.")


def _inside(x: float, y: float, image: Image) -> bool:
    return 0 <= x <= image.width and 0 <= y <= image.height


def _outside(what: str, image: Image) -> Invalid:
    return Invalid(
        f"{what} is outside the image, which is {image.width} x {image.height} pixels. "
        "Send prompts in the image frame: x to the right, y down, from the top left corner."
    )


def _content_hash(write: MaskIn) -> str:
    content = write.model_dump(mode="json", exclude={"revision", "task_id"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def review_bucket(mask_id: uuid.UUID) -> int:
    """0..9999, from a hash of the id: the same mask is in or out of a review sample for good."""
    return int.from_bytes(hashlib.sha256(mask_id.bytes).digest()[:8], "big") % REVIEW_BUCKETS


def _set_shape(mask: Mask, shape: rles.Rle) -> None:
    mask.rle = dict(shape)
    mask.bbox = [float(side) for side in rles.bbox_xywh(shape)]
    mask.area = rles.area(shape)


# -- settling a task


def task_out(session: Session, task: Task) -> TaskOut:
    """The task as clients see it."""
    image = datasets.get_image(session, task.image_id)
    session.refresh(image)
    masks = list_masks(session, image.id)
    model = registry.active_model(session, task.dataset_id)
    return TaskOut(
        id=task.id,
        dataset_id=task.dataset_id,
        image=datasets.image_out(session, image),
        state=task.state,
        stage=task.stage,
        leased_until=task.leased_until,
        user_id=None if task.state == TaskState.OPEN else task.user_id,
        model=None if model is None else ModelOut.of(model, [task.dataset_id]),
        masks=[MaskOut.model_validate(mask) for mask in masks],
        remaining=leases.remaining(session, task.dataset_id),
        returned_reasons=returned_reasons(masks),
    )


def complete_task(session: Session, task_id: uuid.UUID, user: User, *, skipped: bool, seconds_s: float) -> Task:
    """Ends the work on an image. Proposals still there count as accepted; those of a skipped image stay proposals."""
    task = leases.locked_task(session, task_id)
    state = TaskState.SKIPPED if skipped else TaskState.DONE
    if not leases.settle(session, task, user, state, seconds_s):
        return task
    if skipped:
        return task
    kept = session.execute(
        update(Mask)
        .where(Mask.image_id == task.image_id, Mask.status == MaskStatus.PROPOSED, is_live())
        .values(status=MaskStatus.ACCEPTED, accepted_at=utcnow(), user_id=user.id, task_id=task.id)
        .returning(Mask.id)
    ).all()
    if kept:
        recount(session, task.image_id)
        events.emit(session, "masks.accepted", dataset_id=task.dataset_id, image_id=task.image_id, proposals=len(kept))
    return task
