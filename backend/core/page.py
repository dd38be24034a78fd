"""The built web page: static files with the right types and caching, and index.html for the page's own addresses.

A file is sent as its `.br` or `.gz` twin if there is one and the browser takes it. Names with a content hash never
change, so they are cached for ever; index.html is asked for every time.
"""

import re
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException

from backend.core.download import accepted_encodings

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_HASHED = re.compile(r"[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Maskloom</title>
<body style="font:16px/1.5 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem">
<h1>The web page is not built yet</h1>
<p>The server runs, but there is no page in <code>{folder}</code>.</p>
<p>In the repository, run <code>make frontend</code> (or <code>make demo</code>, which does everything), then
reload.</p> <p>The API is there already: <a href="/docs">/docs</a>.</p></body></html>"""


def install_page(app: FastAPI, folder: Path) -> None:
    """Serves `folder` for every path that no route took. Install it last."""

    @app.get("/{path:path}", include_in_schema=False, name="page")
    @app.head("/{path:path}", include_in_schema=False, name="page_head")
    def page(path: str, request: Request) -> Response:
        if path == "api" or path.startswith("api/"):
            raise HTTPException(404, "There is no such address.")
        index = folder / "index.html"
        if not index.is_file():
            return HTMLResponse(_NOT_BUILT.format(folder=folder), status_code=503 if path else 200)
        file = _inside(folder, path)
        if file is None and Path(path).suffix in MEDIA_TYPES:
            raise HTTPException(404, "There is no such file.")
        return _send(file or index, request)


def _inside(folder: Path, path: str) -> Path | None:
    """The file below `folder`, or None. Nothing outside is ever served, whatever the path or a link says."""
    if not path or "\0" in path:
        return None
    file = (folder / path).resolve()
    return file if file.is_file() and file.is_relative_to(folder.resolve()) else None


def _send(file: Path, request: Request) -> Response:
    media_type = MEDIA_TYPES.get(file.suffix.lower(), "application/octet-stream")
    headers = {"Cache-Control": _FOR_EVER if _HASHED.search(file.name) else _ASK_AGAIN, "Vary": "Accept-Encoding"}
    accepted = accepted_encodings(request)
    for encoding, suffix in (("br", ".br"), ("gzip", ".gz")):
        twin = file.with_name(file.name + suffix)
        if encoding in accepted and twin.is_file():
            return FileResponse(twin, media_type=media_type, headers={**headers, "Content-Encoding": encoding})
    return FileResponse(file, media_type=media_type, headers=headers)
