"""Masks: any write may come twice, late or at once with another, and nothing is lost or doubled."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from backend.annotation.models import Mask, MaskTombstone, Task
from backend.core.db import Database, utcnow, uuid7
from backend.core.storage import Storage
from backend.datasets.models import Image
from tests.factories.records import box_rle, make_dataset, make_image, make_model

Login = Callable[..., Any]


class Desk:
    """An annotator with a leased image."""

    def __init__(self, client: Any, dataset_id: uuid.UUID, image_id: uuid.UUID | None = None) -> None:
        self.client = client
        wanted = {"dataset_id": str(dataset_id), **({"image_id": str(image_id)} if image_id else {})}
        self.task = client.post("/api/tasks/lease", json=wanted).json()
        self.image_id = self.task["image"]["id"]

    def body(self, revision: int = 1, **values: Any) -> dict[str, Any]:
        body = {
            "task_id": self.task["id"],
            "image_id": self.image_id,
            "revision": revision,
            "rle": box_rle(4, 6, 20, 16),
            "source": "model",
            "prompts": [{"type": "point", "x": 10.5, "y": 9, "label": 1}, {"type": "box", "box": [4, 6, 20, 16]}],
            "candidate": 2,
            "num_clicks": 1,
            "seconds_s": 2.5,
            "predicted_iou": 0.9,
        }
        return {**body, **values}

    def put(self, mask_id: Any, revision: int = 1, **values: Any) -> Any:
        return self.client.put(f"/api/masks/{mask_id}", json=self.body(revision, **values))

    def delete(self, mask_id: Any, revision: int) -> Any:
        return self.client.delete(f"/api/masks/{mask_id}", params={"revision": revision})

    def masks(self) -> list[dict[str, Any]]:
        return self.client.get(f"/api/images/{self.image_id}/masks").json()["items"]


@pytest.fixture
def dataset_id(database: Database) -> uuid.UUID:
    with database.transaction() as session:
        dataset = make_dataset(session)
        for _ in range(3):
            make_image(session, dataset)
        return dataset.id


@pytest.fixture
def desk(login: Login, dataset_id: uuid.UUID) -> Desk:
    return Desk(login("annotator"), dataset_id)


def expire(database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(Task).values(leased_until=utcnow() - timedelta(seconds=1)))


def test_a_mask_is_stored_with_all_that_replays_it(desk: Desk, database: Database) -> None:
    mask_id = uuid7()
    answer = desk.put(mask_id)
    assert answer.status_code == 200, answer.text
    mask = answer.json()
    assert mask["bbox"] == [4, 6, 15, 9], "SA-1B's convention, without +1"
    assert mask["area"] == 160
    assert (mask["source"], mask["status"], mask["stage"], mask["revision"]) == ("model", "accepted", 1, 1)
    assert (mask["num_clicks"], mask["seconds_s"], mask["candidate"], mask["predicted_iou"]) == (1, 2.5, 2, 0.9)
    assert mask["prompts"] == desk.body()["prompts"]
    assert mask["user_id"] == str(desk.client.user_id)
    assert desk.client.get(f"/api/masks/{mask_id}").json() == mask
    assert desk.masks() == [mask]
    with database.transaction() as session:
        assert session.get_one(Image, uuid.UUID(desk.image_id)).num_masks == 1


def test_the_same_write_again_changes_nothing(desk: Desk) -> None:
    mask_id = uuid7()
    first = desk.put(mask_id).json()
    assert desk.put(mask_id).json() == first


def test_the_same_write_many_times_at_once_is_one_row(desk: Desk, database: Database) -> None:
    mask_id, barrier = uuid7(), threading.Barrier(8)

    def put(_: int) -> Any:
        barrier.wait()
        return desk.put(mask_id)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(put, range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json() == answers[0].json() for answer in answers)
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Mask)) == 1


def test_different_writes_of_one_revision_at_once_one_wins(desk: Desk) -> None:
    mask_id, barrier = uuid7(), threading.Barrier(6)

    def put(index: int) -> Any:
        barrier.wait()
        return desk.put(mask_id, rle=box_rle(index, 0, index + 5, 5))

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(put, range(6)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    lost = [answer.json() for answer in answers if answer.status_code == 409]
    assert (len(won), len(lost)) == (1, 5)
    assert all(problem["current"]["rle"] == won[0]["rle"] for problem in lost)


def test_revisions_go_up_and_late_ones_are_told_what_is_stored(desk: Desk) -> None:
    mask_id = uuid7()
    desk.put(mask_id)
    changed = desk.put(mask_id, 2, rle=box_rle(4, 6, 30, 16), num_clicks=3)
    assert changed.status_code == 200
    assert changed.json()["area"] == 260
    late = desk.put(mask_id, 1, rle=box_rle(0, 0, 3, 3))
    assert (late.status_code, late.json()["code"]) == (409, "stale_revision")
    assert late.json()["current"] == changed.json()
    assert late.json()["revision"] == 2
    same_revision = desk.put(mask_id, 2, rle=box_rle(0, 0, 3, 3))
    assert same_revision.status_code == 409
    assert desk.put(mask_id, 9).status_code == 200, "revisions skipped offline are fine"


def test_deleting_is_idempotent_and_a_higher_revision_revives(desk: Desk, database: Database) -> None:
    mask_id = uuid7()
    desk.put(mask_id)
    stale = desk.delete(mask_id, 1)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_revision")
    assert desk.delete(mask_id, 2).status_code == 204
    assert desk.delete(mask_id, 2).status_code == 204
    assert desk.masks() == []
    assert desk.client.get(f"/api/masks/{mask_id}").status_code == 404
    retry = desk.put(mask_id, 1)
    assert (retry.status_code, retry.json()["current"]) == (409, None)
    assert desk.put(mask_id, 3).json()["revision"] == 3
    assert [mask["id"] for mask in desk.masks()] == [str(mask_id)]
    with database.transaction() as session:
        assert session.get_one(Image, uuid.UUID(desk.image_id)).num_masks == 1


def test_a_delete_that_overtakes_its_mask_still_wins(desk: Desk, database: Database) -> None:
    mask_id = uuid7()
    assert desk.delete(mask_id, 2).status_code == 204
    assert desk.delete(mask_id, 2).status_code == 204
    late = desk.put(mask_id, 1)
    assert (late.status_code, late.json()["code"]) == (409, "stale_revision")
    assert desk.put(mask_id, 3).status_code == 200
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(MaskTombstone)) == 0


def test_an_id_belongs_to_one_image(desk: Desk, dataset_id: uuid.UUID, login: Login) -> None:
    mask_id = uuid7()
    desk.put(mask_id)
    other = Desk(login("annotator", "b@example.org"), dataset_id)
    answer = other.put(mask_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "id_taken")


def test_one_id_on_two_images_at_once_goes_to_one(desk: Desk, dataset_id: uuid.UUID, login: Login) -> None:
    other = Desk(login("annotator", "b@example.org"), dataset_id)
    for _ in range(5):
        mask_id, barrier = uuid7(), threading.Barrier(2)

        def put(who: Desk, mask_id: uuid.UUID = mask_id, barrier: threading.Barrier = barrier) -> int:
            barrier.wait()
            return int(who.put(mask_id).status_code)

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(put, (desk, other))) == [200, 409]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"rle": box_rle(0, 0, 5, 5, (64, 48))}, "swapped"),
        ({"rle": box_rle(0, 0, 5, 5, (50, 64))}, "64 x 48"),
        ({"rle": {"size": [48, 64], "counts": "x!!"}}, "RLE"),
        ({"rle": {"size": [48, 64], "counts": "5"}}, "cut off"),
        ({"rle": box_rle(0, 0, 0, 0)}, "empty"),
        ({"rle": {"size": [48], "counts": ""}}, "size"),
        ({"prompts": [{"type": "point", "x": 65, "y": 2, "label": 1}]}, "outside the image"),
        ({"prompts": [{"type": "point", "x": 5, "y": -0.1, "label": 0}]}, "outside the image"),
        ({"prompts": [{"type": "box", "box": [0, 0, 64, 49]}]}, "outside the image"),
        ({"prompts": [{"type": "box", "box": [9, 0, 3, 4]}]}, "turned around"),
        ({"prompts": [{"type": "point", "x": "NaN", "y": 1, "label": 1}]}, "finite"),
        ({"source": "generated"}, "cannot have the source"),
        ({"seconds_s": -1}, "seconds_s"),
        ({"revision": 0}, "revision"),
        ({"image_id": str(uuid.uuid4())}, "another image"),
    ],
)
def test_bad_content_is_refused_with_a_sentence(desk: Desk, values: dict[str, Any], says: str) -> None:
    answer = desk.client.put(f"/api/masks/{uuid7()}", json=desk.body() | values)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert desk.masks() == []


def test_prompts_on_the_very_edge_are_inside(desk: Desk) -> None:
    edge = [{"type": "point", "x": 64, "y": 48, "label": 1}, {"type": "box", "box": [0, 0, 64, 48]}, {"type": "mask"}]
    assert desk.put(uuid7(), prompts=edge).status_code == 200


def test_the_model_must_be_known(desk: Desk, database: Database, storage: Storage) -> None:
    assert desk.put(uuid7(), model_id=str(uuid.uuid4())).status_code == 404
    with database.transaction() as session:
        model_id = make_model(session, storage).id
    assert desk.put(uuid7(), model_id=str(model_id)).json()["model_id"] == str(model_id)


def test_an_hour_offline_loses_nothing(desk: Desk, database: Database, dataset_id: uuid.UUID, login: Login) -> None:
    mask_id = uuid7()
    desk.put(mask_id)
    expire(database)
    assert desk.put(uuid7()).status_code == 200, "ran out, but nobody took the image"
    other = Desk(login("annotator", "b@example.org"), dataset_id, uuid.UUID(desk.image_id))
    refused = desk.put(uuid7())
    assert (refused.status_code, refused.json()["code"]) == (409, "lease_lost")
    assert "somebody else" in refused.json()["detail"]
    assert desk.delete(mask_id, 2).json()["code"] == "lease_lost"
    assert desk.put(mask_id).status_code == 200, "a retry of what is stored is no new write"
    completing = desk.client.post(f"/api/tasks/{desk.task['id']}/complete", json={"seconds_s": 1})
    assert (completing.status_code, completing.json()["code"]) == (409, "lease_lost")
    other.client.post(f"/api/tasks/{other.task['id']}/complete", json={"seconds_s": 9})
    assert desk.put(uuid7()).status_code == 200, "settled, and in nobody's hands"
    assert len(desk.masks()) == 3


def test_completing_twice_counts_the_seconds_once(desk: Desk, database: Database) -> None:
    for _ in range(2):
        done = desk.client.post(f"/api/tasks/{desk.task['id']}/complete", json={"seconds_s": 40})
        assert done.json()["state"] == "done"
    with database.transaction() as session:
        assert session.get_one(Task, uuid.UUID(desk.task["id"])).seconds_s == 40


def test_a_long_list_comes_in_pages(desk: Desk) -> None:
    ids = [uuid7() for _ in range(5)]
    for mask_id in ids:
        desk.put(mask_id)
    seen, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = desk.client.get(f"/api/images/{desk.image_id}/masks", params=params).json()
        seen += [mask["id"] for mask in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [str(mask_id) for mask_id in ids]


def test_strangers_are_turned_away(client: Any) -> None:
    assert client.put(f"/api/masks/{uuid7()}", json={}).status_code == 401
    assert client.post("/api/tasks/lease", json={"dataset_id": str(uuid.uuid4())}).status_code == 401
    assert client.delete(f"/api/masks/{uuid7()}?revision=1").status_code == 401
