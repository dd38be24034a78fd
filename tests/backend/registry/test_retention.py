"""Which embeddings stay when models are replaced, and that removing the others loses nothing to a kill or a race."""

import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from backend.core import jobs
from backend.core.db import utcnow
from backend.core.jobs import Job, JobState
from backend.core.jobs.runner import queued_job_ids
from backend.core.runtime import Runtime
from backend.datasets.models import Dataset, Image
from backend.generation.models import Generation, GenerationState
from backend.registry import claims, embeddings, retention, service, tasks
from backend.registry.models import Embedding, EmbeddingState, ModelVersion
from backend.rounds.models import Round, RoundState
from engine.geometry import Detail
from tests.factories.records import fill, make_dataset, make_image
from tests.factories.workers import worker_environment

Register = Callable[..., ModelVersion]
RunJobs = Callable[[], int]
Activate = Callable[[uuid.UUID, ModelVersion], None]


@pytest.fixture
def versions(register: Register) -> list[ModelVersion]:
    """Four models, each with an encoder of its own."""
    made = [register(seed) for seed in range(1, 5)]
    assert len({model.encoder_sha256 for model in made}) == 4
    return made


def ready(runtime: Runtime, dataset_id: uuid.UUID, versions: list[ModelVersion]) -> list[int]:
    """Images embedded under each model's encoder."""
    with runtime.database.transaction() as session:
        return [embeddings.progress(session, dataset_id, model.encoder_sha256).ready for model in versions]


def check_files(runtime: Runtime) -> None:
    """Every ready embedding has its file, and every file its row."""
    with runtime.database.transaction() as session:
        rows = session.scalars(select(Embedding)).all()
    addresses = {embeddings.storage_key(row.encoder_sha256, row.image_sha256, row.detail): row.state for row in rows}
    stored = set(runtime.storage.list("embeddings/"))
    assert stored <= addresses.keys()
    assert {key for key, state in addresses.items() if state is EmbeddingState.READY} <= stored


def sweep(runtime: Runtime, run_jobs: RunJobs) -> None:
    """What the clock does every hour."""
    with runtime.database.transaction() as session:
        tasks.keep_to_retention(session)
    run_jobs()


def test_details_of_former_encoders_go_as_well(
    runtime: Runtime, versions: list[ModelVersion], run_jobs: RunJobs, activate: Activate
) -> None:
    with runtime.database.transaction() as session:
        dataset = make_dataset(session)
        image_id = make_image(session, dataset, storage=runtime.storage, height=520, width=600).id
        dataset_id = dataset.id
    for model in versions[:3]:
        activate(dataset_id, model)
        with runtime.database.transaction() as session:
            embeddings.want(session, image_id, model, Detail(1, 0, 2))
        run_jobs()
    with runtime.database.transaction() as session:
        kept = [(row.encoder_sha256, row.detail) for row in session.scalars(select(Embedding))]
    expected = [(model.encoder_sha256, detail) for model in versions[1:3] for detail in ("0-0-0", "1-0-2")]
    assert sorted(kept) == sorted(expected)
    check_files(runtime)


def test_details_go_once_their_image_is_done(
    runtime: Runtime, versions: list[ModelVersion], run_jobs: RunJobs, activate: Activate
) -> None:
    with runtime.database.transaction() as session:
        dataset = make_dataset(session)
        images = [
            make_image(session, dataset, storage=runtime.storage, height=520, width=600, seed=seed).id
            for seed in range(3)
        ]
        dataset_id = dataset.id
    activate(dataset_id, versions[0])
    for image_id in images:
        with runtime.database.transaction() as session:
            embeddings.want(session, image_id, versions[0], Detail(1, 0, 2))
        run_jobs()
    with runtime.database.transaction() as session:
        for image_id, state in zip(images, ("todo", "leased", "done"), strict=True):
            session.execute(update(Image).where(Image.id == image_id).values(state=state))
        done = session.get_one(Image, images[2]).sha256
    sweep(runtime, run_jobs)
    with runtime.database.transaction() as session:
        rows = session.scalars(select(Embedding)).all()
    assert [row.detail for row in rows if row.image_sha256 == done] == ["0-0-0"]
    assert sorted(row.detail for row in rows if row.image_sha256 != done) == ["0-0-0"] * 2 + ["1-0-2"] * 2
    check_files(runtime)


