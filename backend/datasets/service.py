"""Datasets and images: what there is, what may change, and how far each dataset is. Never commits.

Later features know more about images than this one does: whether they are embedded, how many masks they have. They say
so through `provide_count`, `provide_embedded` and `provide_filter`, called from `pipeline.py`; until then the answer is
none.
"""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from backend.core import events, jobs
from backend.core.errors import Conflict, Invalid, NotFound
from backend.core.jobs import Job
from backend.core.jobs.models import FINISHED
from backend.datasets.models import DEFAULT_POLICY, Dataset, Image
from backend.datasets.schemas import Counts, DatasetCreate, DatasetOut, DatasetUpdate, ImageFilter, ImageOut

CountProvider = Callable[[Session, Sequence[uuid.UUID]], Mapping[uuid.UUID, int]]
EmbeddedProvider = Callable[[Session, Sequence[uuid.UUID]], Collection[uuid.UUID]]
FilterProvider = Callable[[Session, Dataset], ColumnElement[bool]]

_count_providers: dict[str, CountProvider] = {}
_filter_providers: dict[str, FilterProvider] = {}
_embedded_providers: list[EmbeddedProvider] = []


def provide_count(name: str, provider: CountProvider) -> None:
    """Says how a figure of `Counts` is found: (session, dataset ids) -> {dataset id: number}."""
    if name not in Counts.model_fields:
        raise ValueError(f"{name!r} is not one of {', '.join(Counts.model_fields)}.")
    _count_providers[name] = provider


def provide_embedded(provider: EmbeddedProvider) -> None:
    """Says how to tell embedded images: (session, image ids) -> those with an embedding for the active model."""
    _embedded_providers[:] = [provider]


def provide_filter(name: str, provider: FilterProvider) -> None:
    """Says what a filter of the image list means: (session, dataset) -> a condition on `Image`."""
    _filter_providers[name] = provider


# Datasets


def list_datasets(session: Session) -> list[Dataset]:
    """Every dataset, by name."""
    return list(session.scalars(select(Dataset).order_by(Dataset.name)))


def get_dataset(session: Session, dataset_id: uuid.UUID) -> Dataset:
    """The dataset, or `NotFound`."""
    dataset = session.get(Dataset, dataset_id)
    if dataset is None:
        raise NotFound("There is no such dataset.")
    return dataset


def create_dataset(session: Session, create: DatasetCreate, *, created_by: uuid.UUID | None = None) -> Dataset:
    """A new, empty dataset in stage 1."""
    _check_name(session, create.name)
    dataset = Dataset(
        name=create.name,
        description=create.description,
        review_mode=create.review_mode,
        review_percent=create.review_percent,
        policy={**DEFAULT_POLICY, **create.policy.model_dump(exclude_none=True)},
        created_by=created_by,
    )
    session.add(dataset)
    session.flush()
    events.emit(session, "dataset.created", dataset_id=dataset.id)
    return dataset


def update_dataset(session: Session, dataset_id: uuid.UUID, update: DatasetUpdate) -> Dataset:
    """Changes what `update` names."""
    dataset = get_dataset(session, dataset_id)
    values = update.model_dump(exclude_none=True, exclude={"policy"})
    if "name" in values and values["name"] != dataset.name:
        _check_name(session, values["name"])
    for name, value in values.items():
        setattr(dataset, name, value)
    if update.policy is not None:
        dataset.policy = {**dataset.policy, **update.policy.model_dump(exclude_none=True)}
    session.flush()
    events.emit(session, "dataset.updated", dataset_id=dataset.id)
    return dataset


def delete_dataset(session: Session, dataset_id: uuid.UUID) -> None:
    """Deletes a dataset with all that belongs to it; its files follow in a job. Its jobs are cancelled."""
    dataset = get_dataset(session, dataset_id)
    running = select(Job.id).where(Job.dataset_id == dataset_id, Job.state.not_in(FINISHED))
    for job_id in session.scalars(running).all():
        jobs.cancel(session, job_id)
    sha256s = list(session.scalars(select(Image.sha256).where(Image.dataset_id == dataset_id)))
    session.delete(dataset)
    session.flush()
    _remove_files_later(session, sha256s)
    events.emit(session, "dataset.deleted", dataset_id=dataset_id)


