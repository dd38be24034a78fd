"""Model versions and embeddings over HTTP.

Graphs and embeddings never change under their address, so browsers keep them for good and ask no more.
"""

import uuid
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.concurrency import run_in_threadpool

from backend.accounts.dependencies import AdminUploader, AdminUser, AnnotatorUser, RuntimeDep
from backend.core.db import SessionDep
from backend.core.download import send_stored
from backend.core.errors import Invalid, NotReady, problem_responses, render
from backend.core.jobs import Job, JobOut
from backend.core.runtime import Runtime
from backend.datasets import quarantine
from backend.datasets.upload import receive
from backend.registry import embeddings, service
from backend.registry.schemas import ActivateIn, ModelList, ModelOut
from engine.geometry import WHOLE, Detail

router = APIRouter(prefix="/api", tags=["models"])

_BINARY = "application/octet-stream"
_FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {_BINARY: {}}, "description": "the file"},
    304: {"description": "the client has this file already"},
}

_UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "name"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "a .safetensors model of Maskloom, or a released sam_vit_*.pth",
                        },
                        "name": {"type": "string", "minLength": 1, "maxLength": 200},
                    },
                }
            }
        },
    }
}


@router.get("/models", summary="List model versions", response_model=ModelList, responses=problem_responses())
def list_models(_: AnnotatorUser, session: SessionDep) -> ModelList:
    """Newest first."""
    used = service.active_in(session)
    return ModelList(items=[ModelOut.of(model, used.get(model.id, [])) for model in service.list_models(session)])


@router.get(
    "/models/{model_id}", summary="Read a model version", response_model=ModelOut, responses=problem_responses(404)
)
def read_model(model_id: uuid.UUID, _: AnnotatorUser, session: SessionDep) -> ModelOut:
    """Its encoder, decoder, figures, and where its graphs are."""
    return _out(session, model_id)


@router.post(
    "/models",
    summary="Upload a checkpoint",
    response_model=JobOut,
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(413, 507),
    openapi_extra=_UPLOAD_BODY,
)
async def upload_model(user_id: AdminUploader, request: Request, runtime: RuntimeDep) -> JobOut:
    """The file waits in quarantine until the returned job has checked it; its result names the model version.

    A file that is no usable checkpoint fails the job with the reason and leaves nothing behind.
    """
    upload, fields = await receive(request, runtime.settings)
    return await run_in_threadpool(_request_upload, runtime, upload, fields.get("name", "").strip(), user_id)


def _request_upload(runtime: Runtime, upload: str, name: str, user_id: uuid.UUID) -> JobOut:
    try:
        files = quarantine.read(runtime.settings, upload)
        if len(files) != 1 or not 0 < len(name) <= 200:
            raise Invalid("Send one checkpoint as 'file', and a 'name' of at most 200 characters for it.")
        file_name = PurePosixPath(files[0].name).name
        path = service.keep_upload(runtime.settings, files[0].path, file_name)
    finally:
        quarantine.remove(runtime.settings, upload)
    try:
        # A transaction of its own: none was held open while the file came in.
        with runtime.database.transaction() as session:
            job = service.request_upload(session, path=path, name=name, file_name=file_name, user_id=user_id)
        return JobOut.model_validate(job)
    except BaseException:
        service.discard_upload(path)
        raise


@router.post(
    "/models/{model_id}/activate",
    summary="Use a model version in a dataset",
    response_model=ModelOut,
    responses=problem_responses(404),
)
def activate_model(model_id: uuid.UUID, body: ActivateIn, _: AdminUser, session: SessionDep) -> ModelOut:
    """Open pages take it over at their next image. A version with another encoder has the images embedded again."""
    service.activate(session, body.dataset_id, model_id)
    return _out(session, model_id)