def test_the_active_and_the_previous_encoder_keep_their_embeddings(
    runtime: Runtime, versions: list[ModelVersion], run_jobs: RunJobs, activate: Activate
) -> None:
    dataset_id, _ = fill(runtime, 3)
    seen = []
    for model in versions:
        activate(dataset_id, model)
        run_jobs()
        seen.append(ready(runtime, dataset_id, versions))
        check_files(runtime)
    assert seen == [[3, 0, 0, 0], [3, 3, 0, 0], [0, 3, 3, 0], [0, 0, 3, 3]]
    assert len(list(runtime.storage.list("embeddings/"))) == 6
    with runtime.database.transaction() as session:
        removals = session.scalars(select(Job).where(Job.kind == retention.OUTDATED_KIND)).all()
        assert [(job.state, job.result) for job in removals] == [(JobState.SUCCEEDED, {"removed": 3})] * 2
        assert retention.remove_later(session) is None, "nothing is left to remove"


def test_models_that_share_an_encoder_count_once(
    runtime: Runtime, versions: list[ModelVersion], register: Register, run_jobs: RunJobs, activate: Activate
) -> None:
    dataset_id, _ = fill(runtime, 2)
    decoder_round = register(2)
    for model in (*versions[:2], decoder_round):
        activate(dataset_id, model)
        run_jobs()
    assert ready(runtime, dataset_id, versions) == [0, 2, 0, 0]


def test_each_dataset_keeps_what_it_uses_of_an_image_that_two_share(
    runtime: Runtime, versions: list[ModelVersion], run_jobs: RunJobs, activate: Activate
) -> None:
    moving, _ = fill(runtime, 3)
    with runtime.database.transaction() as session:
        staying = make_dataset(session)
        for seed in (0, 1):
            make_image(session, staying, storage=runtime.storage, seed=seed, height=40 + seed)
    activate(staying.id, versions[0])
    for model in versions[:3]:
        activate(moving, model)
        run_jobs()
    assert ready(runtime, staying.id, versions) == [2, 2, 2, 0]
    assert ready(runtime, moving, versions) == [2, 3, 3, 0]
    check_files(runtime)


def begin_round(session: Session, dataset_id: uuid.UUID, model: ModelVersion) -> Callable[[Session], None]:
    row = Round(dataset_id=dataset_id, number=1, stage=1, mode="full", parent_model_id=model.id)
    row.state = RoundState.training
    session.add(row)
    return lambda later: later.execute(update(Round).values(state=RoundState.cancelled))  # type: ignore[return-value]


def make_child(session: Session, dataset_id: uuid.UUID, model: ModelVersion) -> Callable[[Session], None]:
    active = session.get_one(Dataset, dataset_id).active_model_id
    assert active is not None
    row = Round(dataset_id=dataset_id, number=1, stage=1, mode="full", parent_model_id=active)
    row.state = RoundState.evaluating
    session.add(row)
    session.flush()
    session.execute(update(ModelVersion).where(ModelVersion.id == model.id).values(round_id=row.id))
    return lambda later: later.execute(update(Round).values(state=RoundState.failed))  # type: ignore[return-value]


def begin_generation(session: Session, dataset_id: uuid.UUID, model: ModelVersion) -> Callable[[Session], None]:
    session.add(Generation(dataset_id=dataset_id, model_id=model.id, preset="default", state=GenerationState.running))
    done = {"state": GenerationState.succeeded}
    return lambda later: later.execute(update(Generation).values(**done))  # type: ignore[return-value]


