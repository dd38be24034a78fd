"""The registry's jobs: checking and packaging models, embedding images. Here, and only here, the registry meets torch.

`loaded_model`, `package_model` and `embed_images` serve the other features' jobs too.
"""

import logging
import math
import shutil
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image as Pictures
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from backend.core import events
from backend.core.errors import DomainError, NotFound
from backend.core.jobs import JobCancelled, JobContext, JobInterrupted, JobLost, handler, periodic
from backend.core.software import software_version
from backend.core.storage import Storage
from backend.datasets.files import image_key
from backend.registry import claims, embeddings, retention, service
from backend.registry.claims import Claim
from backend.registry.embeddings import EMBED_KIND
from backend.registry.models import ModelVersion
from backend.registry.retention import OUTDATED_KIND
from backend.registry.service import FORGET_KIND, REGISTER_KIND, ModelFiles
from engine.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.model.sam import Sam

logger = logging.getLogger(__name__)

CACHED_MODELS = 2
# Pixels of encoder input per step: four images at 768, two at 1024, so that memory stays flat.
BATCH_PIXELS = 4 * 768 * 768
# From this many images waiting on, a second worker is called to help.
HELP_FROM = 32
# This many images in a row on which the encoder itself fails: it is not the images.
MAX_SURPRISES = 3
# Few enough that who waits for the encoder's lock does not notice, in an object store too.
REMOVED_AT_ONCE = 50
# Half of float16's size, at one scale per channel.
EMBEDDING_DTYPE: Literal["int8", "float16"] = "int8"

_cache: OrderedDict[str, "Sam"] = OrderedDict()
_cache_lock = threading.Lock()
# torch's exporter keeps global state, and the io worker runs jobs in threads.
_export_lock = threading.Lock()
_NAMESPACE = uuid.UUID("0198c0de-6d61-736b-8c6f-6f6d00000001")


# Models


def loaded_model(storage: Storage, model: ModelVersion) -> "Sam":
    """The model version's weights in eval mode, kept in the process because jobs of one model follow each other.

    Shared by everything in the process: copy it before training it.
    """
    import torch

    from engine.model.checkpoint import load_model

    with _cache_lock:
        if model.weights_sha256 in _cache:
            _cache.move_to_end(model.weights_sha256)
            return _cache[model.weights_sha256]
        device = "cuda" if torch.cuda.is_available() else "cpu"
        with _local_file(storage, model.weights_key) as path:
            sam = load_model(path, device)
        _cache[model.weights_sha256] = sam
        while len(_cache) > CACHED_MODELS:
            _cache.popitem(last=False)
        return sam


@contextmanager
def _local_file(storage: Storage, key: str) -> Iterator[Path]:
    """A stored file as a path on this machine; a remote one is fetched for as long as the block lasts."""
    local = storage.local_path(key)
    if local is not None:
        yield local
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / key.rsplit("/", 1)[-1]
        with storage.open(key) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        yield path


def package_model(
    model: "Sam", folder: Path, metadata: Mapping[str, Any], dtype: Literal["float16", "float32"] = "float16"
) -> ModelFiles:
    """Writes a model's weights and graphs into `folder`, checked against each other, ready for `register_model`.

    Raises CheckpointError or ExportError when the weights are unusable or the graphs do not answer as the model does.
    """
    from engine.export.onnx import export
    from engine.model.checkpoint import decoder_sha256, encoder_sha256, load_model, save_model

    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.safetensors"
    save_model(model, weights, dict(metadata), dtype)
    # What is exported is what was saved: rounding to the stored dtype included.
    with _export_lock:
        graphs = export(load_model(weights), folder)
    config = model.config
    return ModelFiles(
        weights=weights,
        prepare=graphs.prepare,
        decode=graphs.decode,
        encoder_sha256=encoder_sha256(model),
        decoder_sha256=decoder_sha256(model),
        image_size=config.image_size,
        embed_dim=config.prompt_dim,
        grid=config.grid,
    )


