"""The registry's jobs: checking and packaging models, embedding images. Here, and only here, the registry meets torch.

`loaded_model`, `package_model`, `embed_images` and `encode_images` serve the other features' jobs too.
"""

import math
import shutil
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.orm import Session

from backend.core.errors import NotFound
from backend.core.jobs import JobContext, JobInterrupted, JobLost, handler, periodic
from backend.core.software import software_version
from backend.core.storage import Storage
from backend.registry import embeddings, retention, service
from backend.registry.embed_run import EmbedRun, Picture
from backend.registry.embeddings import EMBED_KIND
from backend.registry.models import ModelVersion
from backend.registry.retention import OUTDATED_KIND
from backend.registry.service import FORGET_KIND, REGISTER_KIND, ModelFiles

if TYPE_CHECKING:
    from engine.model.sam import Sam

CACHED_MODELS = 2
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

    def encode(model: ModelVersion, pictures: Sequence[Picture]) -> list[bytes]:
        return encode_images(loaded_model(ctx.storage, model), model, pictures)

    run = EmbedRun(ctx, dataset_id, model_id, encode, wanted_only=wanted_only, minutes=minutes)
    return run.run(tell)


def encode_images(sam: "Sam", version: ModelVersion, pictures: Sequence[Picture]) -> list[bytes]:
    """The embedding files of pictures, encoded together; `sam` has the version's weights."""
    import torch

    from engine.predict.embedding import EmbeddingMeta, encode

    with torch.inference_mode():
        embedded = sam.embed(sam.preprocess([picture.rgb for picture in pictures])).float().cpu().numpy()
    files = []
    for picture, values in zip(pictures, embedded, strict=True):
        meta = EmbeddingMeta(
            encoder_sha256=version.encoder_sha256,
            image_sha256=picture.image_sha256,
            detail=picture.detail.key,
            image_size=version.image_size,
            original_size=(picture.rgb.shape[0], picture.rgb.shape[1]),
        )
        files.append(encode(values, meta, dtype=EMBEDDING_DTYPE))
    return files


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
