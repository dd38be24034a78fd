"""Embeddings over HTTP: kept for good by browsers, and hurried when a page waits."""

import hashlib
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from backend.core.jobs import Job, JobState
from backend.core.runtime import Runtime
from backend.registry import claims, embeddings
from backend.registry.models import Embedding, ModelVersion
from tests.factories.records import fill

Login = Callable[..., Any]
Register = Callable[..., ModelVersion]
RunJobs = Callable[[], int]
Activate = Callable[[uuid.UUID, ModelVersion], None]


def embedded(runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, activate: Activate) -> str:
    """Where the embedding of an image is, which a worker made."""
    dataset_id, images = fill(runtime, 1)
    activate(dataset_id, model)
    run_jobs()
    return f"/api/images/{images[0]}/embedding"


def test_the_embedding_is_served_for_good(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, login: Login, activate: Activate
) -> None:
    client, url = login("annotator"), embedded(runtime, model, run_jobs, activate)
    params = {"encoder": model.encoder_sha256}
    answer = client.get(url, params=params)
    assert answer.status_code == 200
    etag = answer.headers["etag"]
    assert etag == f'W/"{hashlib.sha256(answer.content).hexdigest()}"'
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "application/octet-stream"
    again = client.get(url, params=params, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert client.get(url).status_code == 422
    assert client.get(url, params={"encoder": "no hash"}).status_code == 422
    assert client.get(url, params={"encoder": "0" * 64}).json()["code"] == "unknown_encoder"
    assert client.get(f"/api/images/{uuid.uuid4()}/embedding", params=params).status_code == 404


def test_an_embedding_is_compressed_for_those_who_take_it(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, login: Login, activate: Activate
) -> None:
    client, url = login("annotator"), embedded(runtime, model, run_jobs, activate)
    params = {"encoder": model.encoder_sha256}
    plain = client.get(url, params=params, headers={"Accept-Encoding": "br, gzip;q=0"})
    packed = client.get(url, params=params, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] == f"W/{plain.headers['etag']}"
    # int8 alone is a quarter of float32, header and scales are above it: what is sent is below.
    assert int(packed.headers["content-length"]) < len(plain.content)


def test_an_embedding_whose_file_was_lost_is_made_again(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, login: Login, activate: Activate
) -> None:
    url = embedded(runtime, model, run_jobs, activate)
    with runtime.database.transaction() as session:
        key = session.scalars(select(Embedding.storage_key)).one()
    assert key is not None
    runtime.storage.delete(key)
    client = login("annotator")
    params = {"encoder": model.encoder_sha256}
    assert client.get(url, params=params).json()["code"] == "not_ready"
    run_jobs()
    assert client.get(url, params=params).status_code == 200


def test_asking_for_what_is_not_there_puts_it_first_in_the_queue(
    runtime: Runtime, model: ModelVersion, run_jobs: RunJobs, login: Login
) -> None:
    dataset_id, images = fill(runtime, 4)
    client, params = login("annotator"), {"encoder": model.encoder_sha256}
    url = f"/api/images/{images[3]}/embedding"
    for _ in range(2):
        answer = client.get(url, params=params)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    with runtime.database.transaction() as session:
        (job,) = session.scalars(select(Job)).all()
        assert (job.kind, job.state) == ("registry.embed", JobState.QUEUED)
        first = claims.claim(session, job.id, dataset_id, model.encoder_sha256, 1)
        assert [claim.image_id for claim in first] == [images[3]]
        claims.release(session, job.id, tried=False)
    run_jobs()
    assert client.get(url, params=params).status_code == 200


def test_a_page_with_an_old_model_gets_its_image_but_not_the_dataset(
    runtime: Runtime, register: Register, run_jobs: RunJobs, login: Login, activate: Activate
) -> None:
    dataset_id, images = fill(runtime, 3)
    old, new = register(1), register(2)
    activate(dataset_id, new)
    run_jobs()
    client, url = login("annotator"), f"/api/images/{images[1]}/embedding"
    assert client.get(url, params={"encoder": old.encoder_sha256}).json()["code"] == "not_ready"
    run_jobs()
    assert client.get(url, params={"encoder": old.encoder_sha256}).status_code == 200
    with runtime.database.transaction() as session:
        assert embeddings.progress(session, dataset_id, old.encoder_sha256).ready == 1
