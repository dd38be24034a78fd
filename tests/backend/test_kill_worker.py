"""A real worker is killed with -9 in the middle of an embedding job, or in the middle of a round of either mode.

Nothing tells the platform of it: leases run out, the reconciler (here called by hand, in a deployment by beat) hands
the jobs to the next worker, and both finish with nothing lost and nothing doubled.
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import func, select

from backend import pipeline
from backend.core.jobs import Job, JobState
from backend.core.jobs.context import job_workdir
from backend.core.runtime import Runtime
from backend.registry import service as registry
from backend.registry.models import Embedding, EmbeddingState, ModelVersion
from backend.rounds import service as rounds
from backend.rounds.models import FINISHED_STATES, Round, RoundMode
from backend.rounds.schemas import RoundOptions
from tests.backend.conftest import Scene

NUM_IMAGES = 60
REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 120

Worker = subprocess.Popen[bytes]


@pytest.fixture
def start_worker(runtime: Runtime) -> Iterator[Callable[[], Worker]]:
    """Starts a Celery worker, as `maskloom up` does, on this test's database and Redis."""
    pipeline.install()
    settings = runtime.settings
    env = {
        **os.environ,
        "MASKLOOM_HOME": str(settings.home),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "MASKLOOM_JOB_LEASE_S": str(settings.job_lease_s),
        "MASKLOOM_JOB_HEARTBEAT_S": str(settings.job_heartbeat_s),
        "MASKLOOM_RESEND_S": str(settings.resend_s),
        "MASKLOOM_EXTRA_TASKS": "tests.backend.frequent_checkpoints",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "celery", "-A", "backend.worker", "worker", "--pool=solo", "--loglevel=WARNING"]
    command += ["-Q", "io,embed,train,generate,control"]
    workers: list[Worker] = []
    with (settings.home.parent / "worker.log").open("wb") as log:

        def start() -> Worker:
            workers.append(subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=log, stderr=log))
            return workers[-1]

        yield start
        for worker in workers:
            worker.kill()
            worker.wait()


def kill(worker: Worker) -> None:
    assert worker.poll() is None, "the worker ended before it could be killed"
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()


def wait_for(what: str, runtime: Runtime, look: Callable[[], Any], tick: Callable[[], None] | None = None) -> Any:
    """Looks until there is something to see, and says what was missing otherwise."""
    end = time.monotonic() + PATIENCE_S
    ticked = 0.0
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        if tick is not None and time.monotonic() - ticked > 0.5:
            tick()
            ticked = time.monotonic()
        time.sleep(0.01)
    log = (runtime.settings.home.parent / "worker.log").read_text(errors="replace")
    raise AssertionError(f"{what} did not happen in {PATIENCE_S} s. The workers said:\n{log[-3000:]}")


def count(runtime: Runtime, table: Any, *conditions: Any) -> int:
    with runtime.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def job_of(runtime: Runtime, job_id: uuid.UUID) -> Job:
    with runtime.database.transaction() as session:
        return session.get_one(Job, job_id)


def test_kill_9_in_embedding(
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    start_worker: Callable[[], Worker],
    reconcile_jobs: Callable[[], None],
) -> None:
    scene = make_scene(train=NUM_IMAGES - 6, heldout=6)

    # Killed once some embeddings are stored and most are not.
    with runtime.database.transaction() as session:
        embed_job = registry.embed_missing(session, scene.dataset_id)
    assert embed_job is not None
    ready = Embedding.state == EmbeddingState.READY
    worker = start_worker()
    wait_for("the first embedding", runtime, lambda: count(runtime, Embedding, ready) > 3, reconcile_jobs)
    kill(worker)
    assert 0 < count(runtime, Embedding, ready) < NUM_IMAGES
    assert job_of(runtime, embed_job.id).state is JobState.RUNNING  # nobody knows yet

    start_worker()
    finished = wait_for(
        "the end of the embedding job",
        runtime,
        lambda: job_of(runtime, embed_job.id).state is JobState.SUCCEEDED,
        reconcile_jobs,
    )
    assert finished
    assert count(runtime, Embedding, ready) == count(runtime, Embedding) == NUM_IMAGES
    assert len(list(runtime.storage.list("embeddings"))) == NUM_IMAGES
    assert job_of(runtime, embed_job.id).attempts == 2


@pytest.mark.parametrize("mode", [RoundMode.decoder, RoundMode.full])
def test_kill_9_in_a_round(
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    start_worker: Callable[[], Worker],
    reconcile_jobs: Callable[[], None],
    mode: RoundMode,
) -> None:
    scene = make_scene(train=10, heldout=3)
    with runtime.database.transaction() as session:
        options = RoundOptions(max_steps=80, num_images=2, num_masks=1)
        row = rounds.start_round(session, scene.dataset_id, mode=mode, options=options)
    worker = start_worker()
    assert row.job_id is not None
    job_id, checkpoint = row.job_id, job_workdir(runtime.settings, row.job_id) / "training" / "last.pt"
    wait_for("the first checkpoint", runtime, checkpoint.is_file, reconcile_jobs)
    kill(worker)
    assert count(runtime, ModelVersion) == 1
    steps = int(torch.load(checkpoint, weights_only=True)["step"])
    assert 0 < steps < 80

    start_worker()

    def first_step_seen() -> int | None:
        job = job_of(runtime, job_id)
        told = job.message.removeprefix("Training: step ").split(",")[0]
        return int(told) if job.attempts > 1 and told.isdigit() and int(told) != before else None

    before = (
        -1 if not (now := job_of(runtime, job_id).message).startswith("Training") else int(now.split()[2].strip(","))
    )
    resumed = wait_for("training to go on", runtime, first_step_seen, reconcile_jobs)
    assert resumed > steps, "training began anew instead of going on from the checkpoint"

    def ended() -> bool:
        return count(runtime, Round, Round.state.in_(FINISHED_STATES)) == 1

    wait_for("the end of the round", runtime, ended, reconcile_jobs)
    assert job_of(runtime, job_id).attempts == 2
    assert count(runtime, Round) == 1
    assert count(runtime, ModelVersion) == 2
    assert count(runtime, ModelVersion, ModelVersion.round_id == row.id) == 1
    assert len(list(runtime.storage.list("models"))) == 6
    assert len(list(runtime.storage.list("snapshots"))) == 1
    # What the killed workers were writing at that moment never got a name.
    wait_for("the job's end", runtime, lambda: job_of(runtime, job_id).state is JobState.SUCCEEDED)
    assert not checkpoint.exists()
