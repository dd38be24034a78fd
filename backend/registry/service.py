"""Model versions: registering, activating, serving. The embeddings of their encoders are in `embeddings`.

Weights and graphs are made elsewhere (`tasks.package_model`, which needs torch); here they are only files with
hashes. A version is a row plus three stored files, and the row is written last: whoever sees the row can read the
files.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from backend.accounts import service as users
from backend.core import events, jobs
from backend.core.db import utcnow, uuid7
from backend.core.errors import Conflict, NotFound, NotReady
from backend.core.jobs import Job, JobState
from backend.core.storage import Storage, disk_errors
from backend.datasets import service as datasets
from backend.datasets.models import Dataset
from backend.registry import embeddings
from backend.registry.models import ModelVersion
from backend.settings import Settings

REGISTER_KIND = "registry.register"
FORGET_KIND = "registry.remove_embeddings"
DEFAULT_KEY = f"{REGISTER_KIND}:default"


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """A packaged model on disk:

    safetensors weights and the two ONNX graphs, with what the registry must know of them.
    """

    weights: Path
    prepare: Path
    decode: Path
    encoder_sha256: str
    decoder_sha256: str
    image_size: int
    embed_dim: int
    grid: int


def get_model(session: Session, model_id: uuid.UUID) -> ModelVersion:
    """The model version, or NotFound."""
    model = session.get(ModelVersion, model_id)
    if model is None:
        raise NotFound(f"There is no model version {model_id}. The models page lists those there are.")
    return model


def list_models(session: Session) -> Sequence[ModelVersion]:
    """Every model version, newest first."""
    return session.scalars(select(ModelVersion).order_by(ModelVersion.created_at.desc(), ModelVersion.id.desc())).all()


def active_in(session: Session) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Which datasets each model version is active in."""
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    rows = session.execute(
        select(Dataset.active_model_id, Dataset.id).where(Dataset.active_model_id.is_not(None)).order_by(Dataset.id)
    )
    for model_id, dataset_id in rows:
        if model_id is not None:
            found.setdefault(model_id, []).append(dataset_id)
    return found


def default_model(session: Session) -> ModelVersion | None:
    """The packaged model, once it is registered."""
    return session.scalar(select(ModelVersion).where(ModelVersion.builtin))


def active_model(session: Session, dataset_id: uuid.UUID) -> ModelVersion | None:
    """The dataset's model version; the packaged one where none was activated; None before that is registered."""
    dataset = datasets.get_dataset(session, dataset_id)
    if dataset.active_model_id is not None:
        return get_model(session, dataset.active_model_id)
    return default_model(session)


def ensure_default_model(session: Session) -> Job | None:
    """Makes sure that the packaged model gets registered; the job that does it, or None when it is there."""
    if default_model(session) is not None or _registration_is_known(session):
        return None
    return jobs.enqueue(
        session,
        REGISTER_KIND,
        payload={"default": True},
        title="Register the packaged model",
        dedupe_key=DEFAULT_KEY,
    )


def no_model_yet(session: Session) -> Conflict:
    """Why a dataset has no model: the packaged one is still on its way, or its registration failed and says why."""
    last = session.scalar(select(Job).where(Job.dedupe_key == DEFAULT_KEY).order_by(Job.created_at.desc()).limit(1))
    if last is not None and last.state in (JobState.FAILED, JobState.CANCELLED):
        why = last.error or "its job was cancelled."
        return Conflict(
            f"The packaged model could not be registered: {why} Try its job again on the jobs page, or upload a "
            "checkpoint and activate it.",
            code="no_model",
            job_id=str(last.id),
        )
    return NotReady("The packaged model is still being registered. Try again in a moment.")


def _registration_is_known(session: Session) -> bool:
    """Whether the packaged model is being registered, or lately could not be: that would only fail again."""
    lately = utcnow() - timedelta(minutes=10)
    going_on = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
    known = select(Job.id).where(Job.dedupe_key == DEFAULT_KEY, or_(going_on, Job.finished_at > lately)).limit(1)
    return session.scalar(known) is not None


def keep_upload(settings: Settings, source: Path, file_name: str) -> Path:
    """Moves an uploaded checkpoint to a place of its own, under its own name so that messages can name it."""
    name = PurePosixPath(file_name).name.encode()[-100:].decode(errors="ignore").lstrip(".")
    path = settings.quarantine_dir / f"model-{uuid7()}" / (name or "checkpoint")
    with disk_errors():
        path.parent.mkdir(parents=True)
        source.rename(path)
    return path


def request_upload(session: Session, *, path: Path, name: str, file_name: str, user_id: uuid.UUID) -> Job:
    """Queues the check and registration of an uploaded checkpoint waiting at `path`."""
    return jobs.enqueue(
        session,
        REGISTER_KIND,
        payload={
            "path": str(path),
            "name": name,
            "file_name": file_name,
            "uploaded_by": users.name_of(session, user_id),
        },
        title=f"Check and register the model “{name}”",
        created_by=user_id,
    )


