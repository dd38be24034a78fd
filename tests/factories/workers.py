"""Worker processes of their own, to be killed."""

import os

from backend.core.runtime import Runtime


def worker_environment(runtime: Runtime) -> dict[str, str]:
    """The environment of a process that works on the runtime's database and storage, its leases short."""
    settings = runtime.settings
    return {
        **os.environ,
        "MASKLOOM_HOME": str(settings.home),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "MASKLOOM_JOB_LEASE_S": "2",
        "MASKLOOM_JOB_HEARTBEAT_S": "0.5",
    }