@router.post(
    "/models/{model_id}/embed",
    summary="Embed what a dataset lacks, broken images again included",
    response_model=JobOut,
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(404),
)
def embed_dataset(model_id: uuid.UUID, body: ActivateIn, _: AdminUser, session: SessionDep) -> Job:
    """Happens by itself after an import or an activation; this is for images that could not be embedded then."""
    return embeddings.retry(session, body.dataset_id, service.get_model(session, model_id))


@router.get(
    "/models/{model_id}/checkpoint",
    summary="Download a version's weights",
    response_class=Response,
    responses={**_FILE_RESPONSES, **problem_responses(404)},
)
def read_checkpoint(
    model_id: uuid.UUID, _: AnnotatorUser, session: SessionDep, runtime: RuntimeDep, request: Request
) -> Response:
    """Encoder, decoder and detector, for `engine.load(FILE)` and `maskloom generate --model FILE`."""
    model = service.get_model(session, model_id)
    return send_stored(
        request,
        runtime.storage,
        model.weights_key,
        etag=model.weights_sha256,
        media_type=_BINARY,
        file_name=f"{model.name}.safetensors",
    )


@router.get(
    "/models/{model_id}/prepare.onnx",
    summary="Download the once-per-image graph",
    response_class=Response,
    responses={**_FILE_RESPONSES, **problem_responses(404)},
)
def read_prepare(
    model_id: uuid.UUID, _: AnnotatorUser, session: SessionDep, runtime: RuntimeDep, request: Request
) -> Response:
    """Turns an embedding into all that the decoder can know before a prompt."""
    model = service.get_model(session, model_id)
    return send_stored(request, runtime.storage, model.prepare_key, etag=model.prepare_sha256, media_type=_BINARY)


@router.get(
    "/models/{model_id}/decode.onnx",
    summary="Download the per-click graph",
    response_class=Response,
    responses={**_FILE_RESPONSES, **problem_responses(404)},
)
def read_decode(
    model_id: uuid.UUID, _: AnnotatorUser, session: SessionDep, runtime: RuntimeDep, request: Request
) -> Response:
    """Turns prompts into low_res logits and predicted IoU."""
    model = service.get_model(session, model_id)
    return send_stored(request, runtime.storage, model.decode_key, etag=model.decode_sha256, media_type=_BINARY)


@router.get(
    "/images/{image_id}/embedding",
    summary="Download an image's embedding",
    response_class=Response,
    responses={**_FILE_RESPONSES, **problem_responses(404, 409)},
)
def read_embedding(
    image_id: uuid.UUID,
    _: AnnotatorUser,
    session: SessionDep,
    runtime: RuntimeDep,
    request: Request,
    encoder: Annotated[str, Query(pattern="^[0-9a-f]{64}$", description="`encoder_sha256` of the model in use")],
    detail: Annotated[
        str,
        Query(
            pattern="^[0-9]{1,2}-[0-9]{1,3}-[0-9]{1,3}$",
            description="level, row and column of a part of the image (`engine.geometry.Detail`)",
        ),
    ] = WHOLE.key,
) -> Response:
    """A safetensors file (see `engine/predict/embedding.py`). 409 `not_ready` while it is being made: ask again."""
    model = service.model_for_encoder(session, encoder)
    part = Detail.parse(detail)
    embedding = embeddings.ready_for_image(session, runtime.storage, image_id, model, part)
    if embedding is None:
        # Answered, not raised: raising would undo the request's transaction, and with it the place in the queue.
        embeddings.want(session, image_id, model, part)
        return render(NotReady(embeddings.NOT_READY, image_id=image_id))
    assert embedding.storage_key is not None, "a ready embedding has a file"
    assert embedding.content_sha256 is not None, "a ready embedding has a hash"
    return send_stored(
        request,
        runtime.storage,
        embedding.storage_key,
        etag=embedding.content_sha256,
        media_type=_BINARY,
        shrinks=True,
    )


def _out(session: SessionDep, model_id: uuid.UUID) -> ModelOut:
    return ModelOut.of(service.get_model(session, model_id), service.active_in(session).get(model_id, []))
