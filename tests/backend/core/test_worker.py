"""Real Celery workers and a real clock: killed in the middle, shut down in the middle, with Redis wiped."""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import func, select

from backend.core import health, jobs
from backend.core.jobs import Job, JobState
from backend.core.runtime import Runtime
from backend.local.services import environment_of
from tests.backend.core import crash_tasks

WAIT_S = 120


@contextmanager
def running(runtime: Runtime, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = environment_of(runtime.settings) | {
        "MASKLOOM_EXTRA_TASKS": crash_tasks.__name__,
        "MASKLOOM_JOB_LEASE_S": "3",
        "MASKLOOM_JOB_HEARTBEAT_S": "0.5",
        "MASKLOOM_RECONCILE_S": "1",
        "MASKLOOM_RESEND_S": "2",
    }
    command = [sys.executable, "-m", "celery", "-A", *arguments, "-l", "WARNING"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def worker(runtime: Runtime) -> AbstractContextManager[subprocess.Popen[bytes]]:
    options = ["-Q", "io,control", "--pool", "solo", "--without-gossip", "--without-mingle"]
    return running(runtime, "backend.worker", "worker", *options)


def clock(runtime: Runtime) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return running(runtime, "backend.clock", "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile", "")


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for: {what}"
        time.sleep(0.1)


def enqueue(runtime: Runtime, log: Path, steps: int) -> uuid.UUID:
    with runtime.database.transaction() as session:
        return jobs.enqueue(session, "test.steps", payload={"steps": steps, "log": str(log)}).id


def job_of(runtime: Runtime, job_id: uuid.UUID) -> Job:
    with runtime.database.transaction() as session:
        return jobs.get_job(session, job_id)


def marks(runtime: Runtime) -> int:
    with runtime.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(Job).where(Job.kind == "test.mark")) or 0


def test_a_killed_worker_and_a_wiped_redis_lose_and_double_nothing(runtime: Runtime, tmp_path: Path) -> None:
    log = tmp_path / "steps.log"
    with clock(runtime):
        with worker(runtime) as first:
            job_id = enqueue(runtime, log, steps=40)
            until(lambda: log.exists() and len(log.read_text().splitlines()) >= 5, "the job to be in the middle")
            assert any("io" in live["queues"] for live in health.live_workers(runtime))
            first.send_signal(signal.SIGKILL)
            first.wait()
        assert job_of(runtime, job_id).state is JobState.RUNNING
        runtime.redis.flushall()
        with worker(runtime):
            until(lambda: job_of(runtime, job_id).state is JobState.SUCCEEDED, "the job to be finished")
    ended = job_of(runtime, job_id)
    assert (ended.attempts, ended.result) == (2, {"steps": 40})
    assert marks(runtime) == 40
    assert {line.split()[0] for line in log.read_text().splitlines()} == {"1", "2"}


def test_a_worker_told_to_stop_gives_its_job_back_at_once(runtime: Runtime, tmp_path: Path) -> None:
    log = tmp_path / "steps.log"
    with worker(runtime) as process:
        job_id = enqueue(runtime, log, steps=10_000)
        until(log.exists, "the job to start")
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert time.monotonic() - started < 15
    given_back = job_of(runtime, job_id)
    assert (given_back.state, given_back.attempts) == (JobState.QUEUED, 0)
