"""Is it alive, is it ready, and how is it doing: for supervisors, proxies and Prometheus."""

import json
import logging
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import text

from backend.core import telemetry
from backend.core.celery import QUEUES
from backend.core.runtime import Runtime

logger = logging.getLogger(__name__)

router = APIRouter(tags=["health"])
WORKER_KEY = "maskloom:worker:"
INSTANCE_HEADER = "X-Maskloom-Instance"


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """What answers: true, or what is wrong."""

    ready: bool
    database: bool
    redis: bool
    storage: bool
    workers: bool
    queues: dict[str, int]
    problems: list[str]


def live_workers(runtime: Runtime) -> list[dict[str, Any]]:
    """The workers heard of lately, as they described themselves. Raises when Redis does not answer."""
    keys = list(runtime.redis.scan_iter(WORKER_KEY + "*"))
    values = runtime.redis.mget(keys) if keys else []
    return [json.loads(value) for value in values if value]


def readiness(runtime: Runtime) -> Ready:
    """Asks every service the platform needs."""
    problems: list[str] = []

    def works(name: str, check: Callable[[], Any]) -> bool:
        try:
            check()
        except Exception as error:
            logger.warning("not ready, %s: %s", name, error)
            problems.append(f"{name} does not answer")
            return False
        return True

    def ask_database() -> None:
        with runtime.database.transaction() as session:
            session.execute(text("SELECT 1"))

    queues: dict[str, int] = dict.fromkeys(QUEUES, 0)

    def ask_workers() -> None:
        for worker in live_workers(runtime):
            for queue in worker.get("queues", []):
                if queue in queues:
                    queues[queue] += 1

    database = works("the database", ask_database)
    redis = works("Redis", runtime.redis.ping)
    storage = works("the storage", runtime.storage.check)
    if redis:
        works("the list of workers", ask_workers)
    missing = [queue for queue, count in queues.items() if count == 0]
    if missing:
        problems.append(f"no worker takes jobs of the queue {', '.join(missing)}")
    ready = database and redis and storage
    return Ready(
        ready=ready and not missing, database=database, redis=redis, storage=storage, workers=not missing,
        queues=queues, problems=problems,
    )  # fmt: skip


@router.get("/healthz", summary="Is the process alive", response_model=Alive)
def healthz(request: Request, response: Response) -> Alive:
    """Says ok as long as the process answers."""
    response.headers[INSTANCE_HEADER] = request.app.state.runtime.settings.instance
    return Alive()


@router.get(
    "/readyz",
    summary="Is everything the platform needs there",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "something does not answer"}},
)
def readyz(request: Request) -> JSONResponse:
    """Database, Redis, storage and a worker for every queue; 503 if any is missing."""
    ready = readiness(request.app.state.runtime)
    return JSONResponse(ready.model_dump(), status_code=200 if ready.ready else 503)


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
def metrics(request: Request) -> Response:
    """Requests and job runs of this process, and the jobs in the database."""
    body, media_type = telemetry.render_metrics(request.app.state.runtime.database)
    return Response(body, media_type=media_type)
