"""The embedding job with a real model: shared by workers, survives a kill, doubles nothing, forgives broken images."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from backend.core import events, jobs
from backend.core.jobs import Job, JobState
from backend.core.jobs.runner import queued_job_ids, run_job
from backend.core.runtime import Runtime
from backend.datasets.files import image_key, read_rgb
from backend.datasets.models import Dataset, Image
from backend.registry import embed_run, embeddings, service, tasks
from backend.registry.embed_run import EmbedRun
from backend.registry.models import Embedding, EmbeddingState, ModelVersion
from engine.predict.embedding import decode
from tests.factories.records import fill
from tests.factories.workers import worker_environment

Login = Callable[..., Any]
Register = Callable[..., ModelVersion]
RunJobs = Callable[[], int]
Activate = Callable[[uuid.UUID, ModelVersion], None]


@pytest.fixture
def heard() -> Iterator[list[events.Event]]:
    """Every image.embedded and dataset.embedded."""
    seen: list[events.Event] = []

    def listen(_: Any, event: events.Event) -> None:
        seen.append(event)

    for name in ("image.embedded", "dataset.embedded"):
        events.subscribe(name, listen)
    yield seen
    for name in ("image.embedded", "dataset.embedded"):
        events.unsubscribe(name, listen)


def states(runtime: Runtime) -> list[EmbeddingState]:
    with runtime.database.transaction() as session:
        return list(session.scalars(select(Embedding.state)))


def test_activating_a_model_embeds_the_dataset(
    runtime: Runtime,
    model: ModelVersion,
    run_jobs: RunJobs,
    heard: list[events.Event],
    login: Login,
    activate: Activate,
) -> None:
    dataset_id, images = fill(runtime, 6)
    activate(dataset_id, model)
    run_jobs()
    assert states(runtime) == [EmbeddingState.READY] * 6
    names = [event.name for event in heard]
    assert names == ["image.embedded"] * 6 + ["dataset.embedded"]
    with runtime.database.transaction() as session:
        (job,) = session.scalars(select(Job)).all()
        assert (job.done, job.total, job.result) == (6, 6, {"embedded": 6, "failed": 0})
        for image, embedding in embeddings.ready_images(session, dataset_id, model.encoder_sha256):
            data = embeddings.read(runtime.storage, embedding)
            assert hashlib.sha256(data).hexdigest() == embedding.content_sha256
            values, meta = decode(data)
            assert values.shape == (32, 4, 4)
            assert meta.original_size == (image.height, image.width)
            assert (meta.image_sha256, meta.encoder_sha256) == (image.sha256, model.encoder_sha256)
    shown = login("annotator").get(f"/api/datasets/{dataset_id}")
    if shown.status_code == 200:
        assert shown.json()["counts"]["embedded"] == 6
    with runtime.database.transaction() as session:
        assert embeddings.count_embedded(session, [dataset_id]) == {dataset_id: 6}
        assert embeddings.embedded_images(session, images[:2]) == set(images[:2])


def test_what_is_stored_is_what_the_encoder_says(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, activate: Activate
) -> None:
    import torch

    dataset_id, _ = fill(runtime, 5)
    activate(dataset_id, model)
    run_jobs()
    sam = tasks.loaded_model(runtime.storage, model)
    with runtime.database.transaction() as session:
        rows = embeddings.ready_images(session, dataset_id, model.encoder_sha256)
    for image, embedding in rows:
        stored, _ = decode(embeddings.read(runtime.storage, embedding))
        rgb = read_rgb(runtime.storage, image.sha256)
        with torch.inference_mode():
            (expected,) = sam.embed(sam.preprocess([rgb])).numpy()
        step = np.abs(expected).max(axis=(1, 2), keepdims=True) / 127
        assert (np.abs(stored - expected) <= 0.51 * step + 1e-5).all()


def test_broken_images_are_named_and_the_rest_go_on(
    runtime: Runtime,
    model: ModelVersion,
    run_jobs: RunJobs,
    heard: list[events.Event],
    login: Login,
    activate: Activate,
) -> None:
    dataset_id, images = fill(runtime, 5)
    with runtime.database.transaction() as session:
        cut, gone = (session.get_one(Image, image_id) for image_id in images[1:3])
        data = runtime.storage.read_bytes(image_key(cut.sha256))
        runtime.storage.put_bytes(image_key(cut.sha256), data[: len(data) // 2])
        runtime.storage.delete(image_key(gone.sha256))
    activate(dataset_id, model)
    run_jobs()
    assert sorted(states(runtime)) == [EmbeddingState.FAILED] * 2 + [EmbeddingState.READY] * 3
    assert heard[-1].name == "dataset.embedded"
    assert (heard[-1].data["ready"], heard[-1].data["failed"]) == (3, 2)
    client, url = login("admin"), f"/api/images/{images[1]}/embedding"
    answer = client.get(url, params={"encoder": model.encoder_sha256})
    assert (answer.status_code, answer.json()["code"]) == (404, "embedding_failed")
    assert "cannot be decoded" in answer.json()["detail"]
    with runtime.database.transaction() as session:
        dataset = session.get_one(Dataset, dataset_id)
        broken = session.scalars(select(Image.id).where(embeddings.is_broken(session, dataset))).all()
        assert set(broken) == set(images[1:3])
        assert service.embed_missing(session, dataset_id) is None, "broken ones do not come back by themselves"
    runtime.storage.put_bytes(image_key(cut.sha256), data)
    again = client.post(f"/api/models/{model.id}/embed", json={"dataset_id": str(dataset_id)})
    assert again.status_code == 202
    run_jobs()
    assert client.get(url, params={"encoder": model.encoder_sha256}).status_code == 200
    assert sorted(states(runtime)) == [EmbeddingState.FAILED] + [EmbeddingState.READY] * 4


def test_one_image_the_encoder_fails_on_does_not_take_its_batch_along(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch, activate: Activate
) -> None:
    dataset_id, _ = fill(runtime, 5)
    encode = tasks.encode_images

    def failing(sam: Any, version: Any, images: Any) -> Any:
        if any(image.rgb.shape[0] == 42 for image in images):
            raise RuntimeError("out of memory")
        return encode(sam, version, images)

    monkeypatch.setattr(tasks, "encode_images", failing)
    activate(dataset_id, model)
    run_jobs()
    assert sorted(states(runtime)) == [EmbeddingState.FAILED] + [EmbeddingState.READY] * 4


def test_an_encoder_that_always_fails_fails_the_job(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch, activate: Activate
) -> None:
    dataset_id, _ = fill(runtime, 6)

    def failing(*_: Any) -> Any:
        raise RuntimeError("no such device")

    monkeypatch.setattr(tasks, "encode_images", failing)
    activate(dataset_id, model)
    run_jobs()
    with runtime.database.transaction() as session:
        (job,) = session.scalars(select(Job)).all()
        assert job.state is JobState.FAILED
        assert "no such device" in (job.error or "")
        assert session.scalar(select(func.count()).where(Embedding.claimed_by.is_not(None))) == 0
        assert (
            session.scalar(select(func.count()).where(Embedding.state == EmbeddingState.FAILED))
            < embed_run.MAX_SURPRISES
        )


def test_workers_share_a_dataset_and_double_nothing(
    runtime: Runtime,
    model: ModelVersion,
    heard: list[events.Event],
    monkeypatch: pytest.MonkeyPatch,
    activate: Activate,
) -> None:
    monkeypatch.setattr(embed_run, "HELP_FROM", 2)
    monkeypatch.setattr(embed_run, "BATCH_PIXELS", 1)
    dataset_id, _ = fill(runtime, 12)
    activate(dataset_id, model)
    embedded_by: dict[str, int] = {}
    store = EmbedRun.store

    def slow(self: Any, claim: Any, data: bytes) -> None:
        time.sleep(0.05)
        store(self, claim, data)
        name = threading.current_thread().name
        embedded_by[name] = embedded_by.get(name, 0) + 1

    monkeypatch.setattr(EmbedRun, "store", slow)

    def worker() -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with runtime.database.transaction() as session:
                waiting = queued_job_ids(session)
                left = session.scalar(select(func.count()).where(Job.state == JobState.RUNNING))
            if not waiting and not left:
                return
            for job_id in waiting:
                run_job(runtime, job_id)
            time.sleep(0.02)

    threads = [threading.Thread(target=worker, name=f"worker {index}") for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states(runtime) == [EmbeddingState.READY] * 12
    assert sum(embedded_by.values()) == 12
    assert len(embedded_by) == 2, "both worked"
    assert [event.name for event in heard].count("image.embedded") == 12


def test_a_cancelled_job_gives_its_claims_back(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch, activate: Activate
) -> None:
    monkeypatch.setattr(embed_run, "BATCH_PIXELS", 1)
    dataset_id, _ = fill(runtime, 4)
    activate(dataset_id, model)
    store = EmbedRun.store

    def cancel_after_one(self: Any, claim: Any, data: bytes) -> None:
        store(self, claim, data)
        self.ctx.cancelled.set()

    monkeypatch.setattr(EmbedRun, "store", cancel_after_one)
    run_jobs()
    monkeypatch.setattr(EmbedRun, "store", store)
    assert states(runtime) == [EmbeddingState.READY]
    with runtime.database.transaction() as session:
        (job,) = session.scalars(select(Job)).all()
        assert job.state is JobState.CANCELLED
        jobs.retry(session, job.id)
    run_jobs()
    assert states(runtime) == [EmbeddingState.READY] * 4


WORKER = """
import sys, uuid
from backend.core.jobs.runner import run_job
from backend.core.runtime import Runtime
from backend.registry import embed_run, embeddings, tasks
from backend.registry.embed_run import EmbedRun
from backend.settings import Settings
from backend import pipeline
pipeline.install()
embed_run.BATCH_PIXELS = 1
store = EmbedRun.store
def slow(self, claim, data):
    store(self, claim, data)
    print("stored", flush=True)
    import time; time.sleep(0.3)
