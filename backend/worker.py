"""The worker: every feature's job handlers behind one Celery task, and the clock's tasks.

    celery -A backend.worker worker -Q io,control --pool=threads -c 2
    celery -A backend.worker worker -Q train,control --pool=solo
    celery -A backend.clock beat

A solo pool runs the job in the worker's main thread: torch is never forked, and a shutdown reaches the job, which stops
at its next step and goes back to its queue.
"""

import importlib
import json
import logging
import os
import socket
import threading
import uuid
from typing import Any

from celery import Celery, signals

from backend import pipeline
from backend.core.celery import QUEUES, RECONCILE, RUN_JOB
from backend.core.health import WORKER_KEY
from backend.core.jobs.handlers import Periodic, handlers, periodics
from backend.core.jobs.reconcile import reconcile, run_periodic
from backend.core.jobs.runner import run_job
from backend.core.runtime import Runtime
from backend.core.telemetry import configure_logging
from backend.settings import get_settings

logger = logging.getLogger(__name__)

# Every module with job handlers. A new feature adds its line here.
TASK_MODULES: tuple[str, ...] = (
    "backend.datasets.tasks",
    "backend.registry.tasks",
    "backend.annotation.tasks",
    "backend.generation.tasks",
    "backend.rounds.tasks",
    "backend.exports.tasks",
)

stopping = threading.Event()


def load_handlers() -> None:
    """Imports every handler, and those of the modules named in MASKLOOM_EXTRA_TASKS."""
    pipeline.install()
    extra = os.environ.get("MASKLOOM_EXTRA_TASKS", "")
    for module in (*TASK_MODULES, *filter(None, extra.split(","))):
        importlib.import_module(module)
    missing = sorted(set(pipeline.JOBS) - set(handlers))
    if missing:
        raise RuntimeError(f"backend/pipeline.py declares jobs without a handler: {', '.join(missing)}")
    clocked = {name: periodic.every_s for name, periodic in periodics.items()}
    if clocked != pipeline.CLOCK:
        raise RuntimeError(f"backend/pipeline.py declares {pipeline.CLOCK} for the clock, the tasks {clocked}")


def make_worker() -> Celery:
    """The Celery application with its tasks, for `celery -A backend.worker`."""
    settings = get_settings()
    configure_logging(settings.log_level, settings.log_format)
    load_handlers()
    runtime = Runtime(settings)
    app = runtime.celery

    @app.task(name=RUN_JOB, acks_late=True, reject_on_worker_lost=True, ignore_result=True)
    def run(job_id: str) -> None:
        run_job(runtime, uuid.UUID(job_id), stopping=stopping)

    @app.task(name=RECONCILE, ignore_result=True)
    def reconcile_jobs() -> None:
        reconcile(runtime)

    for periodic in periodics.values():
        _add_periodic(app, runtime, periodic)
    _announce(runtime)
    return app


def _add_periodic(app: Celery, runtime: Runtime, periodic: Periodic) -> None:
    @app.task(name=periodic.name, ignore_result=True)
    def run() -> None:
        run_periodic(runtime, periodic)


def _announce(runtime: Runtime) -> None:
    """Says in Redis, as long as this worker lives, which queues it takes: for /readyz and `maskloom doctor`."""

    @signals.worker_ready.connect(weak=False)
    def on_ready(sender: Any = None, **_: Any) -> None:
        queues = [name for name in sender.app.amqp.queues.consume_from if name in QUEUES]
        about = {"host": socket.gethostname(), "pid": os.getpid(), "queues": queues}
        thread = threading.Thread(target=_stay_known, args=(runtime, about), name="presence", daemon=True)
        thread.start()

    @signals.worker_shutting_down.connect(weak=False)
    def on_shutting_down(**_: Any) -> None:
        stopping.set()


def _stay_known(runtime: Runtime, about: dict[str, Any]) -> None:
    key = f"{WORKER_KEY}{about['host']}:{about['pid']}"
    ttl_ms = int(runtime.settings.worker_ttl_s * 1000)
    while True:
        try:
            runtime.redis.set(key, json.dumps(about), px=ttl_ms)
        except Exception as error:
            logger.warning("Redis does not answer: %s", error)
        if stopping.wait(runtime.settings.worker_ttl_s / 3):
            break
    try:
        runtime.redis.delete(key)
    except Exception as error:
        logger.info("could not sign off: %s", error)


app: Celery


def __getattr__(name: str) -> Any:
    """`app` is made when Celery asks for it: importing this module alone opens no connection."""
    if name in ("app", "celery"):
        made = make_worker()
        globals()["app"] = globals()["celery"] = made
        return made
    raise AttributeError(name)
