"""What every HTTP answer carries: isolation and security headers, and its place in the metrics.

Threads in WASM need `SharedArrayBuffer`, which browsers give only to pages that are cross-origin isolated; so the
backend itself sends the three headers on everything.
"""

import time

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core import telemetry

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


def install_middleware(app: FastAPI) -> None:
    """Adds the headers and the metrics to every answer."""
    app.add_middleware(HeadersAndMetrics)
