"""Routes of exports, the resumable download among them."""

import uuid
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import StreamingResponse

from backend.accounts.dependencies import AdminUser, AnnotatorUser, RuntimeDep
from backend.core.db import SessionDep
from backend.core.download import attachment
from backend.core.errors import problem, problem_responses
from backend.core.storage import Storage
from backend.exports import service
from backend.exports.archive import CHUNK_BYTES
from backend.exports.ranges import Span, Unsatisfiable, matches, requested_span
from backend.exports.schemas import ExportList, ExportOut, StartExport

router = APIRouter(prefix="/api/exports", tags=["exports"])


@router.get(
    "", summary="List a dataset's exports, newest first", response_model=ExportList, responses=problem_responses(404)
)
def list_exports(session: SessionDep, user: AnnotatorUser, dataset_id: uuid.UUID) -> ExportList:
    return ExportList(items=[ExportOut.of(row) for row in service.list_exports(session, dataset_id)])


@router.post(
    "",
    summary="Export a dataset's final masks as a zip, in the background",
    response_model=ExportOut,
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(404),
)
def start_export(session: SessionDep, user: AdminUser, body: StartExport) -> ExportOut:
    row = service.start_export(
        session,
        body.dataset_id,
        layout=body.format,
        include_images=body.include_images,
        sources=body.sources,
        user_id=user.id,
    )
    return ExportOut.of(row)


@router.get("/{export_id}", summary="One export", response_model=ExportOut, responses=problem_responses(404))
def get_export(session: SessionDep, user: AnnotatorUser, export_id: uuid.UUID) -> ExportOut:
    return ExportOut.of(service.WORK.get(session, export_id))


@router.delete(
    "/{export_id}",
    summary="Delete an export and its file",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(404, 409),
)
def delete_export(session: SessionDep, user: AdminUser, runtime: RuntimeDep, export_id: uuid.UUID) -> None:
    service.delete_export(session, runtime.storage, export_id)


@router.head(
    "/{export_id}/download", include_in_schema=False, response_class=Response, responses=problem_responses(404, 409)
)
@router.get(
    "/{export_id}/download",
    summary="Download an export; an interrupted download goes on with Range and If-Range",
    response_class=Response,
    responses={
        200: {"content": {"application/zip": {}}, "description": "the whole file"},
        206: {"content": {"application/zip": {}}, "description": "the part asked for"},
        304: {"description": "the client has this file already"},
        416: {"description": "the range begins behind the end of the file"},
        **problem_responses(404, 409),
    },
)
def download(
    session: SessionDep, user: AnnotatorUser, runtime: RuntimeDep, request: Request, export_id: uuid.UUID
) -> Response:
    row = service.downloadable(session, export_id)
    size = runtime.storage.size(row.storage_key)
    etag = f'"{row.sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    try:
        span = requested_span(request.headers.get("range"), request.headers.get("if-range"), etag=etag, size=size)
    except Unsatisfiable:
        detail = f"The file has {size} bytes; the range asked for begins behind its end. Download it from the start."
        unsatisfiable = {**headers, "Content-Range": f"bytes */{size}"}
        return problem(416, "Range not satisfiable", detail, "range_not_satisfiable", headers=unsatisfiable)
    headers["Content-Disposition"] = attachment(service.download_name(session, row))
    if span is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    part = span or Span(start=0, stop=size)
    headers["Content-Length"] = str(part.length)
    code = 200 if span is None else 206
    if request.method == "HEAD":
        return Response(status_code=code, headers=headers, media_type="application/zip")
    chunks = _read(runtime.storage, row.storage_key, part)
    return StreamingResponse(chunks, status_code=code, headers=headers, media_type="application/zip")


def _read(storage: Storage, key: str, span: Span) -> Iterator[bytes]:
    with storage.open(key) as source:
        source.seek(span.start)
        left = span.length
        while left and (chunk := source.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
