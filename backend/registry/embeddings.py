"""The embeddings of a dataset's images: who computes which, what is ready, what failed.

Work is shared by claims: a worker claims a few images in one short transaction, computes without holding anything,
and writes each result in another. A claim is a lease owned by a job: a killed job finds its claims again when it is
re-run, and anybody takes them over once they run out. Results are files named by content, so computing one twice
stores one.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.core import events, jobs
from backend.core.db import utcnow, uuid7
from backend.core.errors import NotFound, NotReady
from backend.core.jobs import Job
from backend.core.storage import Storage
from backend.datasets import service as datasets
from backend.datasets.models import Image
from backend.registry.models import Embedding, EmbeddingState, ModelVersion

EMBED_KIND = "registry.embed"
CLAIM = timedelta(seconds=120)
# An image whose claims end without an answer this often takes its worker down (memory, a crash in a codec).
MAX_CLAIMS = 3


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One image to embed."""

    image_id: uuid.UUID
    image_sha256: str
    file_name: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Images of a dataset under one encoder; broken ones count as done."""

    ready: int
    failed: int
    total: int

    @property
    def done(self) -> int:
        return self.ready + self.failed


def storage_key(encoder_sha256: str, image_sha256: str) -> str:
    """Where the embedding of an image under an encoder is stored."""
    return f"embeddings/{encoder_sha256[:12]}/{image_sha256[:2]}/{image_sha256}.safetensors"


def enqueue(
    session: Session, dataset_id: uuid.UUID, model: ModelVersion, *, only_if_missing: bool = True
) -> Job | None:
    """Queues the embedding job of a dataset under the model's encoder; None when everything is embedded or broken."""
    if only_if_missing:
        state = progress(session, dataset_id, model.encoder_sha256)
        if state.done >= state.total:
            return None
    return jobs.enqueue(
        session,
        EMBED_KIND,
        payload={"dataset_id": dataset_id, "encoder_sha256": model.encoder_sha256, "model_id": model.id},
        title=f"Embed images with {model.name}",
        dataset_id=dataset_id,
        dedupe_key=f"{EMBED_KIND}:{dataset_id}:{model.encoder_sha256}",
    )


def progress(session: Session, dataset_id: uuid.UUID, encoder_sha256: str) -> Progress:
    """How far the dataset is embedded under an encoder."""
    total, ready, failed = session.execute(
        select(
            func.count(Image.id),
            func.count().filter(Embedding.state == EmbeddingState.READY),
            func.count().filter(Embedding.state == EmbeddingState.FAILED),
        )
        .select_from(Image)
        .outerjoin(Embedding, _belongs(encoder_sha256))
        .where(Image.dataset_id == dataset_id)
    ).one()
    return Progress(ready=ready, failed=failed, total=total)


def claim(session: Session, job_id: uuid.UUID, dataset_id: uuid.UUID, encoder_sha256: str, limit: int) -> list[Claim]:
    """Claims up to `limit` images for `job_id`: first those a page waits for, then leased ones, then in order of
    import.

    An image whose claim ran out before is tried alone, and given up after MAX_CLAIMS: what takes a worker down must
    not take the others' images along.
    """
    candidates = session.execute(
        select(Image.id, Image.sha256, Image.file_name, func.coalesce(Embedding.attempts, 0))
        .outerjoin(Embedding, _belongs(encoder_sha256))
        .where(Image.dataset_id == dataset_id, _claimable(job_id))
        .order_by(
            Embedding.wanted_at.desc().nulls_last(),
            case((Image.state == "leased", 0), else_=1),
            func.coalesce(Embedding.attempts, 0),
            Image.id,
        )
        # More than needed, because others may claim the first ones at this very moment.
        .limit(limit * 4)
    ).all()
    claims: list[Claim] = []
    for image_id, image_sha256, file_name, attempts in candidates:
        if len(claims) >= limit or (claims and attempts):
            break
        if not _take(session, job_id, image_sha256, encoder_sha256):
            continue
        if attempts >= MAX_CLAIMS:
            reason = f"Embedding {file_name} took its worker down {attempts} times (out of memory, or a broken file)."
            fail(session, image_sha256, encoder_sha256, f"{reason} Replace the image, then retry.")
            continue
        claims.append(Claim(image_id=image_id, image_sha256=image_sha256, file_name=file_name))
        if attempts:
            break
    return claims


def _claimable(job_id: uuid.UUID) -> object:
    free = or_(Embedding.claimed_until.is_(None), Embedding.claimed_until < utcnow(), Embedding.claimed_by == job_id)
    return or_(Embedding.id.is_(None), and_(Embedding.state == EmbeddingState.PENDING, free))


def _take(session: Session, job_id: uuid.UUID, image_sha256: str, encoder_sha256: str) -> bool:
    """Claims one pair unless somebody was faster: the unique key decides, no lock is waited for by the reader."""
    row = insert(Embedding).values(
        id=uuid7(),
        image_sha256=image_sha256,
        encoder_sha256=encoder_sha256,
        state=EmbeddingState.PENDING,
        attempts=1,
        claimed_by=job_id,
        claimed_until=utcnow() + CLAIM,
    )
    taken = session.scalar(
        row.on_conflict_do_update(
            index_elements=[Embedding.image_sha256, Embedding.encoder_sha256],
            set_={
                "claimed_by": job_id,
                "claimed_until": row.excluded.claimed_until,
                "attempts": Embedding.attempts + 1,
                "updated_at": utcnow(),
            },
            where=_claimable(job_id),  # type: ignore[arg-type]
        ).returning(Embedding.id)
    )
    return taken is not None