EmbedRun.store = slow
run_job(Runtime(Settings()), uuid.UUID(sys.argv[1]))
"""


def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    runtime: Runtime,
    model: ModelVersion,
    run_jobs: RunJobs,
    reconcile_jobs: Callable[[], None],
    heard: list[events.Event],
    activate: Activate,
) -> None:
    dataset_id, _ = fill(runtime, 5)
    activate(dataset_id, model)
    with runtime.database.transaction() as session:
        (job_id,) = queued_job_ids(session)
    environment = worker_environment(runtime)
    command = [sys.executable, "-c", WORKER, str(job_id)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(2):
            assert process.stdout.readline() == "stored\n"
        os.kill(process.pid, signal.SIGKILL)
    before = {}
    with runtime.database.transaction() as session:
        for embedding in session.scalars(select(Embedding).where(Embedding.state == EmbeddingState.READY)):
            before[embedding.id] = embedding.updated_at
    assert 2 <= len(before) < 5
    end = time.monotonic() + 15
    while not run_jobs() and time.monotonic() < end:
        time.sleep(0.2)
        reconcile_jobs()
    assert states(runtime) == [EmbeddingState.READY] * 5
    with runtime.database.transaction() as session:
        for embedding_id, updated_at in before.items():
            assert session.get_one(Embedding, embedding_id).updated_at == updated_at, "not computed twice"
        assert session.get_one(Job, job_id).attempts == 2
    assert heard[-1].name == "dataset.embedded"


def test_another_encoder_embeds_again_and_the_old_embeddings_stay(
    runtime: Runtime, register: Register, run_jobs: RunJobs, activate: Activate
) -> None:
    dataset_id, _ = fill(runtime, 3)
    first, second = register(1), register(2)
    assert first.encoder_sha256 != second.encoder_sha256
    for model in (first, second, first):
        activate(dataset_id, model)
        run_jobs()
    with runtime.database.transaction() as session:
        for model in (first, second):
            assert embeddings.progress(session, dataset_id, model.encoder_sha256).ready == 3
        assert session.scalar(select(func.count()).select_from(Job)) == 2, "going back needs no work"


def test_datasets_share_the_embeddings_of_the_images_they_share(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, activate: Activate
) -> None:
    for _ in range(2):
        dataset_id, _ = fill(runtime, 3)
        activate(dataset_id, model)
        run_jobs()
    assert states(runtime) == [EmbeddingState.READY] * 3


def test_embeddings_go_with_the_last_image_that_needs_them(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, activate: Activate
) -> None:
    dataset_id, images = fill(runtime, 2)
    activate(dataset_id, model)
    run_jobs()
    with runtime.database.transaction() as session:
        sha256s = list(session.scalars(select(Image.sha256)))
        session.delete(session.get_one(Image, images[0]))
        session.flush()
        service.drop_embeddings_later(session, sha256s)
    run_jobs()
    assert states(runtime) == [EmbeddingState.READY]
    assert len(list(runtime.storage.list("embeddings/"))) == 1