@handler(REGISTER_KIND, queue="io", max_attempts=3)
def register(ctx: JobContext) -> dict[str, Any]:
    """Checks a checkpoint, makes its graphs and registers it. A wrong file leaves nothing behind."""
    if ctx.payload.get("default"):
        return _register_default(ctx)
    upload = Path(ctx.payload["path"])
    try:
        if not upload.is_file():
            raise NotFound("The uploaded file is not there any more. Upload the checkpoint again.")
        result = _register_upload(ctx, upload)
    except (JobInterrupted, JobLost):
        raise  # another attempt will need the file
    except BaseException:
        service.discard_upload(upload)
        raise
    service.discard_upload(upload)
    return result


def _register_default(ctx: JobContext) -> dict[str, Any]:
    from engine.model.registry import DEFAULT_MODEL, checkpoint_path

    path = checkpoint_path("default")
    model_id = uuid.uuid5(_NAMESPACE, f"packaged:{service.sha256_of(path)}")
    with ctx.transaction() as session:
        known = service.default_model(session)
    if known is not None:
        return {"model_id": str(known.id)}
    return _register_file(ctx, path, model_id, DEFAULT_MODEL, {"source": "packaged"}, builtin=True)


def _register_upload(ctx: JobContext, path: Path) -> dict[str, Any]:
    names = {name: ctx.payload.get(name) for name in ("file_name", "uploaded_by")}
    lineage = {"source": "upload", **names, "sha256": service.sha256_of(path)}
    model_id = uuid.uuid5(_NAMESPACE, f"upload:{ctx.job_id}")
    return _register_file(ctx, path, model_id, ctx.payload["name"], lineage, builtin=False)


def _register_file(
    ctx: JobContext, path: Path, model_id: uuid.UUID, name: str, lineage: dict[str, Any], *, builtin: bool
) -> dict[str, Any]:
    from engine.model.checkpoint import load_model, model_metadata

    ctx.progress(0, 3, "Checking the weights")
    model = load_model(path)
    ours = model_metadata(path) if path.suffix == ".safetensors" else None
    ctx.check()
    ctx.progress(1, 3, "Exporting the graphs")
    # A released checkpoint keeps its precision; ours is stored as it came.
    dtype: Literal["float16", "float32"] = "float16" if ours and ours["dtype"] == "float16" else "float32"
    files = package_model(model, ctx.workdir / "model", ours["metadata"] if ours else {}, dtype)
    ctx.check()
    ctx.progress(2, 3, "Storing")
    metrics = dict(ours["metadata"].get("metrics", {})) if ours else {}
    try:
        with ctx.transaction() as session:
            version = service.register_model(
                session,
                ctx.storage,
                files,
                name=name,
                model_id=model_id,
                lineage=lineage | {"config": model.config.name, "software": software_version()},
                metrics=metrics,
                builtin=builtin,
            )
            if builtin:
                service.adopt_default(session, version)
    except JobLost:
        raise
    except BaseException:
        service.forget_files(ctx.storage, model_id)
        raise
    ctx.progress(3, 3, "Registered")
    return {"model_id": str(model_id)}


@periodic("registry.default", every_s=10.0)
def keep_default_registered(session: Session) -> None:
    """The packaged model is there from the first start on."""
    service.ensure_default_model(session)


# Embeddings


@handler(EMBED_KIND, queue="embed")
def embed(ctx: JobContext) -> dict[str, Any]:
    """Embeds what a dataset lacks under one encoder."""
    dataset_id, model_id = uuid.UUID(ctx.payload["dataset_id"]), uuid.UUID(ctx.payload["model_id"])
    return embed_images(ctx, dataset_id, model_id, ctx.progress, wanted_only=ctx.payload.get("wanted_only", False))


