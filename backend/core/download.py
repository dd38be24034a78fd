"""Sending stored files: from disk where the storage is a folder, streamed where it is not; cached by content."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from backend.core.errors import NotFound
from backend.core.storage import CHUNK_BYTES, Storage

# "private": the answer depends on who asks, so no shared cache may keep it.
FOR_EVER = "private, max-age=31536000, immutable"


def send_stored(
    request: Request, storage: Storage, key: str, *, etag: str, media_type: str, cache_control: str = FOR_EVER
) -> Response:
    """The stored file; 304 if the client has it already. `etag` is its content's hash, without quotes."""
    quoted = f'"{etag}"'
    headers = {"ETag": quoted, "Cache-Control": cache_control}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if quoted in known or "*" in known:
        return Response(status_code=304, headers=headers)
    path = storage.local_path(key)
    if path is not None:
        if not path.is_file():
            raise NotFound("The file is not in the storage any more.")
        return FileResponse(path, media_type=media_type, headers=headers)
    headers["Content-Length"] = str(storage.size(key))
    return StreamingResponse(_chunks(storage, key), media_type=media_type, headers=headers)


def _chunks(storage: Storage, key: str) -> Iterator[bytes]:
    with storage.open(key) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