def register_model(
    session: Session,
    storage: Storage,
    files: ModelFiles,
    *,
    name: str,
    model_id: uuid.UUID,
    parent_id: uuid.UUID | None = None,
    round_id: uuid.UUID | None = None,
    lineage: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    builtin: bool = False,
) -> ModelVersion:
    """Stores the files under models/<model_id>/ and writes the row. The same `model_id` again gives the row there is.

    Callers derive `model_id` from what caused the version (a job, a round), so that a job run twice registers once. The
    version is not activated.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"register:{model_id}", 0))))
    known = session.get(ModelVersion, model_id, populate_existing=True)
    if known is not None:
        return known
    keys = {part: f"models/{model_id}/{part}" for part in ("weights.safetensors", "prepare.onnx", "decode.onnx")}
    paths = dict(zip(keys, (files.weights, files.prepare, files.decode), strict=True))
    for part, path in paths.items():
        storage.put_file(keys[part], path)
    model = ModelVersion(
        id=model_id,
        name=name,
        builtin=builtin,
        parent_id=parent_id,
        round_id=round_id,
        encoder_sha256=files.encoder_sha256,
        decoder_sha256=files.decoder_sha256,
        image_size=files.image_size,
        embed_dim=files.embed_dim,
        grid=files.grid,
        weights_key=keys["weights.safetensors"],
        prepare_key=keys["prepare.onnx"],
        decode_key=keys["decode.onnx"],
        weights_sha256=sha256_of(files.weights),
        prepare_sha256=sha256_of(files.prepare),
        decode_sha256=sha256_of(files.decode),
        metrics=dict(metrics or {}),
        lineage=dict(lineage or {}),
    )
    session.add(model)
    session.flush()
    return model


def forget_files(storage: Storage, model_id: uuid.UUID) -> None:
    """Removes what a registration that came to nothing may have stored."""
    for key in list(storage.list(f"models/{model_id}/")):
        storage.delete(key)


def adopt_default(session: Session, model: ModelVersion) -> None:
    """Gives the packaged model to every dataset that has none."""
    # All locked before the first activation takes the encoder's lock: see `embeddings.lock`.
    without = select(Dataset.id).where(Dataset.active_model_id.is_(None)).order_by(Dataset.id).with_for_update()
    waiting = session.scalars(without).all()
    for dataset_id in waiting:
        activate(session, dataset_id, model.id)


def adopt_if_none(session: Session, dataset_id: uuid.UUID) -> None:
    """Gives a new dataset the packaged model, if that is registered already."""
    model = default_model(session)
    if model is not None and datasets.get_dataset(session, dataset_id).active_model_id is None:
        activate(session, dataset_id, model.id)


def activate(session: Session, dataset_id: uuid.UUID, model_id: uuid.UUID) -> ModelVersion:
    """Makes `model_id` the dataset's model version.

    Open pages learn of it; the pipeline embeds what its encoder lacks, and removes what no model uses any more.
    """
    model = get_model(session, model_id)
    dataset = datasets.get_dataset(session, dataset_id)
    session.refresh(dataset, with_for_update=True)
    if dataset.active_model_id == model.id:
        return model
    before = session.get(ModelVersion, dataset.active_model_id) if dataset.active_model_id else None
    dataset.previous_model_id, dataset.active_model_id = dataset.active_model_id, model.id
    session.flush()
    events.emit(
        session,
        "model.activated",
        dataset_id=dataset_id,
        model_id=model.id,
        previous_model_id=before.id if before else None,
        encoder_changed=before is None or before.encoder_sha256 != model.encoder_sha256,
    )
    return model


def embed_missing(session: Session, dataset_id: uuid.UUID) -> Job | None:
    """Queues the embedding of whatever the dataset's active encoder has not embedded; None when there is nothing to do.

    Safe to ask for at any time: one such job waits per dataset and encoder, whoever asks.
    """
    model = active_model(session, dataset_id)
    if model is None:
        ensure_default_model(session)
        return None
    return embeddings.enqueue(session, dataset_id, model)


def model_for_encoder(session: Session, encoder_sha256: str) -> ModelVersion:
    """Any model version with this encoder; Conflict when nobody knows the encoder."""
    model = session.scalar(
        select(ModelVersion)
        .where(ModelVersion.encoder_sha256 == encoder_sha256)
        .order_by(ModelVersion.created_at.desc())
        .limit(1)
    )
    if model is None:
        raise Conflict(
            "No model version has this encoder. Reload the page to get the present model.", code="unknown_encoder"
        )
    return model


def count_models(session: Session) -> int:
    """How many model versions there are."""
    return session.scalar(select(func.count()).select_from(ModelVersion)) or 0


def drop_embeddings_later(session: Session, image_sha256s: Sequence[str]) -> None:
    """Queues the removal of the embeddings of deleted images, as far as no other dataset holds the same image."""
    jobs.enqueue(
        session,
        FORGET_KIND,
        payload={"sha256s": list(image_sha256s)},
        title="Remove embeddings of deleted images",
    )


def discard_upload(path: Path) -> None:
    """Removes an upload and the folder that was made for it."""
    path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
