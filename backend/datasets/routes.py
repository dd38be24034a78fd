"""Datasets, imports and images over HTTP."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.concurrency import run_in_threadpool

from backend.accounts.dependencies import AdminUploader, AdminUser, AnnotatorUser, RuntimeDep
from backend.core.db import SessionDep
from backend.core.download import send_stored
from backend.core.errors import problem_responses
from backend.core.jobs import Job, JobOut
from backend.core.runtime import Runtime
from backend.datasets import quarantine, service, sources
from backend.datasets.schemas import (
    DatasetCreate,
    DatasetList,
    DatasetOut,
    DatasetUpdate,
    FolderImport,
    ImageFilter,
    ImageOut,
    ImagePage,
)
from backend.datasets.upload import receive

router = APIRouter(prefix="/api", tags=["datasets"])

_UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}


def _file_responses(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"content": {media_type: {}}, "description": "the file"},
        304: {"description": "the client has this file already"},
        **problem_responses(404),
    }


@router.get("/datasets", summary="List datasets", response_model=DatasetList, responses=problem_responses())
def list_datasets(_: AnnotatorUser, session: SessionDep) -> DatasetList:
    """By name, with their counts."""
    return DatasetList(items=service.dataset_outs(session, service.list_datasets(session)))


@router.post(
    "/datasets",
    summary="Create a dataset",
    response_model=DatasetOut,
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(409),
)
def create_dataset(body: DatasetCreate, user: AdminUser, session: SessionDep) -> DatasetOut:
    """Empty, in stage 1, with the default model if there is one."""
    dataset = service.create_dataset(session, body, created_by=user.id)
    return service.dataset_outs(session, [dataset])[0]


@router.get(
    "/datasets/{dataset_id}", summary="Read a dataset", response_model=DatasetOut, responses=problem_responses(404)
)
def read_dataset(dataset_id: uuid.UUID, _: AnnotatorUser, session: SessionDep) -> DatasetOut:
    """With its counts."""
    return service.dataset_outs(session, [service.get_dataset(session, dataset_id)])[0]


@router.patch(
    "/datasets/{dataset_id}",
    summary="Change a dataset",
    response_model=DatasetOut,
    responses=problem_responses(404, 409),
)
def update_dataset(dataset_id: uuid.UUID, body: DatasetUpdate, _: AdminUser, session: SessionDep) -> DatasetOut:
    """Name, description, review and policy; what is left out stays."""
    return service.dataset_outs(session, [service.update_dataset(session, dataset_id, body)])[0]


@router.delete(
    "/datasets/{dataset_id}",
    summary="Delete a dataset",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(404),
)
def delete_dataset(dataset_id: uuid.UUID, _: AdminUser, session: SessionDep) -> None:
    """With its images, masks, rounds and exports. There is no way back."""
    service.delete_dataset(session, dataset_id)


@router.post(
    "/datasets/{dataset_id}/imports",
    summary="Upload images, archives of images, or COCO files",
    response_model=JobOut,
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(404, 413, 507),
    openapi_extra=_UPLOAD_BODY,
)
async def upload_files(dataset_id: uuid.UUID, user_id: AdminUploader, request: Request, runtime: RuntimeDep) -> JobOut:
    """Files wait in quarantine until the returned job has decoded them; its result says what went in and what did not.

    `result` is `{accepted, masks, duplicates, duplicate_files: [{name, reason}], refused: [{name, reason}]}`.
    """
    await run_in_threadpool(_check_dataset, runtime, dataset_id)
    upload, _ = await receive(request, runtime.settings)
    return await run_in_threadpool(_request_upload, runtime, dataset_id, upload, user_id)


def _check_dataset(runtime: Runtime, dataset_id: uuid.UUID) -> None:
    with runtime.database.transaction() as session:
        service.get_dataset(session, dataset_id)


def _request_upload(runtime: Runtime, dataset_id: uuid.UUID, upload: str, user_id: uuid.UUID) -> JobOut:
    # A transaction of its own: none was held open while the files came in.
    try:
        files = quarantine.read(runtime.settings, upload)
        title = f"Import {files[0].name}" if len(files) == 1 else f"Import {len(files)} files"
        with runtime.database.transaction() as session:
            job = service.request_import(session, dataset_id, {"upload": upload}, title=title, user_id=user_id)
        return JobOut.model_validate(job)
    except BaseException:
        quarantine.remove(runtime.settings, upload)
        raise


@router.post(
    "/datasets/{dataset_id}/imports/folder",
    summary="Import a folder of the server",
    response_model=JobOut,
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(404),
)
def import_folder(
    dataset_id: uuid.UUID, body: FolderImport, user: AdminUser, session: SessionDep, runtime: RuntimeDep
) -> Job:
    """Only below the folders that MASKLOOM_IMPORT_ROOTS names."""
    folder = sources.allowed_folder(body.path, runtime.settings)
    payload = {"folder": str(folder)}
    return service.request_import(session, dataset_id, payload, title=f"Import folder {folder.name}", user_id=user.id)


@router.get(
    "/datasets/{dataset_id}/images",
    summary="List images",
    response_model=ImagePage,
    responses=problem_responses(404),
)
def list_images(
    dataset_id: uuid.UUID,
    _: AnnotatorUser,
    session: SessionDep,
    cursor: Annotated[uuid.UUID | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    image_filter: Annotated[ImageFilter, Query(alias="filter")] = "all",
) -> ImagePage:
    """In order of import. `broken` are those that cannot be embedded."""
    images = service.list_images(session, dataset_id, after=cursor, limit=limit, image_filter=image_filter)
    next_cursor = str(images[-1].id) if len(images) == limit else None
    return ImagePage(items=service.image_outs(session, images), next_cursor=next_cursor)


@router.get("/images/{image_id}", summary="Read an image", response_model=ImageOut, responses=problem_responses(404))
def read_image(image_id: uuid.UUID, _: AnnotatorUser, session: SessionDep) -> ImageOut:
    """What is known of it; the pixels are at `url`."""
    return service.image_out(session, service.get_image(session, image_id))


@router.get(
    "/images/{image_id}/file",
    summary="Download an image",
    response_class=Response,
    responses=_file_responses("image/*"),
)
def read_image_file(
    image_id: uuid.UUID, _: AnnotatorUser, session: SessionDep, runtime: RuntimeDep, request: Request
) -> Response:
    """Upright, in a format browsers show. Never changes under this address."""
    image = service.get_image(session, image_id)
    return send_stored(request, runtime.storage, image.storage_key, etag=image.sha256, media_type=image.content_type)


@router.get(
    "/images/{image_id}/thumbnail",
    summary="Download a thumbnail",
    response_class=Response,
    responses=_file_responses("image/jpeg"),
)
def read_thumbnail(
    image_id: uuid.UUID, _: AnnotatorUser, session: SessionDep, runtime: RuntimeDep, request: Request
) -> Response:
    """A JPEG whose long side is at most 320 pixels."""
    image = service.get_image(session, image_id)
    return send_stored(
        request, runtime.storage, image.thumbnail_key, etag=f"{image.sha256}-thumb", media_type="image/jpeg"
    )


@router.delete(
    "/images/{image_id}",
    summary="Delete an image",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(404),
)
def delete_image(image_id: uuid.UUID, _: AdminUser, session: SessionDep) -> None:
    """With its masks. There is no way back."""
    service.delete_image(session, image_id)
