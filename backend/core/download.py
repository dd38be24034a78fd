"""Sending stored files: from disk where the storage is a folder, streamed where it is not; cached by content."""

import gzip
from collections.abc import Iterator
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from backend.core.errors import NotFound
from backend.core.storage import CHUNK_BYTES, Storage

# "private": the answer depends on who asks, so no shared cache may keep it.
FOR_EVER = "private, max-age=31536000, immutable"
GZIP_LEVEL = 1  # for embeddings higher levels take longer and save nothing


def send_stored(
    request: Request,
    storage: Storage,
    key: str,
    *,
    etag: str,
    media_type: str,
    cache_control: str = FOR_EVER,
    shrinks: bool = False,
    file_name: str | None = None,
) -> Response:
    """The stored file; 304 if the client has it already.

    `etag` is its content's hash, without quotes. A small file that `shrinks` is compressed on its way, if the client
    takes that. With a `file_name` browsers save it under that name.
    """
    quoted = f'"{etag}"'
    headers = {"ETag": quoted, "Cache-Control": cache_control}
    if file_name is not None:
        headers["Content-Disposition"] = attachment(file_name)
    zipped = shrinks and "gzip" in accepted_encodings(request)
    if shrinks:
        headers["Vary"] = "Accept-Encoding"
    if zipped:
        # A weak tag, since the same content also goes out in other bytes.
        headers["ETag"] = f"W/{quoted}"
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if quoted in known or "*" in known:
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
        content = gzip.compress(storage.read_bytes(key), GZIP_LEVEL, mtime=0)
        return Response(content, media_type=media_type, headers=headers)
    path = storage.local_path(key)
    if path is not None:
        if not path.is_file():
            raise NotFound("The file is not in the storage any more.")
        return FileResponse(path, media_type=media_type, headers=headers)
    headers["Content-Length"] = str(storage.size(key))
    return StreamingResponse(_chunks(storage, key), media_type=media_type, headers=headers)


def attachment(file_name: str) -> str:
    """The header's value for a file to be saved, whatever characters its name has."""
    return f"attachment; filename*=utf-8''{quote(file_name, safe='')}"


def accepted_encodings(request: Request) -> set[str]:
    """The content encodings that the client names and does not refuse with the weight 0."""
    offers = request.headers.get("accept-encoding", "").replace(" ", "").split(",")
    parts = (offer.partition(";q=") for offer in offers)
    return {name for name, _, weight in parts if not weight or weight.strip("0.")}


def _chunks(storage: Storage, key: str) -> Iterator[bytes]:
    with storage.open(key) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
