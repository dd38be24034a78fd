"""Logs and figures: one way to log in every process, and the Prometheus metrics of this one."""

import json
import logging
import sys
import time
from collections.abc import Iterable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from backend.core.db import Database

registry = CollectorRegistry()

REQUESTS = Counter("maskloom_requests_total", "HTTP requests", ["method", "route", "status"], registry=registry)
REQUEST_SECONDS = Histogram(
    "maskloom_request_seconds", "Time to answer an HTTP request", ["method", "route"], registry=registry
)
JOBS_ENDED = Counter(
    "maskloom_jobs_ended_total", "Job runs ended in this process", ["kind", "outcome"], registry=registry
)
JOB_SECONDS = Histogram(
    "maskloom_job_seconds",
    "Time a job ran in this process",
    ["kind"],
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400),
    registry=registry,
)


def job_ended(kind: str, outcome: str, seconds: float) -> None:
    """Counts one run of a job."""
    JOBS_ENDED.labels(kind, outcome).inc()
    JOB_SECONDS.labels(kind).observe(seconds)


class _JobTable(Collector):
    """How many jobs are in which state, asked of the database when somebody looks."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def collect(self) -> Iterable[Metric]:
        from backend.core.jobs.models import Job

        jobs = GaugeMetricFamily("maskloom_jobs", "Jobs in the database", labels=["kind", "state"])
        with self.database.transaction() as session:
            rows = session.execute(select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)).all()
        for kind, state, count in rows:
            jobs.add_metric([kind, state.value], count)
        yield jobs


def render_metrics(database: Database) -> tuple[bytes, str]:
    """The page for Prometheus and its content type."""
    jobs = CollectorRegistry()
    jobs.register(_JobTable(database))
    return generate_latest(registry) + generate_latest(jobs), CONTENT_TYPE_LATEST


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def configure_logging(level: str = "INFO", log_format: str = "text") -> None:
    """Sends this process's log to stderr, as lines for people or as JSON for programs."""
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "httpx", "alembic.runtime.plugins", "PIL", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
