"""A simulated annotator on the real application, with a real (tiny, untrained) model decoded in onnxruntime."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from backend.annotation import intake
from backend.annotation.models import Mask, MaskSource, MaskStatus, Task, TaskState
from backend.core.runtime import Runtime
from backend.registry import service as registry
from backend.simulate.annotator import Annotator, Person, wrong_boundary
from backend.simulate.client import Platform, PlatformError
from backend.simulate.loop import Loop, Plan
from backend.simulate.truth import Truth
from engine.masks import rle
from tests.backend.conftest import Scene, disc
from tests.conftest import SignedIn
from tests.factories import images as pictures
from tests.factories.records import SIZE, box_rle

MakeScene = Callable[..., Scene]
Login = Callable[..., SignedIn]


@pytest.fixture(autouse=True)
def no_long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.simulate.annotator.time.sleep", lambda _: pytest.fail("waits for an embedding"))


@pytest.fixture
def platform(login: Login) -> Platform:
    made = Platform("http://testserver")
    made._http = login("admin")
    return made


def embed(runtime: Runtime, scene: Scene, run_jobs: Callable[[], int]) -> None:
    with runtime.database.transaction() as session:
        registry.embed_missing(session, scene.dataset_id)
    run_jobs()


def truth_of(folder: Path, scene: Scene) -> Truth:
    """The discs of the scene's images, as a COCO folder."""
    (folder / "images").mkdir(parents=True)
    numbers = range(len(scene.image_ids))
    for number in numbers:
        (folder / "images" / f"{number}.png").write_bytes(pictures.png(number, SIZE))
    document = {
        "images": [{"id": n, "file_name": f"{n}.png", "height": SIZE[0], "width": SIZE[1]} for n in numbers],
        "annotations": [{"image_id": n, "segmentation": dict(rle.encode(disc(n)))} for n in numbers],
    }
    (folder / "instances.json").write_text(json.dumps(document))
    return Truth(folder, len(scene.image_ids), seed=0)


def test_the_queue_is_worked_off_and_what_was_told_is_what_is_stored(
    runtime: Runtime, make_scene: MakeScene, platform: Platform, run_jobs: Callable[[], int], tmp_path: Path
) -> None:
    scene = make_scene(train=3, heldout=0, masks=False)
    embed(runtime, scene, run_jobs)
    person = Person(max_clicks=3, give_up_s=0)
    annotator = Annotator(platform, str(scene.dataset_id), truth_of(tmp_path, scene), person)
    tallies = []
    while (tally := annotator.next_task()) is not None:
        tallies.append(tally)
    assert sorted(tally.image_id for tally in tallies) == sorted(map(str, scene.image_ids))
    for tally in tallies:
        assert 1 <= tally.clicks <= 3
        clicked = person.find_s + tally.clicks * person.click_s
        assert tally.seconds_s >= clicked + tally.brushed * person.brush_start_s
        assert tally.brushed or tally.seconds_s == pytest.approx(clicked)
        assert len(tally.ious) == tally.human_masks == 1
        assert tally.ious[0] >= person.accept_iou
    with runtime.database.transaction() as session:
        assert set(session.scalars(select(Task.state))) == {TaskState.DONE}
        masks = {str(mask.image_id): mask for mask in session.scalars(select(Mask))}
    assert len(masks) == sum(tally.human_masks for tally in tallies)
    for tally in tallies:
        mask = masks[tally.image_id]
        assert (mask.source, mask.status) == (MaskSource.MODEL, MaskStatus.ACCEPTED)
        assert (mask.num_clicks, len(mask.prompts), mask.edited) == (tally.clicks, tally.clicks, bool(tally.brushed))
        assert mask.model_id == scene.model_id
        assert mask.seconds_s == pytest.approx(tally.seconds_s)
        shape, target = rle.decode(mask.rle), disc(scene.image_ids.index(mask.image_id))
        assert tally.ious[0] == pytest.approx((shape & target).sum() / (shape | target).sum())


def test_what_takes_too_long_is_left_and_its_clicks_are_spent(
    runtime: Runtime, make_scene: MakeScene, platform: Platform, run_jobs: Callable[[], int], tmp_path: Path
) -> None:
    scene = make_scene(train=1, heldout=0, masks=False)
    embed(runtime, scene, run_jobs)
    person = Person(max_clicks=2, give_up_s=2.0)  # one click takes 2.5 s
    tally = Annotator(platform, str(scene.dataset_id), truth_of(tmp_path, scene), person).next_task()
    assert tally is not None
    assert (tally.human_masks, tally.given_up, tally.brushed, tally.ious) == (0, 1, 0, ())
    assert tally.seconds_s == pytest.approx(person.find_s + tally.clicks * person.click_s)
    with runtime.database.transaction() as session:
        assert session.scalars(select(Mask)).all() == []


