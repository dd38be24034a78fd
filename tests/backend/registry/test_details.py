"""Embeddings of details: made when a page first looks there, before anything else, and kept apart from whole images."""

import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sqlalchemy import select

from backend.core import events
from backend.core.jobs import Job, JobState
from backend.core.runtime import Runtime
from backend.datasets.files import read_rgb
from backend.datasets.models import Dataset, Image
from backend.registry import claims, embeddings, tasks
from backend.registry.models import Embedding, ModelVersion
from engine.geometry import Detail
from engine.predict.embedding import decode
from tests.factories.records import make_dataset, make_image

Login = Callable[..., Any]
RunJobs = Callable[[], int]
Activate = Callable[[uuid.UUID, ModelVersion], None]

PART = Detail(1, 1, 2)
SIZE = (520, 601)


def fill(runtime: Runtime) -> tuple[uuid.UUID, uuid.UUID]:
    """A dataset with one image that is large enough for details."""
    with runtime.database.transaction() as session:
        dataset = make_dataset(session)
        height, width = SIZE
        return dataset.id, make_image(session, dataset, storage=runtime.storage, height=height, width=width).id


@pytest.fixture
def embedded(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, activate: Activate
) -> tuple[uuid.UUID, uuid.UUID]:
    """The same, embedded as a whole under its active model."""
    dataset_id, image_id = fill(runtime)
    activate(dataset_id, model)
    run_jobs()
    return dataset_id, image_id


def rows(runtime: Runtime) -> dict[str, str | None]:
    """Where each embedding is stored, by detail."""
    with runtime.database.transaction() as session:
        return {row.detail: row.storage_key for row in session.scalars(select(Embedding))}


def test_a_detail_is_made_when_it_is_asked_for(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, login: Login, embedded: tuple[uuid.UUID, uuid.UUID]
) -> None:
    dataset_id, image_id = embedded
    client, url = login("annotator"), f"/api/images/{image_id}/embedding"
    params = {"encoder": model.encoder_sha256, "detail": PART.key}
    for _ in range(2):
        assert client.get(url, params=params).json()["code"] == "not_ready"
    run_jobs()
    answer = client.get(url, params=params)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    values, meta = decode(answer.content)
    left, top, right, bottom = PART.box(SIZE)
    assert (meta.detail, meta.original_size) == (PART.key, (bottom - top, right - left))
    with runtime.database.transaction() as session:
        image = session.get_one(Image, image_id)
        sam = tasks.loaded_model(runtime.storage, model)
        part = read_rgb(runtime.storage, image.sha256)[top:bottom, left:right]
        assert embeddings.progress(session, dataset_id, model.encoder_sha256).total == 1
        assert embeddings.count_embedded(session, [dataset_id]) == {dataset_id: 1}
    with torch.inference_mode():
        expected = sam.embed(sam.preprocess([part]))[0].numpy()
    np.testing.assert_allclose(values, expected, atol=float(np.abs(expected).max()) / 127)
    whole, _ = decode(client.get(url, params={"encoder": model.encoder_sha256}).content)
    assert np.abs(whole - values).max() > 0.1
    assert len(set(rows(runtime).values())) == 2


def test_only_details_that_the_image_has(runtime: Runtime, model: ModelVersion, login: Login) -> None:
    _, image_id = fill(runtime)
    client, url = login("annotator"), f"/api/images/{image_id}/embedding"
    for detail in ("2-0-0", "1-3-0", "0-1-0", "1-0", "x", "1-0-0000", "-1-0-0", "\u0661-\u0660-\u0660"):
        answer = client.get(url, params={"encoder": model.encoder_sha256, "detail": detail})
        assert answer.status_code == 422, detail
    assert "no detail 2-0-0" in client.get(url, params={"encoder": model.encoder_sha256, "detail": "2-0-0"}).text
    assert rows(runtime) == {}


def test_details_come_after_images_that_a_page_waits_for_and_before_others(
    runtime: Runtime, model: ModelVersion
) -> None:
    dataset_id, image_id = fill(runtime)
    with runtime.database.transaction() as session:
        dataset = session.get_one(Dataset, dataset_id)
        others = [make_image(session, dataset, storage=runtime.storage).id for _ in range(2)]
        embeddings.want(session, image_id, model, PART)
        embeddings.want(session, others[1], model)
        job, order = uuid.uuid4(), []
        while taken := claims.claim(session, job, dataset_id, model.encoder_sha256, 1):
            order.append((taken[0].image_id, taken[0].detail.level))
            assert claims.store(session, runtime.storage, job, taken[0], b"embedding")
    assert order[:2] == [(others[1], 0), (image_id, 1)]
    assert sorted(order[2:]) == sorted([(image_id, 0), (others[0], 0)])


def test_a_detail_is_no_news_to_anybody_else(
    runtime: Runtime,
    model: ModelVersion,
    run_jobs: RunJobs,
    embedded: tuple[uuid.UUID, uuid.UUID],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, image_id = embedded
    told: list[str] = []
    emit = events.emit
    monkeypatch.setattr(events, "emit", lambda session, name, **data: told.append(name) or emit(session, name, **data))
    with runtime.database.transaction() as session:
        embeddings.want(session, image_id, model, PART)
    run_jobs()
    assert rows(runtime)[PART.key] is not None
    assert {"image.embedded", "dataset.embedded"}.isdisjoint(told)


def test_a_day_of_zooming_leaves_one_job(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, login: Login, embedded: tuple[uuid.UUID, uuid.UUID]
) -> None:
    _, image_id = embedded
    for column in range(3):
        with runtime.database.transaction() as session:
            embeddings.want(session, image_id, model, Detail(1, 0, column))
        run_jobs()
    with runtime.database.transaction() as session:
        waited = [job for job in session.scalars(select(Job)) if job.payload.get("wanted_only")]
        assert [(job.state, job.title.startswith("Embed what a page waits for")) for job in waited] == [
            (JobState.SUCCEEDED, True)
        ]
    assert len(rows(runtime)) == 4


def test_details_go_with_their_image(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, activate: Activate, login: Login
) -> None:
    dataset_id, image_id = fill(runtime)
    activate(dataset_id, model)
    with runtime.database.transaction() as session:
        embeddings.want(session, image_id, model, PART)
        sha256 = session.get_one(Image, image_id).sha256
    run_jobs()
    keys = [key for key in rows(runtime).values() if key]
    assert len(keys) == 2
    with runtime.database.transaction() as session:
        session.delete(session.get_one(Image, image_id))
        session.flush()
        assert embeddings.forget(session, runtime.storage, [sha256]) == 2
    assert not any(runtime.storage.exists(key) for key in keys)
