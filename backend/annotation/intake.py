"""Masks that come in bulk: from files, from stage 2, from stage 3.

Their ids are made from what they are (image, source, model version, shape), so the same batch again changes nothing,
and a proposal that an annotator deleted does not come back with the same model. A new model's proposals take the
place of the old ones that nobody touched.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Delete, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.annotation import leases
from backend.annotation.models import Mask, MaskSource, MaskStatus, TaskState
from backend.annotation.service import checked_rle, is_live, recount, review_bucket
from backend.core import events
from backend.core.db import utcnow
from backend.datasets import service as datasets
from backend.datasets.models import Image
from engine.masks import metrics
from engine.masks import rle as rles

# A proposal that overlaps a mask somebody stands for this much shows nothing new.
DUPLICATE_IOU = 0.7
_NAMESPACE = uuid.UUID("0198c0de-6d61-736b-8c6f-6f6d00000000")


def import_masks(session: Session, image_id: uuid.UUID, records: Sequence[Mapping[str, Any]]) -> int:
    """Takes masks of a file as accepted; how many are new. Each record has `segmentation` (RLE), others are ignored.

    Invalid, and nothing stored, when one does not fit the image.
    """
    image = _locked_image(session, image_id)
    rows = _rows(session, image, records, MaskSource.IMPORT, MaskStatus.ACCEPTED, model_id=None)
    return _store(session, image, rows, "masks.accepted")


def add_generated(
    session: Session, image_id: uuid.UUID, model_id: uuid.UUID, records: Sequence[Mapping[str, Any]]
) -> int:
    """Stores stage 3's masks of an image as accepted, in place of those an earlier run left; how many are new.

    They also take the place of proposals that nobody took up: kept with the image, those would be there twice.
    """
    image = _locked_image(session, image_id)
    session.execute(_unjudged(image_id))
    rows = _rows(session, image, records, MaskSource.GENERATED, MaskStatus.ACCEPTED, model_id=model_id)
    session.execute(
        delete(Mask).where(
            Mask.image_id == image_id,
            Mask.source == MaskSource.GENERATED,
            Mask.user_id.is_(None),
            Mask.status == MaskStatus.ACCEPTED,
            is_live(),
            Mask.id.not_in([row["id"] for row in rows]),
        )
    )
    return _store(session, image, rows, "masks.accepted")


def add_proposals(
    session: Session, image_id: uuid.UUID, model_id: uuid.UUID, records: Sequence[Mapping[str, Any]]
) -> int:
    """Shows stage 2's masks of an image to its next annotator, in place of older proposals; how many are new.

    Does nothing for an image that is settled or in somebody's hands: its page must not change under the annotator.
    Proposals that nearly equal a mask there is are left out.
    """
    task = leases.task_of_image(session, image_id)
    if task.state != TaskState.OPEN:
        return 0
    image = datasets.get_image(session, image_id)
    session.execute(_unjudged(image_id))
    present = session.scalars(
        select(Mask.rle).where(Mask.image_id == image_id, is_live(), Mask.status != MaskStatus.REJECTED)
    ).all()
    rows = _rows(session, image, records, MaskSource.PROPOSAL, MaskStatus.PROPOSED, model_id=model_id)
    if present and rows:
        overlaps = metrics.pairwise_rle_iou([row["rle"] for row in rows], list(present))
        rows = [row for row, best in zip(rows, overlaps.max(axis=1), strict=True) if best < DUPLICATE_IOU]
    return _store(session, image, rows, "mask.updated")


def _unjudged(image_id: uuid.UUID) -> Delete:
    """Removes an image's proposals that nobody took up."""
    return delete(Mask).where(Mask.image_id == image_id, Mask.status == MaskStatus.PROPOSED, is_live())


def _locked_image(session: Session, image_id: uuid.UUID) -> Image:
    """The image, under the lock that every write on its masks takes."""
    leases.task_of_image(session, image_id)
    return datasets.get_image(session, image_id)


def _rows(
    session: Session,
    image: Image,
    records: Sequence[Mapping[str, Any]],
    source: MaskSource,
    status: MaskStatus,
    *,
    model_id: uuid.UUID | None,
) -> list[dict[str, Any]]:
    """Table rows for the records of an image, each shape once."""
    now = utcnow()
    stage = datasets.get_dataset(session, image.dataset_id).stage
    rows: dict[uuid.UUID, dict[str, Any]] = {}
    for record in records:
        shape = checked_rle(record["segmentation"], image)
        mask_id = uuid.uuid5(_NAMESPACE, f"{image.id}:{source}:{model_id}:{shape['counts']}")
        points = record.get("point_coords") or []
        rows[mask_id] = {
            "id": mask_id,
            "dataset_id": image.dataset_id,
            "image_id": image.id,
            "revision": 1,
            "rle": dict(shape),
            "bbox": [float(side) for side in rles.bbox_xywh(shape)],
            "area": rles.area(shape),
            "source": source,
            "status": status,
            "stage": stage,
            "model_id": model_id,
            "prompts": [{"type": "point", "x": float(x), "y": float(y), "label": 1} for x, y in points],
            "num_clicks": 0,
            "seconds_s": 0.0,
            "predicted_iou": _number(record.get("predicted_iou")),
            "stability_score": _number(record.get("stability_score")),
            "crop_box": [float(side) for side in record["crop_box"]] if record.get("crop_box") else None,
            "edited": False,
            "review_bucket": review_bucket(mask_id),
            "accepted_at": now if status == MaskStatus.ACCEPTED else None,
        }
    return list(rows.values())


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _store(session: Session, image: Image, rows: list[dict[str, Any]], event: str) -> int:
    """Inserts what is not there yet; deleted ones stay deleted."""
    stored = 0
    if rows:
        statement = insert(Mask).on_conflict_do_nothing(index_elements=[Mask.id]).returning(Mask.id)
        stored = len(session.execute(statement, rows).all())
    recount(session, image.id)
    if stored:
        events.emit(session, event, dataset_id=image.dataset_id, image_id=image.id, masks=stored)
    return stored
