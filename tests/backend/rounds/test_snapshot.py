"""Snapshots: canonical bytes, and never a training mask among those measured on."""

from collections.abc import Callable
from typing import Any

import pytest

from backend import pipeline
from backend.annotation.models import Mask, MaskSource
from backend.core.runtime import Runtime
from backend.rounds import service
from backend.rounds.snapshot import Snapshot, SnapshotImage, SnapshotMask, content_sha256, make_snapshot
from tests.backend.conftest import Scene
from tests.backend.rounds.conftest import add_proposal


def image(name: str, masks: int = 2) -> SnapshotImage:
    rle = {"size": [2, 2], "counts": "04"}
    clicks = [None, (1.0, 0.5)]
    made = tuple(SnapshotMask(f"{name}-{i}", rle, clicks[i % 2]) for i in range(masks))
    return SnapshotImage(image_id=name, sha256=f"sha-{name}", height=2, width=2, masks=made)


def test_order_of_rows_does_not_change_the_bytes() -> None:
    images = [image("a"), image("b"), image("c")]
    one = make_snapshot("d", images, [image("h")], max_eval_masks=10)
    two = make_snapshot("d", images[::-1], [image("h")], max_eval_masks=10)
    assert one.to_json() == two.to_json()
    assert content_sha256(one.to_json()) != content_sha256(
        make_snapshot("d", images[:2], [image("h")], max_eval_masks=10).to_json()
    )


@pytest.mark.parametrize(
    ("source", "prompts", "click"),
    [
        (MaskSource.MODEL, [{"type": "point", "x": 3.0, "y": 4.5, "label": 1}], (3.0, 4.5)),
        (MaskSource.MODEL, [{"type": "box", "x0": 1, "y0": 1, "x1": 9, "y1": 9}], None),
        (MaskSource.MODEL, [{"type": "point", "x": 3.0, "y": 4.5, "label": 0}], None),
        (MaskSource.BRUSH, [], None),
        (MaskSource.PROPOSAL, [{"type": "point", "x": 3.0, "y": 4.5, "label": 1}], None),
    ],
)
def test_the_first_click_of_a_person_is_kept(
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    source: MaskSource,
    prompts: list[dict[str, Any]],
    click: tuple[float, float] | None,
) -> None:
    pipeline.install()
    scene = make_scene(train=2, heldout=0)
    with runtime.database.transaction() as session:
        for mask in session.query(Mask).filter(Mask.image_id == scene.image_ids[0]):
            mask.source, mask.prompts = source, prompts
        row = service.start_round(session, scene.dataset_id)
        snapshot = service.take_snapshot(session, row)
    images = {image.image_id: image for image in (*snapshot.train, *snapshot.heldout)}
    (mask,) = images[str(scene.image_ids[0])].masks
    assert mask.click == click


def test_boxes_of_proposals_that_were_thrown_away_are_kept(make_scene: Callable[..., Scene], runtime: Runtime) -> None:
    pipeline.install()
    scene = make_scene(train=3, heldout=1)
    with runtime.database.transaction() as session:
        for number, image_id in enumerate(scene.image_ids):
            for left in (number + 10, number):
                add_proposal(session, image_id, [left, 1, 2, 3], dropped=True)
            add_proposal(session, image_id, [50, 1, 2, 3], dropped=False)
            add_proposal(session, image_id, [60, 1, 2, 3], dropped=True, source=MaskSource.BRUSH)
        snapshot = service.take_snapshot(session, service.start_round(session, scene.dataset_id))
    numbers = {str(image_id): number for number, image_id in enumerate(scene.image_ids)}
    assert len(snapshot.train) == 3
    for one in snapshot.train:
        number = numbers[one.image_id]
        assert one.dropped == ((number, 1, 2, 3), (number + 10, 1, 2, 3)), "in order, whatever ids they have"
    assert [one.dropped for one in snapshot.heldout] == [()]
    assert Snapshot.from_json(snapshot.to_json()) == snapshot


def test_round_trip() -> None:
    snapshot = make_snapshot("d", [image("a")], [image("h")], max_eval_masks=10)
    assert b"dropped" not in snapshot.to_json(), "so that hashes of snapshots without any stay what they were"
    assert Snapshot.from_json(snapshot.to_json()) == snapshot
    with pytest.raises(ValueError, match="not a snapshot"):
        Snapshot.from_json(b'{"format": "other"}')


def test_without_held_out_masks_a_slice_is_set_aside_and_not_trained_on() -> None:
    images = [image(f"i{n}") for n in range(10)]
    snapshot = make_snapshot("d", images, [], max_eval_masks=100)
    learned = {i.image_id for i in snapshot.train}
    measured = {i.image_id for i in snapshot.heldout}
    assert len(measured) == 2
    assert not learned & measured
    assert len(learned | measured) == 10
    assert snapshot.measured_on == "aside"
    assert "set aside" in snapshot.describe_heldout()
    again = make_snapshot("d", images[::-1], [], max_eval_masks=100)
    assert again == snapshot


def test_one_image_leaves_nothing_to_measure_on() -> None:
    snapshot = make_snapshot("d", [image("a")], [], max_eval_masks=100)
    assert snapshot.measured_on == "nothing"
    assert [i.image_id for i in snapshot.train] == ["a"]


def test_measured_masks_are_bounded_by_whole_images() -> None:
    heldout = [image(f"h{n}", masks=3) for n in range(10)]
    snapshot = make_snapshot("d", [image("a")], heldout, max_eval_masks=7)
    assert snapshot.num_heldout_masks == 6
    crowded = make_snapshot("d", [image("a")], [image("h", masks=50)], max_eval_masks=7)
    assert crowded.num_heldout_masks == 50
