"""Sharing the work of embedding: claims never overlap, run out, and single out what takes workers down."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select, update

from backend.core.db import utcnow
from backend.core.runtime import Runtime
from backend.datasets.models import Image
from backend.registry import claims, embeddings
from backend.registry.models import Embedding, EmbeddingState, ModelVersion
from tests.factories.records import fill


def test_claims_at_once_never_overlap(runtime: Runtime, model: ModelVersion) -> None:
    dataset_id, _ = fill(runtime, 20)
    barrier = threading.Barrier(5)

    def work(_: int) -> list[uuid.UUID]:
        barrier.wait()
        with runtime.database.transaction() as session:
            taken = claims.claim(session, uuid.uuid4(), dataset_id, model.encoder_sha256, 4)
            return [claim.image_id for claim in taken]

    with ThreadPoolExecutor(5) as pool:
        claimed = [image for images in pool.map(work, range(5)) for image in images]
    assert len(claimed) == len(set(claimed)) == 20


def test_claims_of_a_lost_job_run_out_and_its_late_result_is_dropped(runtime: Runtime, model: ModelVersion) -> None:
    dataset_id, images = fill(runtime, 1)
    lost, other = uuid.uuid4(), uuid.uuid4()
    encoder = model.encoder_sha256
    with runtime.database.transaction() as session:
        (claim,) = claims.claim(session, lost, dataset_id, encoder, 4)
        assert claims.claim(session, other, dataset_id, encoder, 4) == []
        assert [again.image_id for again in claims.claim(session, lost, dataset_id, encoder, 4)] == images
        session.execute(update(Embedding).values(claimed_until=utcnow() - timedelta(seconds=1)))
    with runtime.database.transaction() as session:
        assert len(claims.claim(session, other, dataset_id, encoder, 4)) == 1
        assert not claims.store(session, runtime.storage, lost, claim, b"late")
        assert claims.store(session, runtime.storage, other, claim, b"first")
    assert runtime.storage.read_bytes(embeddings.storage_key(encoder, claim.image_sha256)) == b"first"


def test_an_image_that_takes_workers_down_is_tried_alone_and_given_up(runtime: Runtime, model: ModelVersion) -> None:
    dataset_id, images = fill(runtime, 6)
    job_id, tried = uuid.uuid4(), []
    for _ in range(12):  # a worker that dies whenever the first image is in its batch
        with runtime.database.transaction() as session:
            taken = claims.claim(session, job_id, dataset_id, model.encoder_sha256, 4)
        tried.append([images.index(claim.image_id) for claim in taken])
        if images[0] in [claim.image_id for claim in taken]:
            continue
        with runtime.database.transaction() as session:
            for claim in taken:
                claims.store(session, runtime.storage, job_id, claim, b"embedding")
    assert tried[0] == [0, 1, 2, 3]
    assert tried[1] == [4, 5], "those nobody died of go first"
    assert [0] in tried[2:]
    with runtime.database.transaction() as session:
        state = embeddings.progress(session, dataset_id, model.encoder_sha256)
        assert (state.ready, state.failed, state.total) == (5, 1, 6)
        broken = session.scalars(select(Embedding).where(Embedding.state == EmbeddingState.FAILED)).one()
        assert "took its worker down 3 times" in (broken.error or "")


def test_images_are_embedded_as_people_come_to_them(runtime: Runtime, model: ModelVersion) -> None:
    dataset_id, images = fill(runtime, 4)
    with runtime.database.transaction() as session:
        session.execute(update(Image).where(Image.id == images[0]).values(state="done"))
        session.execute(update(Image).where(Image.id == images[2]).values(state="leased"))
        taken = claims.claim(session, uuid.uuid4(), dataset_id, model.encoder_sha256, 4)
    assert [claim.image_id for claim in taken] == [images[2], images[1], images[3], images[0]]


def test_an_image_given_up_does_not_end_the_work_on_the_others(runtime: Runtime, model: ModelVersion) -> None:
    dataset_id, images = fill(runtime, 3)
    job, encoder = uuid.uuid4(), model.encoder_sha256
    with runtime.database.transaction() as session:
        embeddings.want(session, images[0], model)  # a page waits for it, so it comes first
        session.execute(update(Embedding).values(attempts=claims.MAX_CLAIMS))
    with runtime.database.transaction() as session:
        taken = claims.claim(session, job, dataset_id, encoder, 1)  # one at a time, as models of 1024 pixels are
        assert [claim.image_id for claim in taken] == [images[1]]
        states = session.scalars(select(Embedding.state).where(Embedding.attempts > 1)).all()
        assert states == [EmbeddingState.FAILED]
