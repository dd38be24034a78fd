"""The jobs that make automatic masks: one image at a time, each image with its own transaction.

What is done is recorded with the masks themselves; so a job that was killed, cancelled or run twice goes on with what
is left and doubles nothing. Here, and only here, this feature meets torch.
"""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from backend.annotation import intake, leases
from backend.annotation.models import TaskState
from backend.core.errors import DomainError, NotFound
from backend.core.jobs import JobContext, handler
from backend.datasets.files import read_rgb
from backend.datasets.models import Image
from backend.generation import service
from backend.generation.models import GenerationState
from backend.generation.overlap import free_of
from backend.registry import embeddings
from backend.registry import service as registry
from backend.registry.models import EmbeddingState, ModelVersion
from backend.registry.tasks import loaded_model
from engine.errors import EngineError
from engine.generate.candidate import MaskRecord
from engine.generate.generator import Drawn, MaskGenerator, automatic_settings
from engine.generate.proposals import proposal_settings, worth_a_look
from engine.generate.settings import GeneratorSettings
from engine.model.sam import Sam
from engine.predict import embedding as embedding_files

logger = logging.getLogger(__name__)

FAILURES_NAMED = 20


class Failures:
    """Images that could not be done: all are counted, the first ones are named in the job's result."""

    def __init__(self) -> None:
        self.count = 0
        self.named: list[dict[str, str]] = []

    def add(self, file_name: str, reason: str) -> None:
        self.count += 1
        if len(self.named) < FAILURES_NAMED:
            self.named.append({"name": file_name, "reason": reason})

    def result(self) -> dict[str, Any]:
        return {"images_failed": self.count, "failures": self.named}


@handler(service.WORK.kind, queue="generate")
def run_generation(ctx: JobContext) -> dict[str, Any]:
    """Generates masks for every image that this run has not done yet."""
    generation_id = uuid.UUID(ctx.payload["generation_id"])
    with ctx.transaction() as session:
        row = service.begin(session, generation_id, ctx.job_id)
        if row.state == GenerationState.succeeded:
            return {"note": "This run had finished before."}
        model = registry.get_model(session, row.model_id)
        left = service.images_left(session, row)
        drawn = Drawn(*service.drawn(session, row.dataset_id))
        total = row.images_total
    sam = loaded_model(ctx.storage, model)
    settings = GeneratorSettings.from_dict(row.settings) if row.settings else automatic_settings(sam, drawn)
    with ctx.transaction() as session:
        service.choose(session, generation_id, settings)
    generator = MaskGenerator(sam, settings)
    failures, masks = Failures(), 0
    for done, image_id in enumerate(left, start=total - len(left)):
        ctx.check()
        with ctx.transaction() as session:
            image = session.get(Image, image_id)
        if image is None:  # deleted meanwhile
            continue
        ctx.progress(done, total, f"{image.file_name} ({masks} masks so far)")
        records, error = _attempt(image, partial(_generate, ctx, generator, model, image))
        if error:
            failures.add(image.file_name, error)
        with ctx.transaction() as session:
            if session.get(Image, image_id) is None:
                continue
            taken = service.standing_masks(session, image_id)
            kept = [records[index] for index in free_of([record["segmentation"] for record in records], taken)]
            if not service.record_image(session, generation_id, image_id, num_masks=len(kept), error=error):
                continue
            if error is None:
                intake.add_generated(session, image_id, model.id, kept)
            masks += len(kept)
    with ctx.transaction() as session:
        service.finish(session, generation_id)
        totals = service.totals(session, [generation_id])[generation_id]
    ctx.progress(total, total, f"{totals.masks} masks on {totals.images_done - totals.images_failed} images")
    return {"images": totals.images_done, "masks": totals.masks, **failures.result()}


@handler(service.PROPOSE_KIND, queue="generate")
def run_proposals(ctx: JobContext) -> dict[str, Any]:
    """Proposes the active model's confident masks on every image that waits for an annotator."""
    dataset_id = uuid.UUID(ctx.payload["dataset_id"])
    with ctx.transaction() as session:
        model = registry.active_model(session, dataset_id)
        waiting = service.images_to_propose(session, dataset_id, model.id) if model is not None else []
        drawn = Drawn(*service.drawn(session, dataset_id))
    if model is None or not waiting:
        return {"images": 0, "masks": 0, "note": "Every waiting image has this model's proposals already."}
    sam = loaded_model(ctx.storage, model)
    failures, masks = Failures(), 0
    for done, image in enumerate(waiting):
        ctx.check()
        ctx.progress(done, len(waiting), f"{image.file_name} ({masks} proposals so far)")
        with ctx.transaction() as session:
            active = registry.active_model(session, dataset_id)
            taken = service.standing_masks(session, image.id, include_generated=True)
            embedding = embeddings.find(session, image.sha256, model.encoder_sha256)
        if active is None or active.id != model.id:
            break  # another model was activated, and its own job follows this one
        if embedding is None or embedding.state != EmbeddingState.READY:
            continue  # once it is embedded, `dataset.embedded` asks for proposals again
        records, error = _attempt(image, partial(_propose, ctx, sam, model, image, drawn, taken))
        if error:
            failures.add(image.file_name, error)
        with ctx.transaction() as session:
            # Deleted, or taken by an annotator meanwhile: its page must not change.
            if session.get(Image, image.id) is None:
                continue
            if leases.task_of_image(session, image.id).state != TaskState.OPEN:
                continue
            stored = intake.add_proposals(session, image.id, model.id, records)
            service.record_proposals(session, image.id, model.id, num_masks=stored, error=error)
            masks += stored
    ctx.progress(len(waiting), len(waiting), f"{masks} proposals on {len(waiting)} images")
    return {"images": len(waiting), "masks": masks, **failures.result()}


def _attempt(image: Image, make: Callable[[], list[MaskRecord]]) -> tuple[list[MaskRecord], str | None]:
    """The records, or none and the reason: one bad image must not stop the others."""
    try:
        return make(), None
    except (EngineError, DomainError) as error:
        logger.warning("no masks for %s: %s", image.file_name, error)
        return [], str(error)


def _generate(ctx: JobContext, generator: MaskGenerator, model: ModelVersion, image: Image) -> list[MaskRecord]:
    """From the cached embedding where the settings look at the whole image only; crops need the pixels."""
    if generator.settings.crop_n_layers == 0:
        with ctx.transaction() as session:
            embedding = embeddings.find(session, image.sha256, model.encoder_sha256)
        if embedding is not None and embedding.state == EmbeddingState.READY:
            try:
                content = embeddings.read(ctx.storage, embedding)
            except NotFound:
                logger.info("the embedding of %s is gone from the storage; using its pixels", image.file_name)
            else:
                array = embedding_files.decode(content)[0]
                return generator.generate_from_embedding(array, (image.height, image.width), name=image.file_name)
    return generator.generate(read_rgb(ctx.storage, image.sha256), name=image.file_name)


def _propose(
    ctx: JobContext, sam: Sam, model: ModelVersion, image: Image, drawn: Drawn, taken: Sequence[Mapping[str, Any]]
) -> list[MaskRecord]:
    size = (image.height, image.width)
    generator = MaskGenerator(sam, proposal_settings(sam, size, drawn))
    return worth_a_look(_generate(ctx, generator, model, image), size, taken)
