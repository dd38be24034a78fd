"""The import of images and masks, and the removal of files nobody needs.

Both may run twice without doubling anything.
"""

import hashlib
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core import events, jobs
from backend.core.errors import DomainError, NotFound
from backend.core.jobs import JobContext
from backend.core.storage import Storage
from backend.datasets import coco, intake, quarantine, sources
from backend.datasets.decode import NotAnImage, decode
from backend.datasets.files import image_key, thumbnail_key
from backend.datasets.models import Dataset, Image
from backend.datasets.quarantine import clean_name
from backend.datasets.sources import Item, Refused, Unreadable
from backend.settings import get_settings

# The embedding of a large import begins while the rest still comes in.
ANNOUNCE_EVERY = 50
MOST_LINES = 1000


@dataclass(kw_only=True)
class Outcome:
    """What came of an import so far."""

    accepted: int = 0
    masks: int = 0
    duplicates: list[Refused] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    taken: set[uuid.UUID] = field(default_factory=set)

    def as_result(self) -> dict[str, Any]:
        """The job's result."""
        return {
            "accepted": self.accepted,
            "masks": self.masks,
            "duplicates": len(self.duplicates),
            "duplicate_files": _lines(self.duplicates),
            "refused": _lines(self.refused),
        }


def _lines(refused: list[Refused]) -> list[dict[str, str]]:
    lines = [asdict(line) for line in refused[:MOST_LINES]]
    if len(refused) > MOST_LINES:
        lines.append({"name": f"{len(refused) - MOST_LINES} more", "reason": "Not listed."})
    return lines


@jobs.handler("datasets.import", queue="io")
def import_files(ctx: JobContext) -> dict[str, Any]:
    """Takes in every good image and mask; a line for each that is not good."""
    assert ctx.dataset_id is not None
    with ctx.transaction() as session:
        if session.get(Dataset, ctx.dataset_id) is None:
            raise NotFound("The dataset was deleted.")
    items, refused = _items(ctx)
    outcome = Outcome(refused=refused)
    pictures = [item for item in items if not item.is_json]
    annotations = [item for item in items if item.is_json]
    total = len(items)
    for number, item in enumerate(pictures, start=1):
        ctx.check()
        _import_image(ctx, ctx.dataset_id, item, outcome)
        if number % ANNOUNCE_EVERY == 0:
            _announce(ctx, ctx.dataset_id)
        ctx.progress(number, total, item.name)
    for number, item in enumerate(annotations, start=len(pictures) + 1):
        ctx.check()
        _import_coco(ctx, ctx.dataset_id, item, outcome)
        ctx.progress(number, total, item.name)
    _announce(ctx, ctx.dataset_id)
    if "upload" in ctx.payload:
        quarantine.remove(ctx.settings, ctx.payload["upload"])
    return outcome.as_result()


def _items(ctx: JobContext) -> tuple[list[Item], list[Refused]]:
    if "folder" in ctx.payload:
        return sources.from_folder(ctx.payload["folder"], ctx.settings)
    return sources.from_upload(quarantine.read(ctx.settings, ctx.payload["upload"]), ctx.settings)


def _import_image(ctx: JobContext, dataset_id: uuid.UUID, item: Item, outcome: Outcome) -> None:
    try:
        data = item.read()
    except (Unreadable, OSError) as error:
        outcome.refused.append(Refused(name=item.name, reason=str(error)))
        return
    source_sha256 = hashlib.sha256(data).hexdigest()
    with ctx.transaction() as session:
        known = intake.find_duplicate(session, dataset_id, source_sha256, source_sha256)
    if known is not None:
        _count_known(ctx, item.name, known, outcome)
        return
    try:
        decoded = decode(data, ctx.settings.max_pixels)
    except NotAnImage as error:
        outcome.refused.append(Refused(name=item.name, reason=str(error)))
        return
    quarantine.check_space(ctx.settings, len(decoded.data))
    with ctx.transaction() as session:
        stored = intake.take_files(session, ctx.storage, data, decoded)
        image, new = intake.add_image(session, dataset_id, item.name, stored, ctx.job_id)
    if new:
        outcome.accepted += 1
        outcome.taken.add(image.id)
    else:
        _count_known(ctx, item.name, image, outcome)


def _count_known(ctx: JobContext, name: str, known: Image, outcome: Outcome) -> None:
    """An image that an earlier attempt at this very job took in is not a duplicate the first time it is met."""
    if known.import_job_id == ctx.job_id and known.id not in outcome.taken:
        outcome.accepted += 1
        outcome.taken.add(known.id)
    else:
        outcome.duplicates.append(Refused(name=name, reason=f"The same picture as {known.file_name}, which stays."))


def _announce(ctx: JobContext, dataset_id: uuid.UUID) -> None:
    with ctx.transaction() as session:
        arrived = session.scalar(select(Image.id).where(Image.import_job_id == ctx.job_id).limit(1))
        if arrived is not None:
            events.emit(session, "images.imported", dataset_id=dataset_id)


def _import_coco(ctx: JobContext, dataset_id: uuid.UUID, item: Item, outcome: Outcome) -> None:
    try:
        images = coco.parse(item.read())
    except (coco.NotCoco, Unreadable, OSError) as error:
        outcome.refused.append(Refused(name=item.name, reason=str(error)))
        return
    for image in images:
        ctx.check()
        try:
            with ctx.transaction() as session:
                _import_masks(session, ctx, dataset_id, image, outcome)
        except DomainError as error:
            outcome.refused.append(Refused(name=clean_name(image.file_name), reason=error.detail))


def _import_masks(
    session: Session, ctx: JobContext, dataset_id: uuid.UUID, annotated: coco.CocoImage, outcome: Outcome
) -> None:
    found = intake.find_by_file_name(session, dataset_id, annotated.file_name)
    if len(found) != 1:
        reason = f"{len(found)} images have this name" if found else "no image of the dataset has this name"
        outcome.refused.append(
            Refused(name=clean_name(annotated.file_name), reason=f"Its masks were left out: {reason}.")
        )
        return
    image = found[0]
    masks, refused = coco.masks_of(annotated, image.height, image.width)
    if masks:
        # Masks belong to a later feature, which takes them in this transaction (see pipeline.py).
        events.emit(
            session,
            "masks.imported",
            dataset_id=dataset_id,
            broadcast=False,
            image_id=image.id,
            records=[{"segmentation": mask} for mask in masks],
            user_id=ctx.created_by,
        )
    outcome.refused.extend(refused)
    outcome.masks += len(masks)


@jobs.handler("datasets.remove_files", queue="io")
def remove_files(ctx: JobContext) -> dict[str, Any]:
    """Removes the files of deleted images that no other image shares."""
    sha256s: list[str] = ctx.payload["sha256s"]
    removed = 0
    for number, sha256 in enumerate(sha256s, start=1):
        ctx.check()
        with ctx.transaction() as session:
            removed += remove_unneeded(session, ctx.storage, sha256)
        ctx.progress(number, len(sha256s))
    return {"removed": removed}


def remove_unneeded(session: Session, storage: Storage, sha256: str) -> bool:
    """Removes an image's files unless an image has them, or is about to; whether it did."""
    intake.lock_files(session, sha256)
    if session.scalar(select(Image.id).where(Image.sha256 == sha256).limit(1)) is not None:
        return False
    storage.delete(image_key(sha256))
    storage.delete(thumbnail_key(sha256))
    return True


@jobs.periodic("datasets.sweep_uploads", every_s=3600)
def sweep_uploads(_: Session) -> None:
    """Removes uploads that broke off or that nobody came back for."""
    quarantine.sweep(get_settings())
