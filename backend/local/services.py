"""Settings of the one-machine default: private servers stand in for what the environment does not name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from backend.local.migrate import upgrade
from backend.local.postgres import Postgres
from backend.local.redis import LocalRedis
from backend.settings import Settings


def private_postgres(settings: Settings) -> Postgres | None:
    """The private Postgres of this data folder; None if DATABASE_URL names another."""
    return None if settings.database_url else Postgres(settings.home / "postgres")


def private_redis(settings: Settings) -> LocalRedis | None:
    """The private Redis of this data folder; None if REDIS_URL names another."""
    return None if settings.redis_url else LocalRedis(settings.home / "redis")


def with_private_urls(settings: Settings, postgres: Postgres | None, redis: LocalRedis | None) -> Settings:
    """The settings with the private servers' addresses."""
    update: dict[str, str] = {}
    if postgres is not None:
        update["database_url"] = postgres.url()
    if redis is not None:
        update["redis_url"] = redis.url
    return settings.model_copy(update=update)


# Several workers share the cores of one machine. Threads that spin while they wait then cost three times what they earn
# (docs/log.md, 2026-11-22), and numpy's products are too small to be split at all.
POLITE_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment that makes a child process read these settings."""
    return {
        **POLITE_THREADS,
        **os.environ,
        "MASKLOOM_HOME": str(settings.home),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "STORAGE_URL": settings.effective_storage_url,
        "MASKLOOM_INSTANCE": settings.instance,
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def attached(settings: Settings) -> Iterator[Settings]:
    """Settings with a database that answers, for a short command.

    A private Postgres that runs is used as it is; one that does not is started for the block and stopped after it.
    """
    postgres = private_postgres(settings)
    redis = private_redis(settings)
    if postgres is None:
        yield with_private_urls(settings, None, redis)
        return
    running = postgres.pid() is not None
    postgres.start()
    try:
        upgrade(postgres.url())
        yield with_private_urls(settings, postgres, redis)
    finally:
        if not running:
            postgres.stop()