def _check_name(session: Session, name: str) -> None:
    if session.scalar(select(Dataset.id).where(Dataset.name == name)) is not None:
        raise Conflict(f"There is already a dataset called {name}. Choose another name.")


def counts_of(session: Session, dataset_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Counts]:
    """How far each dataset is: one query for images, one for each provided figure."""
    figures: dict[uuid.UUID, dict[str, int]] = {dataset_id: {} for dataset_id in dataset_ids}
    rows = session.execute(
        select(Image.dataset_id, func.count(), func.count().filter(Image.state == "done"))
        .where(Image.dataset_id.in_(dataset_ids))
        .group_by(Image.dataset_id)
    )
    for dataset_id, images, annotated in rows:
        figures[dataset_id].update(images=images, annotated=annotated)
    for name, provider in _count_providers.items():
        for dataset_id, number in provider(session, dataset_ids).items():
            figures[dataset_id][name] = number
    return {dataset_id: Counts(**numbers) for dataset_id, numbers in figures.items()}


def dataset_outs(session: Session, datasets: Sequence[Dataset]) -> list[DatasetOut]:
    """Datasets as clients see them, counts included."""
    counts = counts_of(session, [dataset.id for dataset in datasets])
    return [
        DatasetOut.model_validate(dataset).model_copy(update={"counts": counts[dataset.id]}) for dataset in datasets
    ]


# Images


def list_images(
    session: Session,
    dataset_id: uuid.UUID,
    *,
    after: uuid.UUID | None = None,
    limit: int = 100,
    image_filter: ImageFilter = "all",
) -> list[Image]:
    """Images in order of import; `after` is the last id of the page before."""
    dataset = get_dataset(session, dataset_id)
    query = select(Image).where(Image.dataset_id == dataset_id).order_by(Image.id).limit(limit)
    if after is not None:
        query = query.where(Image.id > after)
    if image_filter == "todo":
        query = query.where(Image.state.in_(["todo", "leased"]))
    elif image_filter == "done":
        query = query.where(Image.state.in_(["done", "skipped"]))
    elif image_filter in _filter_providers:
        query = query.where(_filter_providers[image_filter](session, dataset))
    elif image_filter != "all":
        return []
    return list(session.scalars(query))


def get_image(session: Session, image_id: uuid.UUID) -> Image:
    """The image, or `NotFound`."""
    image = session.get(Image, image_id)
    if image is None:
        raise NotFound("There is no such image.")
    return image


def image_outs(session: Session, images: Sequence[Image]) -> list[ImageOut]:
    """Images as clients see them; one query for all of them says which are embedded."""
    ids = [image.id for image in images]
    embedded = set(_embedded_providers[0](session, ids)) if _embedded_providers and ids else set()
    return [ImageOut.model_validate(image).model_copy(update={"embedded": image.id in embedded}) for image in images]


def image_out(session: Session, image: Image) -> ImageOut:
    """One image as clients see it."""
    return image_outs(session, [image])[0]


def delete_image(session: Session, image_id: uuid.UUID) -> None:
    """Deletes an image with its masks; its files follow in a job."""
    image = get_image(session, image_id)
    session.execute(delete(Image).where(Image.id == image_id))
    _remove_files_later(session, [image.sha256])
    events.emit(session, "dataset.updated", dataset_id=image.dataset_id)


def _remove_files_later(session: Session, sha256s: Sequence[str]) -> None:
    """Queues the removal of files that no image needs any more. Whoever made files from images hears of it too."""
    if sha256s:
        jobs.enqueue(
            session, "datasets.remove_files", payload={"sha256s": list(sha256s)}, title="Remove files of deleted images"
        )
        events.emit(session, "images.deleted", broadcast=False, sha256s=list(sha256s))


# Imports


def request_import(
    session: Session, dataset_id: uuid.UUID, payload: Mapping[str, Any], *, title: str, user_id: uuid.UUID | None
) -> Job:
    """Queues the import of a quarantined upload (`{"upload": name}`) or a server folder (`{"folder": path}`)."""
    dataset = get_dataset(session, dataset_id)
    if not payload.keys() & {"upload", "folder"}:
        raise Invalid("There is nothing to import.")
    return jobs.enqueue(
        session,
        "datasets.import",
        payload=dict(payload),
        title=f"{title} into {dataset.name}",
        dataset_id=dataset_id,
        created_by=user_id,
    )
