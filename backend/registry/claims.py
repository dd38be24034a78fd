"""Who computes which embedding.

A worker claims a few images in one short transaction, computes without holding anything, and writes each result in
another. A claim is a lease owned by a job: a killed job finds its claims again when it is re-run, and anybody takes
them over once they run out. Only who still has the claim may write, so nothing is stored twice.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.core import events
from backend.core.db import utcnow, uuid7
from backend.core.storage import Storage
from backend.datasets.models import Image
from backend.registry.embeddings import UNIQUE, belongs, lock, storage_key
from backend.registry.models import Embedding, EmbeddingState
from engine.geometry import WHOLE, Detail

# Far longer than any batch takes: a killed job takes its own claims over at once, only a lost one leaves them to time.
CLAIM = timedelta(minutes=15)
# An image whose claims end without an answer this often takes its worker down (memory, a crash in a codec).
MAX_CLAIMS = 3


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One image to embed under an encoder, or one detail of it."""

    image_id: uuid.UUID
    image_sha256: str
    file_name: str
    encoder_sha256: str
    detail: Detail = WHOLE


def claim(
    session: Session,
    job_id: uuid.UUID,
    dataset_id: uuid.UUID,
    encoder_sha256: str,
    limit: int,
    *,
    wanted_only: bool = False,
) -> list[Claim]:
    """Claims up to `limit` images for `job_id`: those a page waits for, which has nothing until they are there; then
    details that a page waits for, which has the whole image meanwhile; then leased images, then those nobody has done
    yet, each in order of import, which is the order they are handed out in.

    `wanted_only` leaves out those that no page waits for.
    An image whose claim ended without an answer before is tried alone, and given up after MAX_CLAIMS: what takes a
    worker down must not take the others' images along.
    """
    # Claims under one encoder are made one after the other, which takes a millisecond and rules out deadlocks.
    lock(session, encoder_sha256)
    attempts = func.coalesce(Embedding.attempts, 0)
    columns = (Image.id, Image.sha256, Image.file_name, attempts, func.coalesce(Embedding.detail, WHOLE.key))
    whole = (
        select(*columns)
        .outerjoin(Embedding, belongs(encoder_sha256))
        .where(Image.dataset_id == dataset_id, or_(Embedding.id.is_(None), _is_free(job_id)))
        .order_by(
            Embedding.wanted_at.desc(),
            case((Image.state == "leased", 0), (Image.state == "todo", 1), else_=2),
            attempts,
            Image.id,
        )
    )
    wanted = whole.where(Embedding.wanted_at.is_not(None))
    details = (
        select(*columns)
        .join(Embedding, Embedding.image_sha256 == Image.sha256)
        .where(
            Image.dataset_id == dataset_id,
            Embedding.encoder_sha256 == encoder_sha256,
            Embedding.detail != WHOLE.key,
            Embedding.wanted_at.is_not(None),
            _is_free(job_id),
        )
        .order_by(Embedding.wanted_at.desc(), Embedding.detail)
    )
    for query in (wanted, details) if wanted_only else (wanted, details, whole):
        if claims := _claim_some(session, job_id, query.limit(limit), encoder_sha256):
            return claims
    return []


def _claim_some(
    session: Session, job_id: uuid.UUID, query: Select[uuid.UUID, str, str, int, str], encoder_sha256: str
) -> list[Claim]:
    claims: list[Claim] = []
    # Again while all that were found are given up: an empty answer means that nothing is left.
    while not claims and (found := session.execute(query).all()):
        for image_id, image_sha256, file_name, tried, detail in found:
            if claims and tried:
                break
            one = Claim(
                image_id=image_id,
                image_sha256=image_sha256,
                file_name=file_name,
                encoder_sha256=encoder_sha256,
                detail=Detail.parse(detail),
            )
            _take(session, job_id, one)
            if tried >= MAX_CLAIMS:
                reason = f"embedding it took its worker down {tried} times (out of memory, or a broken file)."
                fail(session, job_id, one, reason)
                continue
            claims.append(one)
            if tried:
                break
    return claims


def _is_free(job_id: uuid.UUID) -> ColumnElement[bool]:
    unclaimed = or_(
        Embedding.claimed_until.is_(None), Embedding.claimed_until < utcnow(), Embedding.claimed_by == job_id
    )
    return and_(Embedding.state == EmbeddingState.PENDING, unclaimed)


def _take(session: Session, job_id: uuid.UUID, claim: Claim) -> None:
    until = utcnow() + CLAIM
    row = insert(Embedding).values(
        id=uuid7(),
        image_sha256=claim.image_sha256,
        encoder_sha256=claim.encoder_sha256,
        detail=claim.detail.key,
        state=EmbeddingState.PENDING,
        attempts=1,
        claimed_by=job_id,
        claimed_until=until,
    )
    session.execute(
        row.on_conflict_do_update(
            index_elements=UNIQUE,
            set_={
                "claimed_by": job_id,
                "claimed_until": until,
                "attempts": Embedding.attempts + 1,
                "updated_at": utcnow(),
            },
            where=_is_free(job_id),
        )
    )


def _claimed(session: Session, job_id: uuid.UUID, claim: Claim) -> Embedding | None:
    """The embedding, locked, if the job still has its claim."""
    return session.scalar(
        select(Embedding)
        .where(
            Embedding.image_sha256 == claim.image_sha256,
            Embedding.encoder_sha256 == claim.encoder_sha256,
            Embedding.detail == claim.detail.key,
            Embedding.state == EmbeddingState.PENDING,
            Embedding.claimed_by == job_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def store(session: Session, storage: Storage, job_id: uuid.UUID, claim: Claim, data: bytes) -> bool:
    """Stores an embedding file and marks it ready. False, and nothing stored, when another job took the claim over."""
    embedding = _claimed(session, job_id, claim)
    if embedding is None:
        return False
    key = storage_key(claim.encoder_sha256, claim.image_sha256, claim.detail.key)
    storage.put_bytes(key, data)
    embedding.state = EmbeddingState.READY
    embedding.storage_key = key
    embedding.bytes = len(data)
    embedding.content_sha256 = hashlib.sha256(data).hexdigest()
    _settle(session, embedding, error=None)
    return True


def fail(session: Session, job_id: uuid.UUID, claim: Claim, error: str) -> None:
    """Marks an image as impossible to embed, with the reason."""
    embedding = _claimed(session, job_id, claim)
    if embedding is not None:
        embedding.state = EmbeddingState.FAILED
        _settle(session, embedding, error=error)


def _settle(session: Session, embedding: Embedding, *, error: str | None) -> None:
    embedding.error = error
    embedding.claimed_by = embedding.claimed_until = embedding.wanted_at = None
    session.flush()
    # Who waits for a detail asks again by itself; nobody else's figures change with it.
    if embedding.detail == WHOLE.key:
        _announce(session, embedding.image_sha256, embedding.encoder_sha256, error)


def _announce(session: Session, image_sha256: str, encoder_sha256: str, error: str | None) -> None:
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


def release(session: Session, job_id: uuid.UUID, *, tried: bool) -> None:
    """Gives back the claims of a job that stops before its work is done. `tried`: they count as attempts."""
    attempts = Embedding.attempts if tried else func.greatest(Embedding.attempts - 1, 0)
    session.execute(
        update(Embedding)
        .where(Embedding.claimed_by == job_id, Embedding.state == EmbeddingState.PENDING)
        .values(claimed_by=None, claimed_until=None, attempts=attempts)
    )
