"""Review: what waits, what a verdict does, and what training and export may take."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from backend.annotation import intake, leases, service
from backend.annotation.models import Mask, MaskSource, MaskStatus, Task, TaskState
from backend.annotation.schemas import MaskIn
from backend.core.db import Database, uuid7
from backend.core.storage import Storage
from backend.datasets.models import Dataset, Image
from backend.review import service as review
from backend.review.models import Review
from tests.factories.records import box_rle, make_dataset, make_image, make_model, make_user

Login = Callable[..., Any]


class Scene:
    """A dataset with two finished images (one for training, one held out) of five masks each."""

    def __init__(self, database: Database, **values: Any) -> None:
        self.database = database
        self.masks: list[uuid.UUID] = []
        with database.transaction() as session:
            self.annotator = make_user(session)
            dataset = make_dataset(session, **values)
            self.dataset_id = dataset.id
            self.images = [make_image(session, dataset, split=split).id for split in ("train", "heldout")]
            for image_id in self.images:
                task = leases.lease(session, dataset.id, self.annotator, image_id)
                assert task is not None
                for index in range(5):
                    self.masks.append(self._draw(session, task, index))
                service.complete_task(session, task.id, self.annotator, skipped=False, seconds_s=60)

    def _draw(self, session: Any, task: Task, index: int) -> uuid.UUID:
        body = MaskIn.model_validate(
            {
                "task_id": task.id,
                "image_id": task.image_id,
                "revision": 1,
                "rle": box_rle(index * 10, 0, index * 10 + 8, 8),
                "source": "model",
            }
        )
        return service.put_mask(session, uuid7(), self.annotator, body).id

    def final(self, split: str | None = None, **values: Any) -> list[uuid.UUID]:
        with self.database.transaction() as session:
            found = review.final_masks(session, self.dataset_id, split, **values)
            assert len(found) == review.count_final_masks(session, self.dataset_id, split, **values)
            return [mask.id for mask in found]

    def set_policy(self, mode: str, percent: int = 10) -> None:
        with self.database.transaction() as session:
            dataset = session.get_one(Dataset, self.dataset_id)
            dataset.review_mode, dataset.review_percent = mode, percent

    def pending(self) -> int:
        with self.database.transaction() as session:
            return review.count_pending(session, [self.dataset_id]).get(self.dataset_id, 0)


def test_without_a_policy_an_accepted_mask_is_final(database: Database) -> None:
    scene = Scene(database)
    assert scene.final() == scene.masks
    assert scene.final("train") == scene.masks[:5]
    assert scene.final("heldout") == scene.masks[5:]
    assert scene.pending() == 0
    with database.transaction() as session:
        first = review.final_masks(session, scene.dataset_id)[0]
    assert first.image.file_name.endswith(".png"), "images come along, without a query each"


def test_reviewing_all_lets_nothing_through_unseen(database: Database) -> None:
    scene = Scene(database, review_mode="all")
    assert scene.final() == []
    assert scene.pending() == 10


def test_a_sample_is_the_same_masks_every_time(database: Database) -> None:
    scene = Scene(database)
    waiting = {}
    for percent in (0, 30, 60, 100):
        scene.set_policy("sample", percent)
        waiting[percent] = set(scene.masks) - set(scene.final())
        assert len(waiting[percent]) == scene.pending()
        assert waiting[percent] == {mask for mask in scene.masks if service.review_bucket(mask) < percent * 100}
    assert waiting[0] == set()
    assert waiting[100] == set(scene.masks)
    assert waiting[30] <= waiting[60]


def test_the_share_of_a_sample_is_about_right() -> None:
    sampled = sum(service.review_bucket(uuid7()) < 2000 for _ in range(5000))
    assert 850 < sampled < 1150


def test_imports_and_generated_masks_pass_without_review(database: Database, storage: Storage) -> None:
    scene = Scene(database, review_mode="all")
    with database.transaction() as session:
        model_id = make_model(session, storage).id
        intake.import_masks(session, scene.images[0], [{"segmentation": box_rle(0, 20, 9, 29)}])
        intake.add_generated(session, scene.images[0], model_id, [{"segmentation": box_rle(20, 20, 29, 29)}])
        intake.add_proposals(session, scene.images[1], model_id, [{"segmentation": box_rle(30, 30, 39, 39)}])
    assert len(scene.final()) == 2
    assert len(scene.final(sources=[MaskSource.GENERATED])) == 1
    assert scene.final(sources=[MaskSource.MODEL]) == []


def test_verdicts_over_http(database: Database, login: Login) -> None:
    scene = Scene(database, review_mode="all")
    reviewer = login("reviewer")
    approved = reviewer.post(f"/api/masks/{scene.masks[0]}/review", json={"verdict": "approve", "revision": 1})
    assert approved.status_code == 200, approved.text
    assert approved.json()["status"] == "approved"
    assert scene.final() == [scene.masks[0]]
    nameless = reviewer.post(f"/api/masks/{scene.masks[1]}/review", json={"verdict": "reject", "reason": "  "})
    assert nameless.status_code == 422
    assert "reason" in nameless.json()["detail"]
    rejected = reviewer.post(f"/api/masks/{scene.masks[1]}/review", json={"verdict": "reject", "reason": "Too loose."})
    assert (rejected.json()["status"], rejected.json()["reject_reason"]) == ("rejected", "Too loose.")
    stale = reviewer.post(f"/api/masks/{scene.masks[2]}/review", json={"verdict": "approve", "revision": 7})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_revision")
    assert stale.json()["current"]["revision"] == 1
    assert (
        login("annotator").post(f"/api/masks/{scene.masks[2]}/review", json={"verdict": "approve"}).status_code == 403
    )
    assert reviewer.post(f"/api/masks/{uuid.uuid4()}/review", json={"verdict": "approve"}).status_code == 404
    with database.transaction() as session:
        verdicts = session.scalars(select(Review).order_by(Review.id)).all()
        assert [(one.mask_id, str(one.verdict), one.reason) for one in verdicts] == [
            (scene.masks[0], "approve", None),
            (scene.masks[1], "reject", "Too loose."),
        ]


def test_the_same_verdict_again_changes_nothing(database: Database, login: Login) -> None:
    scene = Scene(database, review_mode="all")
    reviewer = login("reviewer")
    for _ in range(2):
        answer = reviewer.post(f"/api/masks/{scene.masks[0]}/review", json={"verdict": "reject", "reason": "Hole."})
        assert answer.status_code == 200
    with database.transaction() as session:
        assert len(session.scalars(select(Review)).all()) == 1


def test_a_rejected_mask_goes_back_to_the_queue_with_its_reason(database: Database, login: Login) -> None:
    scene = Scene(database, review_mode="all")
    reviewer = login("reviewer")
    reviewer.post(f"/api/masks/{scene.masks[0]}/review", json={"verdict": "reject", "reason": "Misses the tail."})
    with database.transaction() as session:
        image = session.get_one(Image, scene.images[0])
        assert (image.state, image.num_masks) == ("todo", 4)
    annotator = login("annotator")
    task = annotator.post("/api/tasks/lease", json={"dataset_id": str(scene.dataset_id)}).json()
    assert task["image"]["id"] == str(scene.images[0])
    assert task["returned_reasons"] == ["Misses the tail."]
    body = {
        "task_id": task["id"],
        "image_id": task["image"]["id"],
        "revision": 2,
        "rle": box_rle(0, 0, 12, 8),
        "source": "brush",
    }
    mended = annotator.put(f"/api/masks/{scene.masks[0]}", json=body).json()
    assert (mended["status"], mended["reject_reason"]) == ("accepted", None)
    done = annotator.post(f"/api/tasks/{task['id']}/complete", json={"seconds_s": 5}).json()
    assert (done["state"], done["returned_reasons"]) == ("done", [])
    assert scene.pending() == 10, "what was mended is looked at again"


def test_rejecting_while_somebody_works_on_the_image_takes_nothing_from_them(database: Database) -> None:
    scene = Scene(database)
    with database.transaction() as session:
        reviewer = make_user(session, "reviewer")
        task = leases.lease(session, scene.dataset_id, scene.annotator, scene.images[0])
        assert task is not None
    with database.transaction() as session:
        review.give_verdict(session, scene.masks[0], reviewer, review.Verdict.REJECT, reason="Blurry.")
        held = session.get_one(Task, task.id)
        assert (held.state, held.user_id) == (TaskState.LEASED, scene.annotator.id)
        leases.release(session, task.id, scene.annotator)
        assert held.state is TaskState.OPEN, "not done any more: there is something to mend"


def test_a_proposal_is_not_reviewed(database: Database, storage: Storage, login: Login) -> None:
    with database.transaction() as session:
        image = make_image(session, make_dataset(session, review_mode="all"))
        intake.add_proposals(
            session, image.id, make_model(session, storage).id, [{"segmentation": box_rle(0, 0, 9, 9)}]
        )
        (mask_id,) = session.scalars(select(Mask.id))
    answer = login("reviewer").post(f"/api/masks/{mask_id}/review", json={"verdict": "approve"})
    assert answer.status_code == 409
    assert "proposal" in answer.json()["detail"]


@pytest.mark.parametrize("status", ["pending", "approved", "rejected"])
def test_the_list_comes_in_pages_with_images(database: Database, login: Login, status: str) -> None:
    scene = Scene(database, review_mode="all")
    with database.transaction() as session:
        for mask in session.scalars(select(Mask)).all():
            mask.status = MaskStatus("accepted" if status == "pending" else status)
    reviewer = login("reviewer")
    seen, cursor = [], None
    for _ in range(4):
        params = {"dataset_id": str(scene.dataset_id), "status": status, "limit": 4}
        page = reviewer.get("/api/review", params=params | ({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [item["mask"]["id"] for item in seen] == [str(mask) for mask in scene.masks]
    assert all(item["image"]["id"] == item["mask"]["image_id"] for item in seen)
    assert login("annotator").get("/api/review", params={"dataset_id": str(scene.dataset_id)}).status_code == 403
