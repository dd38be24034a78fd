"""Datasets with images, made through the platform's own services."""

import uuid
from collections.abc import Callable

from backend.core.runtime import Runtime
from backend.datasets import quarantine, service
from backend.datasets.models import Dataset
from backend.datasets.schemas import DatasetCreate
from tests.factories import images


def make_dataset(runtime: Runtime, name: str | None = None, **values: object) -> Dataset:
    """An empty dataset."""
    create = DatasetCreate.model_validate({"name": name or f"dataset {uuid.uuid4().hex[:8]}", **values})
    with runtime.database.transaction() as session:
        return service.create_dataset(session, create)


def import_images(
    runtime: Runtime,
    run_jobs: Callable[[], int],
    dataset_id: uuid.UUID,
    num_images: int = 3,
    *,
    files: dict[str, bytes] | None = None,
    size: tuple[int, int] = (48, 64),
) -> list[uuid.UUID]:
    """Imports small generated images (or the given files) as an upload would; runs all jobs; returns image ids."""
    if files is None:
        files = {f"image{index:03d}.png": images.png(index, size) for index in range(num_images)}
    upload = quarantine.store(runtime.settings, files)
    with runtime.database.transaction() as session:
        service.request_import(session, dataset_id, {"upload": upload}, title="Import", user_id=None)
    run_jobs()
    with runtime.database.transaction() as session:
        return [image.id for image in service.list_images(session, dataset_id, limit=10_000)]
