"""Masks in bulk: imports, proposals and generated masks, each safe to bring in twice."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from backend.accounts.models import User
from backend.annotation import effort, intake, leases, service
from backend.annotation.models import Mask, MaskSource, MaskStatus, TaskState
from backend.annotation.schemas import MaskIn
from backend.core import events
from backend.core.db import Database, uuid7
from backend.core.errors import Invalid
from backend.core.storage import Storage
from backend.datasets.models import Image
from tests.factories.records import box_rle, make_dataset, make_image, make_model, make_user


def record(x: int, y: int = 0, **values: Any) -> dict[str, Any]:
    """A record as the generator gives them: a 10 x 10 mask at (x, y)."""
    return {
        "segmentation": box_rle(x, y, x + 10, y + 10),
        "predicted_iou": 0.93,
        "stability_score": 0.97,
        "point_coords": [[x + 5.0, y + 5.0]],
        "crop_box": [0, 0, 64, 48],
        **values,
    }


@pytest.fixture
def image(database: Database) -> Image:
    with database.transaction() as session:
        return make_image(session, make_dataset(session, stage=2))


@pytest.fixture
def annotator(database: Database) -> User:
    with database.transaction() as session:
        return make_user(session)


@pytest.fixture
def model_ids(database: Database, storage: Storage) -> list[uuid.UUID]:
    with database.transaction() as session:
        return [make_model(session, storage).id for _ in range(2)]


def masks_of(database: Database, image: Image) -> list[Mask]:
    with database.transaction() as session:
        query = select(Mask).where(Mask.image_id == image.id, service.is_live()).order_by(Mask.bbox[0].as_float())
        return list(session.scalars(query))


def write(task_id: uuid.UUID, image_id: uuid.UUID, revision: int, rle: dict[str, Any], **values: Any) -> MaskIn:
    body = {"task_id": task_id, "image_id": image_id, "revision": revision, "rle": rle, "source": "model", **values}
    return MaskIn.model_validate(body)


def test_imported_masks_are_accepted_and_doubled_by_nothing(database: Database, image: Image) -> None:
    heard: list[events.Event] = []

    def listen(_: Any, event: events.Event) -> None:
        heard.append(event)

    events.subscribe("masks.accepted", listen)
    try:
        with database.transaction() as session:
            assert intake.import_masks(session, image.id, [record(0), record(20), record(20)]) == 2
        with database.transaction() as session:
            assert intake.import_masks(session, image.id, [record(0), record(40)]) == 1
    finally:
        events.unsubscribe("masks.accepted", listen)
    stored = masks_of(database, image)
    assert [(mask.source, mask.status) for mask in stored] == [(MaskSource.IMPORT, MaskStatus.ACCEPTED)] * 3
    assert [event.data["masks"] for event in heard] == [2, 1]
    with database.transaction() as session:
        assert session.get_one(Image, image.id).num_masks == 3


def test_an_import_that_does_not_fit_stores_nothing(database: Database, image: Image) -> None:
    misfit = {"segmentation": box_rle(0, 0, 5, 5, (50, 64))}
    with pytest.raises(Invalid, match="64 x 48"), database.transaction() as session:
        intake.import_masks(session, image.id, [record(0), misfit])
    assert masks_of(database, image) == []


def test_proposals_wait_locked_until_the_image_is_done(
    database: Database, image: Image, annotator: User, model_ids: list[uuid.UUID]
) -> None:
    with database.transaction() as session:
        assert intake.add_proposals(session, image.id, model_ids[0], [record(0), record(20), record(40)]) == 3
        assert intake.add_proposals(session, image.id, model_ids[0], [record(0), record(20), record(40)]) == 3
    assert len(masks_of(database, image)) == 3
    with database.transaction() as session:
        assert session.get_one(Image, image.id).num_masks == 0, "nobody stands for a proposal"
        assert service.count_proposals(session, [image.dataset_id]) == {image.dataset_id: 3}
    with database.transaction() as session:
        task = leases.lease(session, image.dataset_id, annotator)
        assert task is not None
        first, second, third = masks_of(database, image)
        service.delete_mask(session, first.id, 2, annotator)
        mended = service.put_mask(
            session, second.id, annotator, write(task.id, image.id, 2, box_rle(20, 0, 31, 11), source="proposal")
        )
        assert (mended.source, mended.status, mended.edited) == (MaskSource.PROPOSAL, MaskStatus.ACCEPTED, True)
        assert mended.model_id == model_ids[0]
        assert mended.predicted_iou is None, "the estimate was of another shape"
        service.complete_task(session, task.id, annotator, skipped=False, seconds_s=5)
    kept = {mask.id: mask for mask in masks_of(database, image)}
    assert kept.keys() == {second.id, third.id}
    assert (kept[third.id].status, kept[third.id].source) == (MaskStatus.ACCEPTED, MaskSource.PROPOSAL)
    assert kept[third.id].user_id == annotator.id
    assert not kept[third.id].edited
    assert kept[third.id].prompts == [{"type": "point", "x": 45.0, "y": 5.0, "label": 1}]
    with database.transaction() as session:
        # One thrown away, one mended to an IoU of 0.83 with what was proposed, one kept.
        assert effort.recent_proposals(session, image.dataset_id, 10) == effort.ProposalsSeen(seen=3, good=1)
        assert effort.recent_proposals(session, image.dataset_id, 1).seen == 1
        assert session.get_one(Mask, second.id).proposed_rle == dict(box_rle(20, 0, 30, 10))
        assert session.get_one(Image, image.id).num_masks == 2
        assert intake.add_proposals(session, image.id, model_ids[1], [record(0)]) == 0, "the image is done"


def test_unlocking_a_proposal_as_it_is_accepts_it(
    database: Database, image: Image, annotator: User, model_ids: list[uuid.UUID]
) -> None:
    with database.transaction() as session:
        intake.add_proposals(session, image.id, model_ids[0], [record(0)])
        task = leases.lease(session, image.dataset_id, annotator)
        assert task is not None
        (proposal,) = service.list_masks(session, image.id)
        shape = dict(proposal.rle)
        mask = service.put_mask(session, proposal.id, annotator, write(task.id, image.id, 2, shape, source="proposal"))
        assert (mask.status, mask.source, mask.edited) == (MaskStatus.ACCEPTED, MaskSource.PROPOSAL, False)
        assert (mask.predicted_iou, mask.stability_score) == (0.93, 0.97)
        assert mask.prompts[0]["x"] == 5.0


def test_the_proposals_of_a_skipped_image_stay_proposals(
    database: Database, image: Image, annotator: User, model_ids: list[uuid.UUID]
) -> None:
    with database.transaction() as session:
        intake.add_proposals(session, image.id, model_ids[0], [record(0)])
        task = leases.lease(session, image.dataset_id, annotator)
        assert task is not None
        service.complete_task(session, task.id, annotator, skipped=True, seconds_s=5)
    assert [mask.status for mask in masks_of(database, image)] == [MaskStatus.PROPOSED]


def test_new_proposals_replace_old_ones_but_not_under_the_annotators_hands(
    database: Database, image: Image, annotator: User, model_ids: list[uuid.UUID]
) -> None:
    with database.transaction() as session:
        intake.add_proposals(session, image.id, model_ids[0], [record(0), record(20)])
        task = leases.lease(session, image.dataset_id, annotator)
        assert task is not None
        removed = next(mask for mask in service.list_masks(session, image.id) if mask.bbox[0] == 20)
        service.delete_mask(session, removed.id, 2, annotator)
        service.put_mask(session, uuid7(), annotator, write(task.id, image.id, 1, box_rle(40, 0, 50, 10)))
    with database.transaction() as session:
        assert intake.add_proposals(session, image.id, model_ids[1], [record(0)]) == 0
        leases.release(session, task.id, annotator)
    with database.transaction() as session:
        # At 0 a new proposal, at 20 what the annotator deleted, at 41 nearly what the annotator drew.
        assert intake.add_proposals(session, image.id, model_ids[0], [record(0), record(20), record(41)]) == 1
    with database.transaction() as session:
        assert intake.add_proposals(session, image.id, model_ids[1], [record(10)]) == 1
    shown = [(mask.bbox[0], mask.status) for mask in masks_of(database, image)]
    assert shown == [(10, MaskStatus.PROPOSED), (40, MaskStatus.ACCEPTED)]


def test_generated_masks_are_replaced_by_the_next_run(
    database: Database, image: Image, model_ids: list[uuid.UUID]
) -> None:
    with database.transaction() as session:
        assert intake.add_generated(session, image.id, model_ids[0], [record(0), record(20)]) == 2
        assert intake.add_generated(session, image.id, model_ids[0], [record(0), record(20)]) == 0
        intake.import_masks(session, image.id, [record(50)])
    with database.transaction() as session:
        assert intake.add_generated(session, image.id, model_ids[0], [record(20), record(30)]) == 1
    stored = masks_of(database, image)
    assert [(mask.bbox[0], mask.source) for mask in stored] == [
        (20, MaskSource.GENERATED),
        (30, MaskSource.GENERATED),
        (50, MaskSource.IMPORT),
    ]
    assert stored[0].user_id is None
    assert stored[0].crop_box == [0, 0, 64, 48]
    with database.transaction() as session:
        assert leases.task_of_image(session, image.id).state is TaskState.OPEN
        assert service.count_masks(session, [image.dataset_id]) == {image.dataset_id: 3}
