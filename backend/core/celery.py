"""The Celery application: transport and delivery options only. Tasks are registered by the worker.

Messages are hints that say "look at this job now"; the database decides. So no result backend, one message at a time,
and acknowledgement only after the work.
"""

import uuid
from typing import Any, Literal, get_args
from urllib.parse import parse_qs, urlsplit

from celery import Celery

from backend.settings import Settings

Queue = Literal["io", "embed", "generate", "train"]
QUEUES: tuple[Queue, ...] = get_args(Queue)
DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
CONTROL_QUEUE = "control"  # the clock's short tasks; every worker listens to it, so that a long job delays none
RUN_JOB = "maskloom.run_job"
RECONCILE = "maskloom.reconcile"


def broker_url(redis_url: str) -> str:
    """redis-py's URL as Celery writes it: the two spell a unix socket differently."""
    if not redis_url.startswith("unix://"):
        return redis_url or DEFAULT_REDIS_URL
    parts = urlsplit(redis_url)
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"


def make_celery(settings: Settings) -> Celery:
    """A Celery application without tasks, good for sending; the worker adds its tasks."""
    app = Celery("maskloom", broker=broker_url(settings.redis_url), set_as_current=False)
    transport: dict[str, Any] = {
        "socket_timeout": 5,
        "socket_connect_timeout": 1,
        "socket_keepalive": True,
        # A message not acknowledged for this long is delivered again; claiming makes that harmless.
        "visibility_timeout": 12 * 3600,
    }
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=transport,
        task_publish_retry=False,
        task_default_queue="io",
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
    )
    return app


def send_job(app: Celery, job_id: uuid.UUID, queue: str) -> None:
    """Puts a hint for one job on its queue; raises when the broker does not answer."""
    app.send_task(RUN_JOB, args=[str(job_id)], queue=queue, retry=False)
