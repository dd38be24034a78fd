"""The embeddings of a dataset's images: what is ready, failed, or wanted. Who computes which is in `claims`."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, false, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.core import jobs
from backend.core.db import utcnow, uuid7
from backend.core.errors import Invalid, NotFound
from backend.core.jobs import Job
from backend.core.storage import Storage
from backend.datasets import service as datasets
from backend.datasets.models import Dataset, Image
from backend.registry.models import Embedding, EmbeddingState, ModelVersion
from engine.geometry import WHOLE, Detail

EMBED_KIND = "registry.embed"
# What there is at most one embedding of.
UNIQUE = (Embedding.image_sha256, Embedding.encoder_sha256, Embedding.detail)
NOT_READY = "This image is not embedded yet; it was moved to the front of the queue. Ask again in a moment."


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Images of a dataset under one encoder; broken ones count as done."""

    ready: int
    failed: int
    total: int

    @property
    def done(self) -> int:
        return self.ready + self.failed

    def __str__(self) -> str:
        broken = f", {self.failed} cannot be embedded" if self.failed else ""
        return f"{self.ready} of {self.total} images{broken}"


def storage_key(encoder_sha256: str, image_sha256: str, detail: str = WHOLE.key) -> str:
    """Where the embedding of an image, or of a detail of it, under an encoder is stored."""
    name = image_sha256 if detail == WHOLE.key else f"{image_sha256}_{detail}"
    return f"embeddings/{encoder_sha256[:12]}/{image_sha256[:2]}/{name}.safetensors"


def lock(session: Session, encoder_sha256: str) -> None:
    """Until the end of the transaction, nobody else claims, asks for or removes embeddings under the encoder.

    Taken after a dataset's lock and before those of embeddings.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"embed:{encoder_sha256}", 0))))


def enqueue(session: Session, dataset_id: uuid.UUID, model: ModelVersion) -> Job | None:
    """Queues the embedding of a dataset under the model's encoder; None when every image is embedded or broken."""
    lock(session, model.encoder_sha256)
    state = progress(session, dataset_id, model.encoder_sha256)
    return _enqueue(session, dataset_id, model) if state.done < state.total else None


def _enqueue(session: Session, dataset_id: uuid.UUID, model: ModelVersion, *, wanted_only: bool = False) -> Job:
    key = f"{EMBED_KIND}:{dataset_id}:{model.encoder_sha256}"
    return jobs.enqueue(
        session,
        EMBED_KIND,
        payload={
            "dataset_id": dataset_id,
            "model_id": model.id,
            "wanted_only": wanted_only,
        },
        title=f"Embed {'what a page waits for' if wanted_only else 'images'} with {model.name}",
        # One page's wait is no news for everybody who looks at the dataset.
        dataset_id=None if wanted_only else dataset_id,
        dedupe_key=f"{key}:wanted" if wanted_only else key,
    )


def forget_answers(session: Session, dataset_id: uuid.UUID, encoder_sha256: str) -> None:
    """Leaves no more than one ended job of those that pages ask for as they zoom: nobody would look at so many."""
    jobs.forget_succeeded(session, f"{EMBED_KIND}:{dataset_id}:{encoder_sha256}:wanted")


def progress(session: Session, dataset_id: uuid.UUID, encoder_sha256: str) -> Progress:
    """How far the dataset is embedded under an encoder."""
    total, ready, failed = session.execute(
        select(
            func.count(Image.id),
            func.count().filter(Embedding.state == EmbeddingState.READY),
            func.count().filter(Embedding.state == EmbeddingState.FAILED),
        )
        .select_from(Image)
        .outerjoin(Embedding, belongs(encoder_sha256))
        .where(Image.dataset_id == dataset_id)
    ).one()
    return Progress(ready=ready, failed=failed, total=total)


def retry(session: Session, dataset_id: uuid.UUID, model: ModelVersion) -> Job:
    """Queues the embedding of a dataset, with another chance for images that could not be embedded."""
    datasets.get_dataset(session, dataset_id)
    lock(session, model.encoder_sha256)
    shas = select(Image.sha256).where(Image.dataset_id == dataset_id)
    session.execute(
        update(Embedding)
        .where(
            Embedding.encoder_sha256 == model.encoder_sha256,
            Embedding.state == EmbeddingState.FAILED,
            Embedding.image_sha256.in_(shas),
        )
        .values(state=EmbeddingState.PENDING, error=None, attempts=0)
    )
    return _enqueue(session, dataset_id, model)


def find(session: Session, image_sha256: str, encoder_sha256: str, detail: Detail = WHOLE) -> Embedding | None:
    """The state of one embedding, if anybody asked for it yet."""
    return session.scalar(
        select(Embedding).where(
            Embedding.image_sha256 == image_sha256,
            Embedding.encoder_sha256 == encoder_sha256,
            Embedding.detail == detail.key,
        )
    )