def run_embedding(session: Session, dataset_id: uuid.UUID, model: ModelVersion) -> Callable[[Session], None]:
    job = embeddings.retry(session, dataset_id, model)
    session.flush()
    session.execute(update(Job).where(Job.id == job.id).values(state=JobState.RUNNING))
    done = update(Job).where(Job.id == job.id).values(state=JobState.CANCELLED)
    return lambda later: later.execute(done)  # type: ignore[return-value]


def lease_images(session: Session, dataset_id: uuid.UUID, model: ModelVersion) -> Callable[[Session], None]:
    session.execute(update(Image).values(state="leased"))
    return lambda later: later.execute(update(Image).values(state="done"))  # type: ignore[return-value]


@pytest.mark.parametrize("use", [begin_round, make_child, begin_generation, run_embedding, lease_images])
def test_what_is_in_use_goes_once_it_no_longer_is(
    runtime: Runtime,
    versions: list[ModelVersion],
    run_jobs: RunJobs,
    activate: Activate,
    use: Callable[[Session, uuid.UUID, ModelVersion], Callable[[Session], None]],
) -> None:
    dataset_id, _ = fill(runtime, 2)
    activate(dataset_id, versions[0])
    run_jobs()
    with runtime.database.transaction() as session:
        release = use(session, dataset_id, versions[0])
    for model in versions[1:3]:
        activate(dataset_id, model)
        run_jobs()
    sweep(runtime, run_jobs)
    assert ready(runtime, dataset_id, versions) == [2, 2, 2, 0]
    with runtime.database.transaction() as session:
        release(session)
    sweep(runtime, run_jobs)
    assert ready(runtime, dataset_id, versions) == [0, 2, 2, 0]
    check_files(runtime)


def test_going_far_back_embeds_again_and_says_how_far_it_is(
    runtime: Runtime, versions: list[ModelVersion], run_jobs: RunJobs, activate: Activate, login: Callable[..., Any]
) -> None:
    dataset_id, images = fill(runtime, 3)
    for model in versions[:3]:
        activate(dataset_id, model)
        run_jobs()
    oldest, admin = versions[0], login("admin")
    assert ready(runtime, dataset_id, versions)[0] == 0
    answer = admin.post(f"/api/models/{oldest.id}/activate", json={"dataset_id": str(dataset_id)})
    assert answer.status_code == 200
    assert admin.get(f"/api/datasets/{dataset_id}").json()["counts"]["embedded"] == 0
    url, encoder = f"/api/images/{images[2]}/embedding", {"encoder": oldest.encoder_sha256}
    waiting = admin.get(url, params=encoder)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "not_ready")
    run_jobs()
    with runtime.database.transaction() as session:
        newest = select(Job).where(Job.kind == embeddings.EMBED_KIND).order_by(Job.id.desc()).limit(1)
        job = session.scalars(newest).one()
        assert (job.title, job.done, job.total) == ("Embed images with tiny 1", 3, 3)
        assert (job.message, job.result) == ("3 of 3 images", {"embedded": 3, "failed": 0})
    assert admin.get(f"/api/datasets/{dataset_id}").json()["counts"]["embedded"] == 3
    assert admin.get(url, params=encoder).status_code == 200
    assert ready(runtime, dataset_id, versions) == [3, 0, 3, 0]


KILLED = """
import os, signal, sys, uuid
from backend import pipeline
from backend.core.jobs.runner import run_job
from backend.core.runtime import Runtime
from backend.core.storage import LocalStorage
from backend.registry import tasks
from backend.settings import Settings
pipeline.install()
tasks.REMOVED_AT_ONCE = 4
delete, deleted = LocalStorage.delete, []
def dying(self, key):
    if len(deleted) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    delete(self, key)
    deleted.append(key)
LocalStorage.delete = dying
run_job(Runtime(Settings()), uuid.UUID(sys.argv[1]))
"""


