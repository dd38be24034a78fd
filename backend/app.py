"""The web application: every feature's routes, one error shape, isolation headers, health, metrics, and the built page.

Run it with `maskloom serve`, or `uvicorn --factory backend.app:create_app`. Importing this module loads no torch.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from backend import pipeline
from backend.accounts.routes import router as accounts_router
from backend.activity.routes import router as activity_router
from backend.activity.stream import EventHub
from backend.annotation.routes import router as annotation_router
from backend.core.celery import DEFAULT_REDIS_URL
from backend.core.errors import Problem, install_error_handlers
from backend.core.health import router as health_router
from backend.core.http import install_middleware
from backend.core.page import install_page
from backend.core.runtime import Runtime
from backend.core.telemetry import configure_logging
from backend.datasets.routes import router as datasets_router
from backend.exports.routes import router as exports_router
from backend.generation.routes import router as generation_router
from backend.insights.routes import router as insights_router
from backend.registry.routes import router as registry_router
from backend.review.routes import router as review_router
from backend.rounds.routes import router as rounds_router
from backend.settings import Settings, get_settings

logger = logging.getLogger(__name__)

# Every feature's routes, in the order of the documentation. A new feature adds its line here.
ROUTERS = (
    accounts_router,
    datasets_router,
    registry_router,
    annotation_router,
    review_router,
    rounds_router,
    generation_router,
    exports_router,
    insights_router,
    activity_router,
)

# Routes that take files of any size: they check who asks before they read, and stream to disk.
STREAMED = ("/api/datasets/{dataset_id}/imports", "/api/models")


def create_app(settings: Settings | None = None, runtime: Runtime | None = None) -> FastAPI:
    """The application. A `runtime` given from outside is the caller's to close."""
    settings = settings or (runtime.settings if runtime else get_settings())
    if runtime is None:
        configure_logging(settings.log_level, settings.log_format)
    pipeline.install()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.runtime = runtime or Runtime(settings)
        app.state.events = EventHub(settings.redis_url or DEFAULT_REDIS_URL)
        try:
            yield
        finally:
            app.state.events.close()
            if runtime is None:
                app.state.runtime.close()

    app = FastAPI(
        title="Maskloom",
        summary="The data engine of Segment Anything, for anyone: annotate, retrain, generate.",
        version="0.1.0",
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        docs_url="/docs",
        redoc_url=None,
    )
    install_error_handlers(app)
    install_middleware(app, STREAMED)
    app.include_router(health_router)
    for router in ROUTERS:
        app.include_router(router)
    install_page(app, settings.frontend_dir)
    _document_problems(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


def _document_problems(app: FastAPI) -> None:
    """Adds the error shape, which routes refer to, to the OpenAPI document."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        document = original()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema(mode="serialization")
        document["components"]["securitySchemes"] = {
            "cookie": {"type": "apiKey", "in": "cookie", "name": "maskloom_session"},
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "mlk_..."},
        }
        document["security"] = [{"cookie": []}, {"token": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]
