"""What holds for every HTTP exchange: isolation and security headers, a limit on bodies, its place in the metrics.

Threads in WASM need `SharedArrayBuffer`, which browsers give only to pages that are cross-origin isolated; so the
backend itself sends the three headers on everything.
"""

import re
import time
from collections.abc import Iterable

from fastapi import FastAPI, HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core import telemetry
from backend.core.errors import problem

# Far above the largest mask that a page may send, far below what hurts the process.
LARGEST_BODY_BYTES = 16 * 1024 * 1024
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' blob: data:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": _POLICY,
}
# The documentation page loads its script from a CDN and runs an inline one; it holds nothing that is ours to protect.
_OPEN_PATHS = frozenset({"/docs", "/docs/oauth2-redirect"})


class HeadersAndMetrics:
    """Pure ASGI, so that streams are not buffered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    if scope["path"] not in _OPEN_PATHS or name == "X-Content-Type-Options":
                        headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            # The route's template, never the path: ids would make a series each.
            route = getattr(scope.get("route"), "path", "other")
            telemetry.REQUESTS.labels(scope["method"], route, str(status)).inc()
            telemetry.REQUEST_SECONDS.labels(scope["method"], route).observe(time.perf_counter() - started)


class LimitedBodies:
    """Refuses bodies that are larger than any answer needs, before they fill the memory or the disk.

    The framework reads a body before it asks who sent it. Routes that check first and stream their body to disk by
    themselves are `streamed`: path templates, as the routes have them.
    """

    def __init__(self, app: ASGIApp, streamed: Iterable[str] = ()) -> None:
        self.app = app
        patterns = (re.sub(r"\{[^}]*\}", "[^/]+", template) for template in streamed)
        self._streamed = re.compile("|".join(patterns) or r"(?!)")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._streamed.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        detail = f"The request is larger than {LARGEST_BODY_BYTES // 2**20} MiB. Send less at once."
        claimed = Headers(scope=scope).get("content-length", "")
        if claimed.isascii() and claimed.isdigit() and (len(claimed) > 19 or int(claimed) > LARGEST_BODY_BYTES):
            await problem(413, "Too large", detail, "too_large")(scope, receive, send)
            return
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > LARGEST_BODY_BYTES:
                raise HTTPException(413, detail)
            return message

        await self.app(scope, limited, send)


def install_middleware(app: FastAPI, streamed: Iterable[str] = ()) -> None:
    """Adds the headers and the metrics to every answer, and the limit to every body but those of `streamed` routes."""
    app.add_middleware(LimitedBodies, streamed=tuple(streamed))
    app.add_middleware(HeadersAndMetrics)