def test_a_worker_killed_while_it_removes_leaves_nothing_wrong_and_nothing_behind(
    runtime: Runtime,
    versions: list[ModelVersion],
    run_jobs: RunJobs,
    reconcile_jobs: Callable[[], None],
    activate: Activate,
) -> None:
    dataset_id, _ = fill(runtime, 10)
    for model in versions[:2]:
        activate(dataset_id, model)
        run_jobs()
    # Not embedded under the third, so that the removal is the only job.
    with runtime.database.transaction() as session:
        row = session.get_one(Dataset, dataset_id)
        row.previous_model_id, row.active_model_id = row.active_model_id, versions[2].id
        session.flush()
        job = retention.remove_later(session)
        assert job is not None
        assert queued_job_ids(session) == [job.id]
    environment = worker_environment(runtime)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(job.id)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    # Four went; of the next four two files went, but none of the rows, which say that they have none.
    assert len(list(runtime.storage.list("embeddings/"))) == 20 - 6
    assert ready(runtime, dataset_id, versions) == [2, 10, 0, 0]
    check_files(runtime)
    end = time.monotonic() + 15
    while not run_jobs() and time.monotonic() < end:
        time.sleep(0.2)
        reconcile_jobs()
    with runtime.database.transaction() as session:
        job = jobs.get_job(session, job.id)
        assert (job.state, job.attempts, job.result) == (JobState.SUCCEEDED, 2, {"removed": 6})
        assert session.scalars(select(Embedding.encoder_sha256).distinct()).all() == [versions[1].encoder_sha256]
    assert len(list(runtime.storage.list("embeddings/"))) == 10


def test_a_rollback_in_the_middle_of_a_removal_loses_no_image(
    runtime: Runtime, versions: list[ModelVersion], run_jobs: RunJobs, activate: Activate
) -> None:
    dataset_id, _ = fill(runtime, 4)
    oldest = versions[0].encoder_sha256
    for model in versions[:2]:
        activate(dataset_id, model)
        run_jobs()
    activate(dataset_id, versions[2])
    back = threading.Thread(target=activate, args=(dataset_id, versions[0]))
    with runtime.database.transaction() as session:
        assert retention.withdraw(session, oldest, 3) == 3
        back.start()
        # It waits for this transaction: else it would take embeddings for ready that are not any more.
        end = time.monotonic() + 15
        blocked = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        while not session.scalar(blocked) and time.monotonic() < end:
            time.sleep(0.02)
        assert session.scalar(blocked) == 1
        assert session.get_one(Dataset, dataset_id).active_model_id == versions[2].id
    back.join()
    with runtime.database.transaction() as session:
        assert retention.remove(session, runtime.storage, oldest, 10) == 0, "it is in use again"
    run_jobs()
    assert ready(runtime, dataset_id, versions)[0] == 4
    check_files(runtime)


def test_what_a_lost_job_still_writes_does_not_come_back(
    runtime: Runtime, versions: list[ModelVersion], run_jobs: RunJobs, activate: Activate
) -> None:
    dataset_id, _ = fill(runtime, 1)
    lost, encoder = uuid.uuid4(), versions[0].encoder_sha256
    activate(dataset_id, versions[1])
    run_jobs()
    with runtime.database.transaction() as session:
        (claim,) = claims.claim(session, lost, dataset_id, encoder, 1)
    # Its file was written, but it was killed before the row said so.
    runtime.storage.put_bytes(embeddings.storage_key(encoder, claim.image_sha256), b"half a truth")
    sweep(runtime, run_jobs)
    assert len(list(runtime.storage.list("embeddings/"))) == 2, "its claim still holds"
    with runtime.database.transaction() as session:
        session.execute(update(Embedding).values(claimed_until=utcnow() - timedelta(seconds=1)))
    sweep(runtime, run_jobs)
    with runtime.database.transaction() as session:
        assert not claims.store(session, runtime.storage, lost, claim, b"late")
        assert service.embed_missing(session, dataset_id) is None
    assert len(list(runtime.storage.list("embeddings/"))) == 1
    check_files(runtime)