def test_a_loop_in_which_nobody_draws_anything_says_why(
    runtime: Runtime, make_scene: MakeScene, platform: Platform, run_jobs: Callable[[], int], tmp_path: Path
) -> None:
    scene = make_scene(train=2, heldout=0, masks=False)
    embed(runtime, scene, run_jobs)
    for person, why in (
        (Person(max_clicks=2, give_up_s=2.0), r"1 objects would each have taken more than --give-up-s 2\."),
        (Person(max_clicks=2, image_budget_s=1.0), r"nothing to train on\. Give people longer"),
    ):
        loop = Loop(platform, truth_of(tmp_path / why[:1], scene), Plan(), person, lambda _: None)
        loop._dataset_id = str(scene.dataset_id)
        with pytest.raises(PlatformError, match=why):
            loop._annotate(1, 1)


def test_practice_draws_as_work_does_and_saves_nothing(
    runtime: Runtime, make_scene: MakeScene, platform: Platform, run_jobs: Callable[[], int], tmp_path: Path
) -> None:
    scene = make_scene(train=1, heldout=0, masks=False)
    embed(runtime, scene, run_jobs)
    truth, person = truth_of(tmp_path, scene), Person(max_clicks=3, give_up_s=0)
    (image,) = platform.pages(f"/api/datasets/{scene.dataset_id}/images")
    model = platform.get(f"/api/models/{scene.model_id}")
    practised = Annotator(platform, str(scene.dataset_id), truth, person).practise(image, model, most=5)
    with runtime.database.transaction() as session:
        assert not list(session.scalars(select(Mask)))
    assert Annotator(platform, str(scene.dataset_id), truth, person).next_task() == practised
    assert practised.human_masks == 1
    assert practised.clicks >= 1


def test_a_look_at_a_proposal_costs_what_it_is_said_to(
    make_scene: MakeScene, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(train=2, heldout=0, masks=False)
    thrown_away: list[str] = []
    monkeypatch.setattr(platform, "delete", lambda path, **_: thrown_away.append(path))
    truth, objects = truth_of(tmp_path, scene), [disc(0), disc(1)]
    masks = [*objects, ~objects[0]]
    proposals = [{"id": str(number), "revision": 0, "rle": rle.encode(mask)} for number, mask in enumerate(masks)]
    for look_s in (0.0, 0.5):
        person = Person(look_s=look_s)
        kept, seconds = Annotator(platform, str(scene.dataset_id), truth, person)._judge(proposals, objects)
        assert (len(kept), seconds) == (2, 3 * look_s + person.click_s)
    assert thrown_away == ["/api/masks/2"] * 2


def test_the_boundary_to_draw() -> None:
    target = np.zeros((40, 40), bool)
    target[10:30, 10:30] = True
    perimeter = 4 * 19
    assert wrong_boundary(np.zeros_like(target), target) == perimeter
    assert wrong_boundary(target, target) == 0
    nearly = np.zeros_like(target)
    nearly[10:30, 11:31] = True
    assert wrong_boundary(nearly, target) == 0, "a pixel off is not worth a stroke"
    half = target.copy()
    half[:, 20:] = False
    assert perimeter / 2 - 4 <= wrong_boundary(half, target) <= perimeter / 2 + 4
    blob = target.copy()
    blob[2:6, 2:6] = True
    assert 10 <= wrong_boundary(blob, target) <= 12, "its outline has twelve pixels"


def test_good_proposals_are_kept_and_others_deleted_at_a_click_each(
    runtime: Runtime, make_scene: MakeScene, platform: Platform, run_jobs: Callable[[], int], tmp_path: Path
) -> None:
    scene = make_scene(train=1, heldout=0, masks=False)
    embed(runtime, scene, run_jobs)
    proposals = [{"segmentation": rle.encode(disc(0))}, {"segmentation": box_rle(0, 0, 5, 5)}]
    with runtime.database.transaction() as session:
        assert intake.add_proposals(session, scene.image_ids[0], scene.model_id, proposals) == 2
    person = Person()
    tally = Annotator(platform, str(scene.dataset_id), truth_of(tmp_path, scene), person).next_task()
    assert tally is not None
    assert (tally.proposals, tally.proposals_kept, tally.human_masks, tally.clicks) == (2, 1, 0, 0)
    assert tally.seconds_s == person.click_s
    with runtime.database.transaction() as session:
        (kept,) = session.scalars(select(Mask).where(Mask.deleted_at.is_(None)))
        assert (kept.source, kept.status) == (MaskSource.PROPOSAL, MaskStatus.ACCEPTED)
        assert np.array_equal(rle.decode(kept.rle), disc(0))


def test_an_image_without_time_left_is_finished_without_masks(
    runtime: Runtime, make_scene: MakeScene, platform: Platform, run_jobs: Callable[[], int], tmp_path: Path
) -> None:
    scene = make_scene(train=1, heldout=0, masks=False)
    embed(runtime, scene, run_jobs)
    person = Person(image_budget_s=2.0)
    tally = Annotator(platform, str(scene.dataset_id), truth_of(tmp_path, scene), person).next_task()
    assert tally is not None
    assert (tally.human_masks, tally.clicks, tally.seconds_s) == (0, 0, 0.0)