def ready_for_image(
    session: Session, storage: Storage, image_id: uuid.UUID, model: ModelVersion, detail: Detail = WHOLE
) -> Embedding | None:
    """The ready embedding of an image, or of a detail of it, under the model's encoder; None while it is not there
    (`want` makes it come).

    One whose file was lost is waited for like one that was never made. NotFound, with the reason, for an image that
    cannot be embedded; Invalid for a detail that it does not have.
    """
    image = datasets.get_image(session, image_id)
    try:
        detail.box((image.height, image.width))
    except ValueError as error:
        raise Invalid(str(error)) from error
    embedding = find(session, image.sha256, model.encoder_sha256, detail)
    if embedding is None or embedding.state is EmbeddingState.PENDING:
        return None
    if embedding.state is EmbeddingState.FAILED:
        raise NotFound(
            f"This image cannot be embedded: {embedding.error} Skip it, or replace the image.", code="embedding_failed"
        )
    if embedding.storage_key is None or not storage.exists(embedding.storage_key):
        embedding.state, embedding.attempts = EmbeddingState.PENDING, 0
        session.flush()
        return None
    return embedding


def want(session: Session, image_id: uuid.UUID, model: ModelVersion, detail: Detail = WHOLE) -> None:
    """Moves an image, or a detail of it, to the front of the queue, and makes sure that a job will take it.

    A page that still uses a model version that was replaced gets its image, but not the whole dataset with it.
    """
    image = datasets.get_image(session, image_id)
    lock(session, model.encoder_sha256)
    session.execute(
        insert(Embedding)
        .values(
            id=uuid7(),
            image_sha256=image.sha256,
            encoder_sha256=model.encoder_sha256,
            detail=detail.key,
            state=EmbeddingState.PENDING,
            attempts=0,
            wanted_at=utcnow(),
        )
        .on_conflict_do_update(
            index_elements=UNIQUE,
            set_={"wanted_at": utcnow()},
            where=and_(Embedding.state == EmbeddingState.PENDING, Embedding.wanted_at.is_(None)),
        )
    )
    wanted_only = detail != WHOLE or not _is_active(session, image.dataset_id, model)
    _enqueue(session, image.dataset_id, model, wanted_only=wanted_only)


def _is_active(session: Session, dataset_id: uuid.UUID, model: ModelVersion) -> bool:
    """Whether the dataset uses the model's encoder."""
    active_id = datasets.get_dataset(session, dataset_id).active_model_id
    active = session.get(ModelVersion, active_id) if active_id else None
    return active is None or active.encoder_sha256 == model.encoder_sha256


def ready_images(session: Session, dataset_id: uuid.UUID, encoder_sha256: str) -> Sequence[tuple[Image, Embedding]]:
    """The images of a dataset that are embedded under an encoder, with their embeddings, in order of import."""
    rows = session.execute(
        select(Image, Embedding)
        .join(Embedding, belongs(encoder_sha256))
        .where(Image.dataset_id == dataset_id, Embedding.state == EmbeddingState.READY)
        .order_by(Image.id)
    )
    return [(image, embedding) for image, embedding in rows]


# What datasets ask of the registry (see `datasets.service.provide_*`)


def count_embedded(session: Session, dataset_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Images embedded under each dataset's active encoder."""
    rows = session.execute(_embedded().where(Dataset.id.in_(dataset_ids)).group_by(Dataset.id))
    return {row[0]: row[1] for row in rows}


def embedded_images(session: Session, image_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the images that are embedded under their dataset's active encoder."""
    query = _embedded().with_only_columns(Image.id).where(Image.id.in_(image_ids))
    return set(session.scalars(query))


def _embedded() -> Select[uuid.UUID, int]:
    return (
        select(Dataset.id, func.count())
        .join(Image, Image.dataset_id == Dataset.id)
        .join(ModelVersion, ModelVersion.id == Dataset.active_model_id)
        .join(
            Embedding,
            belongs(ModelVersion.encoder_sha256),
        )
        .where(Embedding.state == EmbeddingState.READY)
    )


def is_broken(session: Session, dataset: Dataset) -> ColumnElement[bool]:
    """The condition for images that the dataset's active encoder could not embed."""
    model = session.get(ModelVersion, dataset.active_model_id) if dataset.active_model_id else None
    if model is None:
        return false()
    return (
        select(Embedding.id)
        .where(belongs(model.encoder_sha256), Embedding.state == EmbeddingState.FAILED)
        .correlate(Image)
        .exists()
    )


def forget(session: Session, storage: Storage, image_sha256s: Sequence[str]) -> int:
    """Removes the embeddings of images that no dataset holds any more, file and row; how many."""
    unused = select(Embedding).where(
        Embedding.image_sha256.in_(image_sha256s),
        ~select(Image.id).where(Image.sha256 == Embedding.image_sha256).exists(),
    )
    found = session.scalars(unused.with_for_update(skip_locked=True)).all()
    for embedding in found:
        if embedding.storage_key is not None:
            storage.delete(embedding.storage_key)
        session.delete(embedding)
    return len(found)


def read(storage: Storage, embedding: Embedding) -> bytes:
    """The embedding file's bytes."""
    assert embedding.storage_key is not None, "only ready embeddings have a file"
    return storage.read_bytes(embedding.storage_key)


def belongs(encoder_sha256: str | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """The condition that joins an image with its embedding, that of the whole image, under an encoder."""
    return and_(
        Embedding.image_sha256 == Image.sha256,
        Embedding.encoder_sha256 == encoder_sha256,
        Embedding.detail == WHOLE.key,
    )
