"""Automatic masks: asking for generation runs and proposals, and keeping account of them. Never commits.

The masks themselves are made in `tasks`, image by image; storing them is `annotation.intake`'s business.
"""

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.annotation.models import Mask, MaskSource, MaskStatus, Task, TaskState
from backend.annotation.service import is_live
from backend.core import events, jobs
from backend.core.db import utcnow
from backend.core.errors import Conflict, Invalid
from backend.core.events import Event
from backend.core.jobs import Job, Work
from backend.datasets import service as datasets
from backend.datasets.models import Image
from backend.generation.models import OPEN_STATES, Generation, GenerationImage, GenerationState, ProposedImage, Totals
from backend.registry import service as registry
from backend.review import service as review
from engine.errors import EngineError
from engine.generate.settings import AUTOMATIC, GeneratorSettings

PROPOSE_KIND = "generation.propose"
# Masks by people from which on nothing larger than the largest of them is expected, and how much larger is too large.
ENOUGH, SPARE = 30, 1.5
PROPOSE_STAGE, GENERATE_STAGE = 2, 3


def _announce(session: Session, row: Generation) -> None:
    session.flush()
    events.emit(
        session,
        "generation.updated",
        dataset_id=row.dataset_id,
        generation_id=row.id,
        state=str(row.state),
        error=row.error,
    )


WORK = Work(
    table=Generation,
    kind="generation.run",
    key="generation_id",
    open_states=OPEN_STATES,
    missing="There is no generation run {}. The dataset's page lists those there are.",
    announce=_announce,
)


def list_generations(session: Session, dataset_id: uuid.UUID) -> Sequence[Generation]:
    """The dataset's runs, newest first."""
    datasets.get_dataset(session, dataset_id)
    query = select(Generation).where(Generation.dataset_id == dataset_id)
    return session.scalars(query.order_by(Generation.created_at.desc(), Generation.id.desc())).all()


def models_in_use() -> Select[uuid.UUID, uuid.UUID]:
    """(dataset id, model id) of the models that unfinished runs generate with.

    Proposals are always those of the active model, and end when another one is activated.
    """
    return select(Generation.dataset_id, Generation.model_id).where(WORK.is_going_on())


def totals(session: Session, generation_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Totals]:
    """Images and masks of each run; runs that did nothing yet have zeros."""
    rows = session.execute(
        select(
            GenerationImage.generation_id,
            func.count(),
            func.count(GenerationImage.error),
            func.coalesce(func.sum(GenerationImage.num_masks), 0),
        )
        .where(GenerationImage.generation_id.in_(generation_ids))
        .group_by(GenerationImage.generation_id)
    )
    found = {row[0]: Totals(images_done=row[1], images_failed=row[2], masks=int(row[3])) for row in rows}
    return {key: found.get(key, Totals(images_done=0, images_failed=0, masks=0)) for key in generation_ids}


# -- generation runs (stage 3) ----------------------------------------------------------------------------------------