def store(
    session: Session,
    image_sha256: str,
    encoder_sha256: str,
    *,
    num_bytes: int,
    content_sha256: str,
) -> bool:
    """Marks an embedding, whose file is stored, as ready. False when it was ready before (somebody else was faster)."""
    changed = session.execute(
        update(Embedding)
        .where(
            Embedding.image_sha256 == image_sha256,
            Embedding.encoder_sha256 == encoder_sha256,
            Embedding.state != EmbeddingState.READY,
        )
        .values(
            state=EmbeddingState.READY,
            storage_key=storage_key(encoder_sha256, image_sha256),
            bytes=num_bytes,
            content_sha256=content_sha256,
            error=None,
            claimed_by=None,
            claimed_until=None,
            wanted_at=None,
        )
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        return False
    _announce(session, image_sha256, encoder_sha256)
    return True


def fail(session: Session, image_sha256: str, encoder_sha256: str, error: str) -> None:
    """Marks an image as impossible to embed, with the reason."""
    session.execute(
        update(Embedding)
        .where(
            Embedding.image_sha256 == image_sha256,
            Embedding.encoder_sha256 == encoder_sha256,
            Embedding.state == EmbeddingState.PENDING,
        )
        .values(state=EmbeddingState.FAILED, error=error, claimed_by=None, claimed_until=None, wanted_at=None)
    )
    _announce(session, image_sha256, encoder_sha256, error=error)


def _announce(session: Session, image_sha256: str, encoder_sha256: str, error: str | None = None) -> None:
    """Tells every dataset that holds the image."""
    images = session.execute(select(Image.id, Image.dataset_id).where(Image.sha256 == image_sha256)).all()
    for image_id, dataset_id in images:
        events.emit(
            session,
            "image.embedded",
            dataset_id=dataset_id,
            image_id=image_id,
            encoder_sha256=encoder_sha256,
            error=error,
        )


def release(session: Session, job_id: uuid.UUID) -> None:
    """Gives back the claims of a job that stops before its work is done; they do not count as attempts."""
    session.execute(
        update(Embedding)
        .where(Embedding.claimed_by == job_id, Embedding.state == EmbeddingState.PENDING)
        .values(claimed_by=None, claimed_until=None, attempts=func.greatest(Embedding.attempts - 1, 0))
    )


def retry_failed(session: Session, dataset_id: uuid.UUID, encoder_sha256: str) -> int:
    """Makes the broken images of a dataset candidates again; how many they are."""
    shas = select(Image.sha256).where(Image.dataset_id == dataset_id)
    changed = session.execute(
        update(Embedding)
        .where(
            Embedding.encoder_sha256 == encoder_sha256,
            Embedding.state == EmbeddingState.FAILED,
            Embedding.image_sha256.in_(shas),
        )
        .values(state=EmbeddingState.PENDING, error=None, attempts=0)
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]


def find(session: Session, image_sha256: str, encoder_sha256: str) -> Embedding | None:
    """The state of one embedding, if anybody asked for it yet."""
    return session.scalar(
        select(Embedding).where(Embedding.image_sha256 == image_sha256, Embedding.encoder_sha256 == encoder_sha256)
    )


def ready_for_image(session: Session, image_id: uuid.UUID, model: ModelVersion) -> Embedding:
    """The ready embedding of an image under the model's encoder.

    Not there yet: NotReady, and `want` makes sure that it comes. Broken: NotFound with the reason.
    """
    image = datasets.get_image(session, image_id)
    embedding = find(session, image.sha256, model.encoder_sha256)
    if embedding is None or embedding.state == EmbeddingState.PENDING:
        raise NotReady(
            "This image is not embedded yet; it was moved to the front of the queue. Ask again in a moment.",
            image_id=image_id,
        )
    if embedding.state == EmbeddingState.FAILED:
        raise NotFound(
            f"This image cannot be embedded: {embedding.error} Skip it, or replace the image.", code="embedding_failed"
        )
    return embedding


def want(session: Session, image_id: uuid.UUID, model: ModelVersion) -> None:
    """Moves an image to the front of the queue, and makes sure that a job will take it."""
    image = datasets.get_image(session, image_id)
    session.execute(
        insert(Embedding)
        .values(
            id=uuid7(),
            image_sha256=image.sha256,
            encoder_sha256=model.encoder_sha256,
            state=EmbeddingState.PENDING,
            attempts=0,
            wanted_at=utcnow(),
        )
        .on_conflict_do_update(
            index_elements=[Embedding.image_sha256, Embedding.encoder_sha256],
            set_={"wanted_at": utcnow()},
            where=and_(Embedding.state == EmbeddingState.PENDING, Embedding.wanted_at.is_(None)),
        )
    )
    enqueue(session, image.dataset_id, model, only_if_missing=False)


def ready_images(session: Session, dataset_id: uuid.UUID, encoder_sha256: str) -> Sequence[tuple[Image, Embedding]]:
    """The images of a dataset that are embedded under an encoder, with their embeddings, in order of import."""
    rows = session.execute(
        select(Image, Embedding)
        .join(Embedding, _belongs(encoder_sha256))
        .where(Image.dataset_id == dataset_id, Embedding.state == EmbeddingState.READY)
        .order_by(Image.id)
    )
    return [(image, embedding) for image, embedding in rows]


def read(storage: Storage, embedding: Embedding) -> bytes:
    """The embedding file's bytes."""
    assert embedding.storage_key is not None, "only ready embeddings have a file"
    return storage.read_bytes(embedding.storage_key)


def _belongs(encoder_sha256: str) -> object:
    return and_(Embedding.image_sha256 == Image.sha256, Embedding.encoder_sha256 == encoder_sha256)
