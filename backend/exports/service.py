"""Exports: asking for one, what goes into it, its file. Never commits; the zip is written in `tasks`."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.annotation.models import Mask, MaskSource
from backend.core import events
from backend.core.db import after_commit, utcnow
from backend.core.errors import Conflict, Invalid
from backend.core.jobs import Work
from backend.core.storage import Storage
from backend.datasets import service as datasets
from backend.datasets.models import Image
from backend.exports.archive import safe_stem
from backend.exports.models import Export, ExportFormat, ExportState
from backend.exports.schemas import ExportSource
from backend.review import service as review

OPEN_STATES = (ExportState.queued, ExportState.running)


def _announce(session: Session, row: Export) -> None:
    session.flush()
    events.emit(
        session, "export.updated", dataset_id=row.dataset_id, export_id=row.id, state=str(row.state), error=row.error
    )


WORK = Work(
    table=Export,
    kind="exports.run",
    key="export_id",
    open_states=OPEN_STATES,
    missing="There is no export {}. The dataset's exports page lists those there are.",
    announce=_announce,
)


def list_exports(session: Session, dataset_id: uuid.UUID) -> Sequence[Export]:
    """The dataset's exports, newest first."""
    datasets.get_dataset(session, dataset_id)
    query = select(Export).where(Export.dataset_id == dataset_id).order_by(Export.created_at.desc(), Export.id.desc())
    return session.scalars(query).all()


def mask_sources(sources: Sequence[ExportSource]) -> list[MaskSource]:
    """What the export's sources mean for masks."""
    chosen: list[MaskSource] = []
    for source in ExportSource:
        if source in sources:
            chosen += (
                [MaskSource.MODEL, MaskSource.BRUSH] if source is ExportSource.human else [MaskSource(source.value)]
            )
    return chosen


def start_export(
    session: Session,
    dataset_id: uuid.UUID,
    *,
    layout: ExportFormat,
    include_images: bool,
    sources: Sequence[ExportSource],
    user_id: uuid.UUID | None = None,
) -> Export:
    """A new export and its job; Invalid, with what to do, when it would be empty."""
    dataset = datasets.get_dataset(session, dataset_id)
    if is_empty(session, dataset_id, sources):
        raise Invalid(empty_text(session, dataset_id, sources))
    row = Export(
        dataset_id=dataset_id,
        format=layout,
        state=ExportState.queued,
        include_images=include_images,
        sources=[source.value for source in ExportSource if source in sources],
        created_by=user_id,
    )
    return WORK.start(session, row, f"Export {dataset.name} as {'SA-1B' if layout == ExportFormat.sa1b else 'COCO'}")


def empty_text(session: Session, dataset_id: uuid.UUID, sources: Sequence[ExportSource]) -> str:
    """Why an export would be empty, and what to do about it."""
    if not is_empty(session, dataset_id, list(ExportSource)):
        names = ", ".join(source.value for source in sources)
        return f"No final mask has the chosen source ({names}). Choose more sources, then export again."
    return (
        "This dataset has no final masks, so the export would be empty. Annotate images, or have masks reviewed "
        "where the dataset's policy asks for it, then export again."
    )


def begin(session: Session, export_id: uuid.UUID, job_id: uuid.UUID) -> Export:
    """Called by every attempt of the export's job; an export that succeeded before stays as it is."""
    row = WORK.get(session, export_id, lock=True)
    if row.state != ExportState.succeeded:
        row.state, row.job_id, row.error, row.finished_at = ExportState.running, job_id, None, None
        WORK.announce(session, row)
    return row


def finish(session: Session, export_id: uuid.UUID, *, size: int, sha256: str, masks: int, images: int) -> Export:
    """Its file is stored."""
    row = WORK.get(session, export_id, lock=True)
    row.state, row.finished_at = ExportState.succeeded, utcnow()
    row.bytes, row.sha256, row.masks, row.images = size, sha256, masks, images
    WORK.announce(session, row)
    return row


def delete_export(session: Session, storage: Storage, export_id: uuid.UUID) -> None:
    """Removes an export and its file. One that still runs is cancelled first."""
    row = WORK.get(session, export_id, lock=True)
    if row.state in OPEN_STATES and row.job_id is not None:
        raise Conflict("This export is still running. Cancel its job first, then delete it.", job_id=str(row.job_id))
    key = row.storage_key
    session.delete(row)
    session.flush()
    after_commit(session, lambda: storage.delete(key))


def sweep(session: Session, storage: Storage) -> int:
    """Removes the files of exports that are gone (their dataset was deleted); how many."""
    removed = 0
    for key in list(storage.list("exports")):
        name = key.removeprefix("exports/").removesuffix(".zip")
        try:
            known = session.get(Export, uuid.UUID(name)) is not None
        except ValueError:
            continue  # not a file of ours
        if not known:
            storage.delete(key)
            removed += 1
    return removed


def downloadable(session: Session, export_id: uuid.UUID) -> Export:
    """The export, if its file is there; Conflict otherwise."""
    row = WORK.get(session, export_id)
    if row.state != ExportState.succeeded:
        what = f"It {row.state}: {row.error}" if row.error else f"It is {row.state}."
        raise Conflict(f"This export has no file to download. {what}")
    return row


# -- content ----------------------------------------------------------------------------------------------------------


def images(session: Session, dataset_id: uuid.UUID, sources: Sequence[ExportSource]) -> list[Image]:
    """The images with final masks of these sources, in the export's order: by name, then content."""
    dataset = datasets.get_dataset(session, dataset_id)
    has_masks = select(Mask.image_id).where(review.is_final(dataset), Mask.source.in_(mask_sources(sources)))
    query = select(Image).where(Image.dataset_id == dataset_id, Image.id.in_(has_masks))
    return list(session.scalars(query.order_by(Image.file_name, Image.sha256, Image.id)))


def is_empty(session: Session, dataset_id: uuid.UUID, sources: Sequence[ExportSource]) -> bool:
    """Whether an export of these sources would hold no mask."""
    final = (review.is_final(datasets.get_dataset(session, dataset_id)), Mask.source.in_(mask_sources(sources)))
    query = select(Mask.id).join(Image, Image.id == Mask.image_id).where(Image.dataset_id == dataset_id, *final)
    return session.scalar(query.limit(1)) is None


def masks_by_image(
    session: Session, dataset_id: uuid.UUID, image_ids: Sequence[uuid.UUID], sources: Sequence[ExportSource]
) -> dict[uuid.UUID, list[Mask]]:
    """The images' final masks of these sources, each image's in the order of their ids."""
    dataset = datasets.get_dataset(session, dataset_id)
    chosen = Mask.source.in_(mask_sources(sources))
    query = select(Mask).where(Mask.image_id.in_(image_ids), review.is_final(dataset), chosen).order_by(Mask.id)
    found: dict[uuid.UUID, list[Mask]] = {image_id: [] for image_id in image_ids}
    for mask in session.scalars(query):
        found[mask.image_id].append(mask)
    return found


def download_name(session: Session, row: Export) -> str:
    """The file name a browser saves the export under."""
    return f"{safe_stem(datasets.get_dataset(session, row.dataset_id).name)}-{row.format}.zip"
