"""Which embeddings are kept, and the removal of the others.

A round of the whole model makes a new encoder, and with it another embedding of every image. Kept are, image by image,
those under the encoders of its dataset's active model and of the model that was active before (so that going back
takes no time), under every encoder that unfinished work reads or writes, and all of an image that somebody annotates
right now: that page may still use a pair that was replaced. The details of an image that is done were for its
annotator alone, and go. What is removed and wanted again is computed again.

Removing goes in two steps, each its own transaction: rows become pending, which says that there is no file to rely on;
then file and row go together, under the row's lock, which whoever writes the file holds as well. Both steps look at
what is used under the encoder's lock, which `claims` and whatever asks for embeddings take too: so nothing that becomes
used meanwhile is missed. A worker killed at any point leaves pending rows, which are removed the next time or embedded
again, and never a file without a row.
"""

import uuid
from collections.abc import Collection

from sqlalchemy import ColumnElement, Select, Uuid, and_, cast, func, or_, select, union, update
from sqlalchemy.orm import Session

from backend.core import jobs
from backend.core.db import utcnow
from backend.core.jobs import Job, JobState
from backend.core.storage import Storage
from backend.datasets.models import Dataset, Image
from backend.registry.embeddings import EMBED_KIND, lock, storage_key
from backend.registry.models import Embedding, EmbeddingState, ModelVersion
from engine.geometry import WHOLE

OUTDATED_KIND = "registry.remove_outdated"

Uses = Select[uuid.UUID, uuid.UUID]

_provided: dict[str, Uses] = {}


def provide_uses(name: str, uses: Uses) -> None:
    """Says which models the unfinished work of a later feature uses: rows of (dataset id, model id)."""
    _provided[name] = uses


def remove_later(session: Session) -> Job | None:
    """Queues the removal of the embeddings that nothing uses; None when there are none."""
    if not outdated(session):
        return None
    title = "Remove embeddings that nothing uses"
    return jobs.enqueue(session, OUTDATED_KIND, title=title, dedupe_key=OUTDATED_KIND)


def outdated(session: Session) -> dict[str, int]:
    """How many embeddings nothing uses, by encoder; encoders without any are left out."""
    found: dict[str, int] = {}
    for encoder in session.scalars(select(Embedding.encoder_sha256).distinct().order_by(Embedding.encoder_sha256)):
        count = session.scalar(select(func.count()).select_from(Embedding).where(*_removable(session, encoder)))
        if count:
            found[encoder] = count
    return found


def withdraw(session: Session, encoder_sha256: str, limit: int) -> int:
    """First step: up to `limit` ready embeddings that nothing uses become pending; how many."""
    lock(session, encoder_sha256)
    unused = (
        select(Embedding.id)
        .where(*_removable(session, encoder_sha256), Embedding.state == EmbeddingState.READY)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = session.scalars(unused).all()
    gone = {"storage_key": None, "bytes": None, "content_sha256": None, "attempts": 0}
    session.execute(update(Embedding).where(Embedding.id.in_(ids)).values(state=EmbeddingState.PENDING, **gone))
    return len(ids)


def remove(session: Session, storage: Storage, encoder_sha256: str, limit: int) -> int:
    """Second step: up to `limit` embeddings that nothing uses and that are not ready go, file and row; how many."""
    lock(session, encoder_sha256)
    unused = (
        select(Embedding)
        .where(*_removable(session, encoder_sha256), Embedding.state != EmbeddingState.READY)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    found = session.scalars(unused).all()
    for embedding in found:
        # By its address, not by what the row says: who was killed while writing left a file that no row names.
        storage.delete(storage_key(encoder_sha256, embedding.image_sha256, embedding.detail))
        session.delete(embedding)
    return len(found)


def _removable(session: Session, encoder_sha256: str) -> tuple[ColumnElement[bool], ...]:
    """The conditions for embeddings under the encoder that nothing uses and nobody computes."""
    wanted = or_(Embedding.detail == WHOLE.key, Image.state == "todo")
    used = or_(and_(Image.dataset_id.in_(_users(session, encoder_sha256)), wanted), Image.state == "leased")
    is_used = select(Image.id).where(Image.sha256 == Embedding.image_sha256, used).correlate(Embedding).exists()
    unclaimed = or_(Embedding.claimed_until.is_(None), Embedding.claimed_until < utcnow())
    return (Embedding.encoder_sha256 == encoder_sha256, unclaimed, ~is_used)


def _users(session: Session, encoder_sha256: str) -> Collection[uuid.UUID]:
    """The datasets that use the encoder."""
    # Where none was activated, the packaged one serves.
    packaged = select(ModelVersion.id).where(ModelVersion.builtin).scalar_subquery()
    waits = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
    embedding = select(_named("dataset_id"), _named("model_id")).where(Job.kind == EMBED_KIND, waits)
    uses = union(
        select(Dataset.id, func.coalesce(Dataset.active_model_id, packaged)),
        select(Dataset.id, Dataset.previous_model_id),
        embedding,
        *_provided.values(),
    ).subquery()
    dataset_id, model_id = uses.c
    models = select(ModelVersion.id).where(ModelVersion.encoder_sha256 == encoder_sha256)
    return session.scalars(select(dataset_id).where(model_id.in_(models)).distinct()).all()


def _named(key: str) -> ColumnElement[uuid.UUID]:
    return cast(Job.payload[key].astext, Uuid)