def generator_settings(preset: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a preset with single ones changed; Invalid names what is unknown or impossible.

    Of the automatic choice there are none yet: whoever loads the model makes it.
    """
    if preset == AUTOMATIC:
        if changes:
            raise Invalid("Single settings can be changed of a preset only. Name one, such as 'default'.")
        return {}
    try:
        return GeneratorSettings.preset(preset, **changes).to_dict()
    except EngineError as error:
        raise Invalid(str(error)) from error


def start_generation(
    session: Session,
    dataset_id: uuid.UUID,
    *,
    preset: str = AUTOMATIC,
    settings: Mapping[str, Any] | None = None,
    user_id: uuid.UUID | None = None,
) -> Generation:
    """A new run over all images with the active model, and its job. Conflict while another one runs."""
    chosen = generator_settings(preset, settings or {})
    dataset = datasets.get_dataset(session, dataset_id)
    session.refresh(dataset, with_for_update=True)
    running = open_generation(session, dataset_id)
    if running is not None:
        raise Conflict(
            "Masks are being generated for this dataset already. Wait for that run, or cancel its job first.",
            generation_id=str(running.id),
        )
    model = registry.active_model(session, dataset_id)
    if model is None:
        raise registry.no_model_yet(session)
    total = session.scalar(select(func.count(Image.id)).where(Image.dataset_id == dataset_id)) or 0
    if total == 0:
        raise Invalid("This dataset has no images, so there is nothing to generate masks for. Import images first.")
    row = Generation(
        dataset_id=dataset_id,
        model_id=model.id,
        state=GenerationState.queued,
        preset=preset,
        settings=chosen,
        images_total=total,
        created_by=user_id,
    )
    return WORK.start(session, row, f"Generate masks for {dataset.name}")


def open_generation(session: Session, dataset_id: uuid.UUID) -> Generation | None:
    """The dataset's run that is not finished, if there is one."""
    query = select(Generation).where(Generation.dataset_id == dataset_id, Generation.state.in_(OPEN_STATES))
    return session.scalar(query)


def drawn(session: Session, dataset_id: uuid.UUID) -> tuple[float | None, float | None]:
    """Of what people drew or let stand: the usual side in pixels, the root of the median area; and the area that
    nothing here exceeds, with some to spare, once people have drawn enough to know. None: not known.

    People draw large objects first, so the smaller half of what was drawn stands for what was not.
    """
    by_people = [source for source in MaskSource if source != MaskSource.GENERATED]
    areas = review.areas(session, dataset_id, sources=by_people)
    if areas is None:
        return None, None
    return round(math.sqrt(areas.median), 1), SPARE * areas.largest if areas.num_masks >= ENOUGH else None


def choose(session: Session, generation_id: uuid.UUID, settings: GeneratorSettings) -> None:
    """Writes down what the automatic choice came to."""
    WORK.get(session, generation_id, lock=True).settings = settings.to_dict()


def begin(session: Session, generation_id: uuid.UUID, job_id: uuid.UUID) -> Generation:
    """Called by every attempt of the run's job. A failed or cancelled run whose job was retried is opened again."""
    row = WORK.get(session, generation_id, lock=True)
    if row.state == GenerationState.succeeded:
        return row
    other = open_generation(session, row.dataset_id)
    if other is not None and other.id != row.id:
        raise Conflict("Another generation run of this dataset is going on. Wait for it, then try this one again.")
    row.state, row.job_id, row.error, row.finished_at = GenerationState.running, job_id, None, None
    row.images_total = session.scalar(select(func.count(Image.id)).where(Image.dataset_id == row.dataset_id)) or 0
    WORK.announce(session, row)
    return row


def images_left(session: Session, row: Generation) -> Sequence[uuid.UUID]:
    """The images that this run has not done yet, in order of import."""
    done = select(GenerationImage.image_id).where(GenerationImage.generation_id == row.id)
    query = select(Image.id).where(Image.dataset_id == row.dataset_id, Image.id.not_in(done))
    return session.scalars(query.order_by(Image.id)).all()


def record_image(
    session: Session, generation_id: uuid.UUID, image_id: uuid.UUID, *, num_masks: int, error: str | None = None
) -> bool:
    """Marks an image as done by the run.

    False if it was done before (another attempt was faster), and then nothing may be stored.
    """
    values = {"generation_id": generation_id, "image_id": image_id, "num_masks": num_masks, "error": error}
    statement = insert(GenerationImage).values(**values).on_conflict_do_nothing()
    return session.scalar(statement.returning(GenerationImage.image_id)) is not None


def finish(session: Session, generation_id: uuid.UUID) -> Generation:
    """Every image is done."""
    row = WORK.get(session, generation_id, lock=True)
    row.state, row.finished_at = GenerationState.succeeded, utcnow()
    WORK.announce(session, row)
    return row


def standing_masks(
    session: Session, image_id: uuid.UUID, *, include_generated: bool = False
) -> Sequence[dict[str, Any]]:
    """RLEs of the image's masks that people stand for, which automatic masks never repeat; with `include_generated`
    also those of an earlier stage 3, which proposals do not repeat either.
    """
    query = select(Mask.rle).where(
        Mask.image_id == image_id, is_live(), Mask.status.in_([MaskStatus.ACCEPTED, MaskStatus.APPROVED])
    )
    return session.scalars(query if include_generated else query.where(Mask.source != MaskSource.GENERATED)).all()


# -- proposals (stage 2) ----------------------------------------------------------------------------------------------


def request_proposals(session: Session, dataset_id: uuid.UUID) -> Job | None:
    """Queues proposals for the images nobody has begun; None when every one of them has the active model's already."""
    model = registry.active_model(session, dataset_id)
    if model is None or not images_to_propose(session, dataset_id, model.id, limit=1):
        return None
    return jobs.enqueue(
        session,
        PROPOSE_KIND,
        payload={"dataset_id": str(dataset_id)},
        title=f"Propose masks with {model.name}",
        dataset_id=dataset_id,
        dedupe_key=f"{PROPOSE_KIND}:{dataset_id}",
    )


def images_to_propose(
    session: Session, dataset_id: uuid.UUID, model_id: uuid.UUID, *, limit: int | None = None
) -> Sequence[Image]:
    """Images that wait for an annotator and have no proposals of this model yet, in the order they are handed out."""
    query = (
        select(Image)
        .outerjoin(Task, Task.image_id == Image.id)
        .outerjoin(ProposedImage, ProposedImage.image_id == Image.id)
        .where(Image.dataset_id == dataset_id, _waits(), _not_proposed_by(model_id))
        .order_by(Task.returned_at.asc().nulls_last(), Image.id)
    )
    return session.scalars(query.limit(limit)).all()


def _waits() -> ColumnElement[bool]:
    return or_(Task.id.is_(None), Task.state == TaskState.OPEN)


def _not_proposed_by(model_id: uuid.UUID) -> ColumnElement[bool]:
    return or_(ProposedImage.image_id.is_(None), ProposedImage.model_id != model_id)


def record_proposals(
    session: Session, image_id: uuid.UUID, model_id: uuid.UUID, *, num_masks: int, error: str | None = None
) -> None:
    """Notes that this model has looked at the image, so that it is not asked again."""
    values = {"model_id": model_id, "num_masks": num_masks, "error": error, "updated_at": utcnow()}
    statement = insert(ProposedImage).values(image_id=image_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=[ProposedImage.image_id], set_=values))


# -- what events set in motion (see backend/pipeline.py)
# ----------------------------------------------------------------


def propose_in_stage_two(session: Session, event: Event) -> None:
    """New embeddings, a new model, a new stage: in stage 2 the waiting images get the active model's proposals."""
    if event.dataset_id is None:
        return
    if datasets.get_dataset(session, event.dataset_id).stage == PROPOSE_STAGE:
        request_proposals(session, event.dataset_id)


def generate_in_stage_three(session: Session, event: Event) -> None:
    """A dataset that enters stage 3 gets its masks. Nothing happens where a run goes on or there are no images yet."""
    if event.dataset_id is None or event.data.get("to_stage") != GENERATE_STAGE:
        return
    try:
        with session.begin_nested():
            start_generation(session, event.dataset_id)
    except (Conflict, Invalid):
        # The stage changes all the same; an admin starts a run once there is something to run on.
        return
