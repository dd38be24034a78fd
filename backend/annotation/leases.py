"""Who works on which image: tasks and their leases. Masks are in `service`.

A lease is a row's `user_id` and `leased_until`, taken with FOR UPDATE SKIP LOCKED so that annotators never wait for
each other and never get the same image, renewed by a heartbeat, and returned when it runs out. A lease that ran out
still counts as the annotator's until somebody else takes the image: an hour offline loses nothing.
"""

import uuid
from datetime import timedelta

from sqlalchemy import ColumnElement, false, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.accounts.models import User
from backend.annotation.models import Task, TaskState
from backend.core import events
from backend.core.db import utcnow
from backend.core.errors import Conflict, NotFound
from backend.datasets import service as datasets
from backend.datasets.models import Dataset, Image
from backend.registry import embeddings
from backend.registry import service as registry
from backend.registry.models import Embedding, EmbeddingState, ModelVersion

LEASE = timedelta(minutes=5)
OPEN_STATES = (TaskState.OPEN, TaskState.LEASED)


def lease(session: Session, dataset_id: uuid.UUID, user: User, image_id: uuid.UUID | None = None) -> Task | None:
    """A task for `user`: the one held already, else the next free one, else None. `image_id` asks for a certain
    image.

    Order: images sent back by review, images whose embedding is ready, images without masks, then as imported. Images
    that cannot be embedded are left to whoever asks for them by id.
    """
    dataset = datasets.get_dataset(session, dataset_id)
    # Two tabs of one person get one task: their requests go one after the other.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"lease:{user.id}:{dataset_id}", 0))))
    ensure_tasks(session, dataset)
    if image_id is not None:
        return _grant(session, dataset, _asked_for(session, dataset_id, image_id, user), user)
    held = session.scalar(
        select(Task)
        .where(Task.dataset_id == dataset_id, Task.user_id == user.id, Task.state == TaskState.LEASED)
        .order_by(Task.leased_at.desc())
        .limit(1)
        .with_for_update()
    )
    if held is not None:
        return _grant(session, dataset, held, user)
    return_expired(session, dataset_id)
    task = _next_free(session, dataset)
    return None if task is None else _grant(session, dataset, task, user)


def ensure_tasks(session: Session, dataset: Dataset) -> None:
    """Gives every image of the dataset its task. Images are imported without knowing of annotation."""
    images = select(func.count()).select_from(Image).where(Image.dataset_id == dataset.id).scalar_subquery()
    tasks = select(func.count()).select_from(Task).where(Task.dataset_id == dataset.id).scalar_subquery()
    if session.scalar(select(images == tasks)):
        return  # the usual case, and much cheaper than looking for those without one
    missing = (
        select(
            func.gen_random_uuid(),
            Image.dataset_id,
            Image.id,
            literal(TaskState.OPEN.value),
            literal(dataset.stage),
            literal(0.0),
        )
        .outerjoin(Task, Task.image_id == Image.id)
        .where(Image.dataset_id == dataset.id, Task.id.is_(None))
        # One order for everybody: two requests that insert the same rows must not wait for each other in a circle.
        .order_by(Image.id)
    )
    columns = ["id", "dataset_id", "image_id", "state", "stage", "seconds_s"]
    session.execute(insert(Task).from_select(columns, missing, include_defaults=False).on_conflict_do_nothing())


def _asked_for(session: Session, dataset_id: uuid.UUID, image_id: uuid.UUID, user: User) -> Task:
    task = session.scalar(
        select(Task).where(Task.image_id == image_id, Task.dataset_id == dataset_id).with_for_update()
    )
    if task is None:
        raise NotFound("There is no such image in this dataset. It may have been deleted; take the next task instead.")
    if is_held_by_another(task, user):
        raise Conflict(
            "Somebody else is annotating this image right now. Take the next task, or try later.", code="leased"
        )
    return task


def _next_free(session: Session, dataset: Dataset) -> Task | None:
    """The first task that nobody has, best kind first: each kind is one look at an index, not a sort of the dataset."""
    model = registry.active_model(session, dataset.id)
    embedded = _has_embedding(model, EmbeddingState.READY)
    usable = ~_has_embedding(model, EmbeddingState.FAILED)
    fresh = Image.num_masks == 0
    kinds = (
        (Task.returned_at.is_not(None) & usable, Task.returned_at),
        (embedded & fresh, Task.image_id),
        (embedded, Task.image_id),
        (usable & fresh, Task.image_id),
        (usable, Task.image_id),
    )
    free = (
        select(Task)
        .join(Image, Image.id == Task.image_id)
        .where(Task.dataset_id == dataset.id, Task.state == TaskState.OPEN)
        .limit(1)
        .with_for_update(of=Task, skip_locked=True)
    )
    for kind, order in kinds:
        task = session.scalar(free.where(kind).order_by(order))
        if task is not None:
            return task
    return None


def _has_embedding(model: ModelVersion | None, state: EmbeddingState) -> ColumnElement[bool]:
    """The condition for images whose embedding under the model's encoder is in this state."""
    if model is None:
        return false()
    return (
        select(Embedding.id)
        .where(embeddings.belongs(model.encoder_sha256), Embedding.state == state)
        .correlate(Image)
        .exists()
    )


