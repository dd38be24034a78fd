"""Leases against a real Postgres: nobody shares an image, nothing stays stuck, nothing is lost."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from backend.accounts.models import User
from backend.annotation import leases
from backend.annotation.models import Task, TaskState
from backend.annotation.tasks import return_expired
from backend.core.db import Database, utcnow
from backend.core.errors import Conflict, NotFound
from backend.core.storage import Storage
from backend.datasets.models import Dataset, Image
from backend.registry.models import Embedding, EmbeddingState
from tests.factories.records import make_dataset, make_image, make_model, make_user


@pytest.fixture
def scene(database: Database) -> tuple[uuid.UUID, list[uuid.UUID], list[User]]:
    """A dataset of six images and four annotators."""
    with database.transaction() as session:
        dataset = make_dataset(session)
        images = [make_image(session, dataset).id for _ in range(6)]
        return dataset.id, images, [make_user(session) for _ in range(4)]


def expire(database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(Task).values(leased_until=utcnow() - timedelta(seconds=1)))


def image_states(database: Database) -> list[str]:
    with database.transaction() as session:
        return list(session.scalars(select(Image.state).order_by(Image.id)))


def test_tasks_come_in_order_and_the_same_user_keeps_hers(database: Database, scene: Any) -> None:
    dataset_id, images, users = scene
    with database.transaction() as session:
        first = leases.lease(session, dataset_id, users[0])
        assert first is not None
        assert first.image_id == images[0]
        assert first.leased_until > utcnow()
    with database.transaction() as session:
        again = leases.lease(session, dataset_id, users[0])
        other = leases.lease(session, dataset_id, users[1])
        assert again is not None
        assert other is not None
        assert (again.id, other.image_id) == (first.id, images[1])
        assert leases.remaining(session, dataset_id) == 6
    assert image_states(database) == ["leased", "leased", "todo", "todo", "todo", "todo"]


def test_many_annotators_at_once_never_share_an_image(database: Database) -> None:
    with database.transaction() as session:
        dataset = make_dataset(session)
        for _ in range(12):
            make_image(session, dataset)
        users = [make_user(session) for _ in range(12)]
        dataset_id = dataset.id
    barrier = threading.Barrier(12)

    def work(user: User) -> uuid.UUID | None:
        barrier.wait()
        with database.transaction() as session:
            task = leases.lease(session, dataset_id, user)
            return task.image_id if task else None

    with ThreadPoolExecutor(12) as pool:
        got = list(pool.map(work, users))
    taken = [image for image in got if image is not None]
    assert len(taken) == len(set(taken)) == 12


def test_two_tabs_of_one_annotator_get_one_task(database: Database, scene: Any) -> None:
    dataset_id, _, users = scene
    barrier = threading.Barrier(6)

    def work(_: int) -> uuid.UUID:
        barrier.wait()
        with database.transaction() as session:
            task = leases.lease(session, dataset_id, users[0])
            assert task is not None
            return task.id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(work, range(6)))) == 1


def test_embedded_images_come_first_and_broken_ones_not_at_all(
    database: Database, storage: Storage, scene: Any
) -> None:
    dataset_id, images, users = scene
    with database.transaction() as session:
        model = make_model(session, storage)
        session.get_one(Dataset, dataset_id).active_model_id = model.id
        # What of an image is embedded in detail, or could not be, does not count.
        for index, state, detail in (
            (3, EmbeddingState.READY, "0-0-0"),
            (3, EmbeddingState.FAILED, "1-0-0"),
            (0, EmbeddingState.FAILED, "0-0-0"),
            (0, EmbeddingState.READY, "1-0-0"),
            (1, EmbeddingState.PENDING, "0-0-0"),
            (2, EmbeddingState.FAILED, "1-0-0"),
        ):
            sha256 = session.get_one(Image, images[index]).sha256
            encoder = model.encoder_sha256
            session.add(Embedding(image_sha256=sha256, encoder_sha256=encoder, state=state, detail=detail))
    order = []
    with database.transaction() as session:
        while (task := leases.lease(session, dataset_id, users[0])) is not None:
            order.append(images.index(task.image_id))
            leases.settle(session, task, users[0], TaskState.DONE, 1.0)
    assert order == [3, 1, 2, 4, 5]
    with database.transaction() as session:
        asked = leases.lease(session, dataset_id, users[0], images[0])
        assert asked is not None
        assert asked.image_id == images[0]


def test_images_that_have_masks_already_come_later(database: Database, scene: Any) -> None:
    dataset_id, images, users = scene
    with database.transaction() as session:
        session.execute(update(Image).where(Image.id == images[0]).values(num_masks=3))
    with database.transaction() as session:
        task = leases.lease(session, dataset_id, users[0])
        assert task is not None
        assert task.image_id == images[1]


def test_heartbeats_renew_and_tell_of_a_lost_lease(database: Database, scene: Any) -> None:
    dataset_id, _, users = scene
    with database.transaction() as session:
        task = leases.lease(session, dataset_id, users[0])
        assert task is not None
    expire(database)
    with database.transaction() as session:
        # Late, but nobody took it meanwhile.
        assert leases.heartbeat(session, task.id, users[0]).leased_until > utcnow()
    expire(database)
    with database.transaction() as session:
        taken = leases.lease(session, dataset_id, users[1])
        assert taken is not None
        assert taken.id == task.id
    with pytest.raises(Conflict) as lost, database.transaction() as session:
        leases.heartbeat(session, task.id, users[0])
    assert lost.value.extra["code"] == "lease_lost"


def test_who_comes_back_first_has_the_image_again(database: Database, scene: Any) -> None:
    dataset_id, _, users = scene
    with database.transaction() as session:
        task = leases.lease(session, dataset_id, users[0])
        assert task is not None
    expire(database)
    with database.transaction() as session:
        return_expired(session)
        assert session.get_one(Task, task.id).state is TaskState.OPEN
    with database.transaction() as session:
        assert leases.heartbeat(session, task.id, users[0]).state is TaskState.LEASED
        leases.release(session, task.id, users[0])
    with pytest.raises(Conflict), database.transaction() as session:
        leases.heartbeat(session, task.id, users[0])


def test_the_clock_returns_what_ran_out(database: Database, scene: Any) -> None:
    dataset_id, _, users = scene
    with database.transaction() as session:
        leases.lease(session, dataset_id, users[0])
        leases.lease(session, dataset_id, users[1])
    with database.transaction() as session:
        return_expired(session)
    assert image_states(database).count("leased") == 2
    expire(database)
    with database.transaction() as session:
        return_expired(session)
    assert image_states(database) == ["todo"] * 6


def test_a_finished_image_can_be_opened_again_and_falls_back_to_finished(database: Database, scene: Any) -> None:
    dataset_id, images, users = scene
    with database.transaction() as session:
        task = leases.lease(session, dataset_id, users[0])
        assert task is not None
        assert leases.settle(session, task, users[0], TaskState.DONE, 12.5)
        assert not leases.settle(session, task, users[0], TaskState.DONE, 12.5), "the same request again counts once"
        assert task.seconds_s == 12.5
        assert leases.remaining(session, dataset_id) == 5
    with database.transaction() as session:
        opened = leases.lease(session, dataset_id, users[1], images[0])
        assert opened is not None
        assert opened.state is TaskState.LEASED
    with database.transaction() as session:
        leases.release(session, task.id, users[0])  # not hers: nothing happens
        assert session.get_one(Task, task.id).state is TaskState.LEASED
        leases.release(session, task.id, users[1])
        assert session.get_one(Task, task.id).state is TaskState.DONE
    assert image_states(database)[0] == "done"


def test_asking_for_what_somebody_else_holds_is_refused(database: Database, scene: Any) -> None:
    dataset_id, images, users = scene
    with database.transaction() as session:
        leases.lease(session, dataset_id, users[0], images[4])
    with pytest.raises(Conflict, match="Somebody else"), database.transaction() as session:
        leases.lease(session, dataset_id, users[1], images[4])
    with pytest.raises(NotFound, match="no such image"), database.transaction() as session:
        leases.lease(session, dataset_id, users[1], uuid.uuid4())


def test_a_returned_image_goes_first(database: Database, scene: Any) -> None:
    dataset_id, images, users = scene
    with database.transaction() as session:
        task = leases.lease(session, dataset_id, users[0], images[5])
        assert task is not None
        leases.settle(session, task, users[0], TaskState.DONE, 1.0)
        leases.reopen(session, images[5])
    assert image_states(database)[5] == "todo"
    with database.transaction() as session:
        task = leases.lease(session, dataset_id, users[1])
        assert task is not None
        assert task.image_id == images[5]


def test_over_http(database: Database, scene: Any, login: Callable[..., Any]) -> None:
    dataset_id, images, _ = scene
    ann = login("annotator")
    task = ann.post("/api/tasks/lease", json={"dataset_id": str(dataset_id)}).json()
    assert task["image"]["id"] == str(images[0])
    assert task["image"]["state"] == "leased"
    assert (task["state"], task["stage"], task["remaining"], task["masks"]) == ("leased", 1, 6, [])
    assert task["model"] is None
    assert task["user_id"] == str(ann.user_id)
    beat = ann.post(f"/api/tasks/{task['id']}/heartbeat").json()
    assert beat["leased_until"] >= task["leased_until"]
    other = login("annotator", "other@example.org")
    refused = other.post("/api/tasks/lease", json={"dataset_id": str(dataset_id), "image_id": str(images[0])})
    assert (refused.status_code, refused.json()["code"]) == (409, "leased")
    lost = other.post(f"/api/tasks/{task['id']}/heartbeat")
    assert (lost.status_code, lost.json()["code"]) == (409, "lease_lost")
    done = ann.post(f"/api/tasks/{task['id']}/complete", json={"seconds_s": 30, "skipped": True}).json()
    assert (done["state"], done["image"]["state"], done["remaining"]) == ("skipped", "skipped", 5)
    assert ann.get(f"/api/tasks/{task['id']}").json()["state"] == "skipped"
    second = ann.post("/api/tasks/lease", json={"dataset_id": str(dataset_id)}).json()
    assert ann.post(f"/api/tasks/{second['id']}/release").status_code == 204
    with database.transaction() as session:
        session.execute(update(Task).values(state=TaskState.DONE))
    assert ann.post("/api/tasks/lease", json={"dataset_id": str(dataset_id)}).status_code == 204
    assert ann.post("/api/tasks/lease", json={"dataset_id": str(uuid.uuid4())}).status_code == 404
