"""The flow of the platform as tables. Reading this file is reading the system.

`JOBS` says on which queue each kind of job runs, `CLOCK` what is due how often, `PIPELINE` what each event sets in
motion. An event's subscribers run in the transaction of the event, so its consequences are committed with it or not at
all. A later step of the chain is reached through these tables, never by import.
"""

from sqlalchemy.orm import Session

from backend.annotation import intake
from backend.annotation import service as annotation
from backend.core import events, jobs
from backend.core.celery import Queue
from backend.core.events import Event
from backend.datasets import service as datasets
from backend.exports import service as exports
from backend.generation import service as generation
from backend.registry import embeddings, retention
from backend.registry import service as registry
from backend.review import service as review
from backend.rounds import service as rounds

JOBS: dict[str, Queue] = {
    "datasets.import": "io",
    "datasets.remove_files": "io",
    "registry.register": "io",
    "registry.embed": "embed",
    "registry.remove_embeddings": "io",
    "registry.remove_outdated": "io",
    "generation.propose": "generate",
    "generation.run": "generate",
    "rounds.run": "train",
    "exports.run": "io",
}


def use_default_model(session: Session, event: Event) -> None:
    """A new dataset starts with the packaged model."""
    if event.dataset_id is not None:
        registry.adopt_if_none(session, event.dataset_id)


def embed_missing(session: Session, event: Event) -> None:
    """Whatever the active model's encoder has not embedded."""
    if event.dataset_id is not None:
        registry.embed_missing(session, event.dataset_id)


def take_imported_masks(session: Session, event: Event) -> None:
    """Masks of a COCO file become accepted masks of their image."""
    intake.import_masks(session, event.data["image_id"], event.data["records"])


def remove_embeddings(session: Session, event: Event) -> None:
    """Embeddings of images that are gone."""
    registry.drop_embeddings_later(session, event.data["sha256s"])


def remove_outdated(session: Session, event: Event) -> None:
    """Embeddings of encoders that the activation left without a use."""
    retention.remove_later(session)


# What runs on the clock, and how often (seconds).
CLOCK: dict[str, float] = {
    "annotation.return_expired": 30,
    "datasets.sweep_uploads": 3600,
    "registry.default": 10,
    "registry.retention": 3600,
    "rounds.schedule": 60,
    "exports.sweep": 3600,
}

PIPELINE: dict[str, tuple[events.Subscriber, ...]] = {
    "dataset.created": (use_default_model,),
    "images.imported": (embed_missing,),
    "masks.imported": (take_imported_masks,),
    "images.deleted": (remove_embeddings,),
    "model.activated": (embed_missing, generation.propose_in_stage_two, remove_outdated),
    "dataset.embedded": (generation.propose_in_stage_two,),
    "stage.changed": (generation.propose_in_stage_two, generation.generate_in_stage_three),
    "job.finished": (rounds.WORK.on_job_finished, generation.WORK.on_job_finished, exports.WORK.on_job_finished),
}


def install() -> None:
    """Makes the tables hold in this process. Installing twice changes nothing."""
    jobs.declare_queues(JOBS)
    # What datasets show of images that only later features know.
    datasets.provide_count("embedded", embeddings.count_embedded)
    datasets.provide_count("masks", annotation.count_masks)
    datasets.provide_count("proposals", annotation.count_proposals)
    datasets.provide_count("to_review", review.count_pending)
    datasets.provide_embedded(embeddings.embedded_images)
    datasets.provide_filter("broken", embeddings.is_broken)
    # What the registry keeps for later features.
    retention.provide_uses("generations", generation.models_in_use())
    retention.provide_uses("rounds", rounds.models_in_use())
    for name, subscribers in PIPELINE.items():
        for subscriber in subscribers:
            events.subscribe(name, subscriber)
