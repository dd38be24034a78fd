"""The web process: uvicorn, with event streams closed first so that a shutdown takes no longer than a request."""

from types import FrameType

import uvicorn
from fastapi import FastAPI

from backend.app import create_app

GRACE_S = 5


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Open streams would otherwise be waited for until the grace is over.
        events = getattr(self._app.state, "events", None)
        if events is not None:
            events.close_soon()
        super().handle_exit(sig, frame)


def serve(host: str, port: int) -> None:
    """Serves until SIGINT or SIGTERM. Raises OSError, through uvicorn's exit, if the port is taken."""
    app = create_app()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
    )
    _Server(config, app).run()