def _grant(session: Session, dataset: Dataset, task: Task, user: User) -> Task:
    now = utcnow()
    fresh = task.state != TaskState.LEASED or task.user_id != user.id
    task.state = TaskState.LEASED
    task.user_id = user.id
    task.leased_until = now + LEASE
    if fresh:
        task.leased_at = now
        task.stage = dataset.stage
        _show_state(session, task)
    session.flush()
    return task


def is_held_by_another(task: Task, user: User) -> bool:
    """Whether somebody else holds an unexpired lease on the task."""
    return (
        task.state == TaskState.LEASED
        and task.user_id != user.id
        and task.leased_until is not None
        and task.leased_until > utcnow()
    )


def get_task(session: Session, task_id: uuid.UUID) -> Task:
    """The task, or NotFound."""
    task = session.get(Task, task_id)
    if task is None:
        raise _no_task()
    return task


def _no_task() -> NotFound:
    return NotFound("There is no such task any more: its image was deleted. Take the next task.")


def locked_task(session: Session, task_id: uuid.UUID) -> Task:
    """The task, locked until the transaction ends; every write on an image's masks goes through this lock."""
    task = session.get(Task, task_id, with_for_update=True, populate_existing=True)
    if task is None:
        raise _no_task()
    return task


def task_of_image(session: Session, image_id: uuid.UUID) -> Task:
    """The image's task, made if it is missing, locked until the transaction ends."""
    image = datasets.get_image(session, image_id)
    query = select(Task).where(Task.image_id == image.id).with_for_update().execution_options(populate_existing=True)
    task = session.scalar(query)
    if task is None:
        ensure_tasks(session, datasets.get_dataset(session, image.dataset_id))
        task = session.scalars(query).one()
    return task


def check_writable(task: Task, user: User) -> None:
    """Conflict "lease_lost" when somebody else is working on the image; otherwise writing loses nobody's work."""
    if is_held_by_another(task, user):
        raise Conflict(
            "Your lease on this image ran out and somebody else is annotating it now, so this was not stored. "
            "Take the next task.",
            code="lease_lost",
        )


def heartbeat(session: Session, task_id: uuid.UUID, user: User) -> Task:
    """Renews the lease, one that ran out too as long as nobody else took the image.

    Conflict "lease_lost" when the task is not the user's any more.
    """
    task = locked_task(session, task_id)
    if task.state == TaskState.OPEN and task.user_id == user.id:
        return _grant(session, datasets.get_dataset(session, task.dataset_id), task, user)
    if task.state != TaskState.LEASED or task.user_id != user.id:
        raise Conflict(
            "You do not hold this task any more: the lease ran out or the task was finished. "
            "What you saved is kept; take the next task.",
            code="lease_lost",
        )
    task.leased_until = utcnow() + LEASE
    session.flush()
    return task


def settle(session: Session, task: Task, user: User, state: TaskState, seconds_s: float) -> bool:
    """Ends the work on a task as done or skipped. False when it was settled before: the same request again."""
    check_writable(task, user)
    if task.state == state:
        return False
    task.state = task.outcome = state
    task.user_id = user.id
    task.leased_at = task.leased_until = task.returned_at = None
    task.completed_at = utcnow()
    task.seconds_s += seconds_s
    _show_state(session, task)
    session.flush()
    return True


def release(session: Session, task_id: uuid.UUID, user: User) -> None:
    """Gives a task back. Not holding it (any more) is no error: the wish is fulfilled."""
    task = locked_task(session, task_id)
    if task.state == TaskState.LEASED and task.user_id == user.id:
        task.user_id = None
        _give_back(session, task)


def return_expired(session: Session, dataset_id: uuid.UUID | None = None) -> int:
    """Gives back every task whose lease ran out, in one dataset or all; how many.

    Skips those being worked on right now.
    """
    query = select(Task).where(Task.state == TaskState.LEASED, Task.leased_until < utcnow())
    if dataset_id is not None:
        query = query.where(Task.dataset_id == dataset_id)
    tasks = session.scalars(query.with_for_update(skip_locked=True)).all()
    for task in tasks:
        _give_back(session, task)
    return len(tasks)


def reopen(session: Session, image_id: uuid.UUID) -> Task:
    """Sends an image back to the queue. Somebody who is working on it right now keeps it."""
    task = task_of_image(session, image_id)
    task.outcome = None
    task.returned_at = utcnow()
    if task.state != TaskState.LEASED:
        task.user_id = None
        _give_back(session, task)
    return task


def _give_back(session: Session, task: Task) -> None:
    """`user_id` stays after a lease ran out: if it is the first to come back, the same user has it again."""
    task.state = task.outcome or TaskState.OPEN
    task.leased_at = task.leased_until = None
    _show_state(session, task)
    session.flush()


def _show_state(session: Session, task: Task) -> None:
    """Keeps the image's own state, which listings filter by, equal to its task's; tells open pages."""
    shown = "todo" if task.state == TaskState.OPEN else str(task.state)
    session.execute(update(Image).where(Image.id == task.image_id).values(state=shown))
    events.emit(
        session, "task.updated", dataset_id=task.dataset_id, task_id=task.id, image_id=task.image_id, state=shown
    )


def remaining(session: Session, dataset_id: uuid.UUID) -> int:
    """How many images still wait for, or are in, annotation."""
    return (
        session.scalar(
            select(func.count()).select_from(Task).where(Task.dataset_id == dataset_id, Task.state.in_(OPEN_STATES))
        )
        or 0
    )
