"""The live connections of one process: database, Redis, storage, and the way to send a job.

Built once by each composition root (web app, worker, command line, tests) and reachable from every session, so that
services can leave things for after their commit. Redis only carries hints: whatever is sent to it may be lost.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.orm import Session

from backend.core.celery import DEFAULT_REDIS_URL, make_celery, send_job
from backend.core.db import Database
from backend.core.storage import Storage
from backend.settings import Settings

logger = logging.getLogger(__name__)

EVENTS_CHANNEL = "maskloom:events"
_INFO_KEY = "maskloom.runtime"
_PAUSE_S = 2.0


class Runtime:
    """One process's connections. `close` when the process ends."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, info={_INFO_KEY: self})
        self.storage = Storage.from_url(settings.effective_storage_url)
        self.redis = redis.Redis.from_url(
            settings.redis_url or DEFAULT_REDIS_URL,
            socket_timeout=2,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 1),  # once, for a pooled connection that died; never make a request wait
        )
        self.celery = make_celery(settings)
        self._redis_back_at = 0.0
        self._lock = threading.Lock()

    def publish(self, name: str, data: dict[str, Any]) -> None:
        """Tells every open page. Lost when Redis does not answer: pages then find out when they next ask."""
        message = json.dumps({"event": name, "data": data})
        self._hint("publish an event", lambda: self.redis.publish(EVENTS_CHANNEL, message))

    def send_job(self, job_id: uuid.UUID, queue: str) -> None:
        """Tells the workers of a queued job. If this is lost, the next reconcile sends it again."""

        def send() -> None:
            self.redis.ping()  # fails at once where Celery's own client would try again for seconds
            send_job(self.celery, job_id, queue)

        self._hint("send a job", send)

    def _hint(self, what: str, function: Callable[[], Any]) -> None:
        if time.monotonic() < self._redis_back_at:
            return  # Redis failed a moment ago: do not make every request wait for it
        try:
            function()
        except Exception as error:
            with self._lock:
                self._redis_back_at = time.monotonic() + _PAUSE_S
            logger.warning("could not %s, going on without Redis: %s", what, error)

    def close(self) -> None:
        """Closes every connection."""
        self.database.dispose()
        self.redis.close()
        self.celery.close()


def runtime_of(session: Session) -> Runtime | None:
    """The runtime a session belongs to; None for a session on a bare `Database`."""
    return session.info.get(_INFO_KEY)