def embed_images(
    ctx: JobContext,
    dataset_id: uuid.UUID,
    model_id: uuid.UUID,
    tell: Callable[[int, int, str], None],
    *,
    wanted_only: bool = False,
    minutes: float = math.inf,
) -> dict[str, Any]:
    """Embeds what the dataset lacks under the model's encoder, for at most `minutes`, sharing the work with every other
    job that does the same. The model need not be active. `tell` gets (done, total, sentence).
    """
    # Who ends after some time must not leave others behind that do not.
    run = _EmbedRun(ctx, dataset_id, model_id, wanted_only=wanted_only, may_be_helped=minutes == math.inf)
    try:
        run.loop(tell, time.monotonic() + 60 * minutes)
    except JobLost:
        raise
    except (JobCancelled, JobInterrupted):
        run.give_back(tried=False)
        raise
    except Exception:
        run.give_back(tried=True)
        raise
    return {"embedded": run.embedded, "failed": run.failed}


class _EmbedRun:
    """One run of the embedding job: claim a few images, embed them together, store each by itself, again."""

    def __init__(
        self, ctx: JobContext, dataset_id: uuid.UUID, model_id: uuid.UUID, *, wanted_only: bool, may_be_helped: bool
    ) -> None:
        self.ctx = ctx
        self.dataset_id = dataset_id
        self.wanted_only = wanted_only
        self.embedded = 0
        self.failed = 0
        self.surprises = 0
        with ctx.transaction() as session:
            self.model = service.get_model(session, model_id)
            self.encoder_sha256 = self.model.encoder_sha256
            state = embeddings.progress(session, self.dataset_id, self.encoder_sha256)
            if state.total - state.done > HELP_FROM and not self.wanted_only and may_be_helped:
                # One more job waits for a free worker; a worker that finds nothing left ends at once.
                embeddings.enqueue(session, self.dataset_id, self.model)
        self.batch = max(1, BATCH_PIXELS // self.model.image_size**2)

    def loop(self, tell: Callable[[int, int, str], None], end: float) -> None:
        """Until nothing is left to claim, or the clock says `end`."""
        while time.monotonic() < end and (taken := self._claim()):
            images = self._read(taken)
            if images:
                self._embed(images)
            with self.ctx.transaction() as session:
                state = embeddings.progress(session, self.dataset_id, self.encoder_sha256)
            tell(state.done, state.total, str(state))
            self.ctx.check()
        self._finish()

    def give_back(self, *, tried: bool) -> None:
        """Leaves what was claimed to other jobs. Best effort: what cannot be given back now runs out."""
        try:
            with self.ctx.transaction() as session:
                claims.release(session, self.ctx.job_id, tried=tried)
        except (JobLost, SQLAlchemyError) as error:
            logger.warning("job %s keeps its claims until they run out: %s", self.ctx.job_id, error)

    def _claim(self) -> list[Claim]:
        with self.ctx.transaction() as session:
            return claims.claim(
                session,
                self.ctx.job_id,
                self.dataset_id,
                self.encoder_sha256,
                self.batch,
                wanted_only=self.wanted_only,
            )

    def _read(self, taken: list[Claim]) -> "list[tuple[Claim, NDArray[np.uint8]]]":
        images = []
        for claim in taken:
            try:
                images.append((claim, read_rgb(self.ctx.storage, claim.image_sha256)))
            except NotFound:
                self._fail(claim, "its file is missing in the storage.")
            except (OSError, SyntaxError, ValueError, EOFError, Pictures.DecompressionBombError) as error:
                self._fail(claim, f"its file cannot be decoded ({error}).")
        return images

    def _embed(self, images: "list[tuple[Claim, NDArray[np.uint8]]]") -> None:
        """Together; one by one if that fails, so that one image's trouble stays its own."""
        try:
            files = self._encode(images)
        except Exception as error:
            if len(images) > 1:
                for image in images:
                    self._embed([image])
                return
            self._surprise(images[0][0], error)
            return
        self.surprises = 0
        for (claim, _), data in zip(images, files, strict=True):
            self._store(claim, data)

    def _encode(self, images: "list[tuple[Claim, NDArray[np.uint8]]]") -> list[bytes]:
        """The embedding files of the images."""
        import torch

        from engine.predict.embedding import EmbeddingMeta, encode

        sam = loaded_model(self.ctx.storage, self.model)
        with torch.inference_mode():
            embedded = sam.embed(sam.preprocess([rgb for _, rgb in images])).float().cpu().numpy()
        files = []
        for (claim, rgb), values in zip(images, embedded, strict=True):
            meta = EmbeddingMeta(
                encoder_sha256=self.encoder_sha256,
                image_sha256=claim.image_sha256,
                image_size=self.model.image_size,
                original_size=(rgb.shape[0], rgb.shape[1]),
            )
            files.append(encode(values, meta, dtype=EMBEDDING_DTYPE))
        return files

    def _store(self, claim: Claim, data: bytes) -> None:
        with self.ctx.transaction() as session:
            stored = claims.store(
                session, self.ctx.storage, self.ctx.job_id, claim.image_sha256, self.encoder_sha256, data
            )
        self.embedded += stored

    def _fail(self, claim: Claim, reason: str) -> None:
        logger.warning("image %s (%s) cannot be embedded: %s", claim.image_id, claim.file_name, reason)
        with self.ctx.transaction() as session:
            claims.fail(session, self.ctx.job_id, claim.image_sha256, self.encoder_sha256, reason)
        self.failed += 1

    def _surprise(self, claim: Claim, error: Exception) -> None:
        """An image the encoder fails on is broken; several in a row mean that the encoder or the machine is."""
        if isinstance(error, DomainError | EngineError):
            self._fail(claim, str(error))
            return
        self.surprises += 1
        if self.surprises >= MAX_SURPRISES:
            raise error
        logger.warning("embedding %s failed", claim.file_name, exc_info=error)
        self._fail(claim, f"the encoder failed on it ({type(error).__name__}: {error}).")

    def _finish(self) -> None:
        """Whoever embeds the last image says so; a second attempt says it again, in case the first could not."""
        with self.ctx.transaction() as session:
            state = embeddings.progress(session, self.dataset_id, self.encoder_sha256)
            if state.done < state.total or not (self.embedded or self.failed or self.ctx.attempt > 1):
                return
            events.emit(
                session,
                "dataset.embedded",
                dataset_id=self.dataset_id,
                encoder_sha256=self.encoder_sha256,
                model_id=self.model.id,
                ready=state.ready,
                failed=state.failed,
            )


@handler(FORGET_KIND, queue="io")
def remove_embeddings(ctx: JobContext) -> dict[str, Any]:
    """Removes what was computed from images that are gone."""
    sha256s: list[str] = ctx.payload["sha256s"]
    removed = 0
    for start in range(0, len(sha256s), 100):
        with ctx.transaction() as session:
            removed += embeddings.forget(session, ctx.storage, sha256s[start : start + 100])
        ctx.check()
    return {"removed": removed}


@handler(OUTDATED_KIND, queue="io")
def remove_outdated(ctx: JobContext) -> dict[str, Any]:
    """Removes the embeddings that nothing uses any more, a batch at a time."""
    with ctx.transaction() as session:
        found = retention.outdated(session)
    removed, total = 0, sum(found.values())
    for encoder in found:
        while True:
            with ctx.transaction() as session:
                withdrawn = retention.withdraw(session, encoder, REMOVED_AT_ONCE)
            with ctx.transaction() as session:
                gone = retention.remove(session, ctx.storage, encoder, REMOVED_AT_ONCE)
            if not withdrawn and not gone:
                break
            removed += gone
            ctx.progress(removed, max(removed, total), f"{removed} removed")
            ctx.check()
    return {"removed": removed}


@periodic("registry.retention", every_s=3600.0)
def keep_to_retention(session: Session) -> None:
    """What an activation left because it was still in use then."""
    retention.remove_later(session)


def read_rgb(storage: Storage, image_sha256: str) -> "NDArray[np.uint8]":
    """The stored image, upright, as uint8 RGB (h, w, 3)."""
    with storage.open(image_key(image_sha256)) as file, Pictures.open(file) as picture:
        return np.asarray(picture.convert("RGB"))
