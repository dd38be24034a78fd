"""Automatic masks with a real (tiny, untrained) model: runs, proposals, what must not be doubled or painted over."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from backend.annotation import intake, leases
from backend.annotation import service as annotation
from backend.annotation.models import Mask, MaskSource, MaskStatus
from backend.core.runtime import Runtime
from backend.datasets.models import Image
from backend.generation import service, tasks
from backend.generation.models import GenerationImage, ProposedImage
from backend.generation.overlap import free_of
from backend.registry import service as registry
from backend.registry.service import ModelFiles
from engine.errors import EngineError
from tests.backend.conftest import Scene, add_disc
from tests.factories.models import register_tiny_model
from tests.factories.records import box_rle, make_user

# An untrained model is sure of nothing: every filter on its confidence is opened.
OPEN = {
    "points_per_side": 3,
    "pred_iou_thresh": 0.0,
    "stability_score_thresh": 0.0,
    "box_nms_thresh": 0.9,
    "min_mask_region_area": 0,
    "max_mask_fraction": None,
}


def masks_of(runtime: Runtime, *conditions: Any) -> Sequence[Mask]:
    with runtime.database.transaction() as session:
        return session.scalars(select(Mask).where(annotation.is_live(), *conditions).order_by(Mask.id)).all()


def generate(client: Any, dataset_id: uuid.UUID, **values: Any) -> Any:
    return client.post(
        "/api/generations", json={"dataset_id": str(dataset_id), "preset": "default", "settings": OPEN, **values}
    )


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proposals without a filter on confidence."""
    from engine.generate import settings

    monkeypatch.setitem(settings.PRESETS, "proposals", {**OPEN, "points_per_side": 2})


def test_a_run_generates_on_every_image(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=3, heldout=0, masks=False)
    admin = login("admin")
    started = generate(admin, scene.dataset_id)
    assert started.status_code == 201, started.text
    assert started.json()["state"] == "queued"
    assert started.json()["settings"]["points_per_side"] == 3
    assert generate(admin, scene.dataset_id).status_code == 409
    run_jobs()
    done = admin.get(f"/api/generations/{started.json()['id']}").json()
    assert (done["state"], done["images_done"], done["images_total"], done["images_failed"]) == ("succeeded", 3, 3, 0)
    made = masks_of(runtime)
    assert len(made) == done["masks"] > 0
    for mask in made:
        assert (mask.source, mask.status, mask.user_id) == (MaskSource.GENERATED, MaskStatus.ACCEPTED, None)
        assert mask.model_id == scene.model_id
        assert mask.predicted_iou is not None
        assert mask.crop_box == [0, 0, 64, 48]
    job = admin.get(f"/api/jobs/{done['job_id']}").json()
    assert job["result"]["masks"] == done["masks"]
    (listed,) = admin.get("/api/generations", params={"dataset_id": str(scene.dataset_id)}).json()["items"]
    assert listed == done


def test_embeddings_and_pixels_give_the_same_masks(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=1, heldout=0, masks=False)
    admin = login("admin")
    generate(admin, scene.dataset_id)
    run_jobs()  # the scene's images were never announced as imported, so nothing was embedded
    from_pixels = masks_of(runtime)
    with runtime.database.transaction() as session:
        assert registry.embed_missing(session, scene.dataset_id) is not None
    run_jobs()
    generate(admin, scene.dataset_id)
    run_jobs()
    from_embedding = masks_of(runtime)
    assert len(from_embedding) == pytest.approx(len(from_pixels), abs=2)
    areas = [mask.area for mask in from_embedding]
    assert sum(areas) == pytest.approx(sum(mask.area for mask in from_pixels), rel=0.25)


def test_a_second_run_takes_the_place_of_the_first(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=2, heldout=0, masks=False)
    admin = login("admin")
    generate(admin, scene.dataset_id)
    run_jobs()
    first = {mask.id for mask in masks_of(runtime)}
    generate(admin, scene.dataset_id)
    run_jobs()
    assert {mask.id for mask in masks_of(runtime)} == first
    generate(admin, scene.dataset_id, settings={**OPEN, "pred_iou_thresh": 1.0})
    run_jobs()
    assert masks_of(runtime) == []


def test_a_stopped_run_goes_on_where_it_was(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = make_scene(train=3, heldout=0, masks=False)
    admin = login("admin")
    run = generate(admin, scene.dataset_id).json()
    original, seen = tasks._generate, []

    def fail_on_second(*args: Any) -> Any:
        seen.append(args[-1].id)
        if len(seen) == 2:
            raise RuntimeError("the machine stumbled")
        return original(*args)

    monkeypatch.setattr(tasks, "_generate", fail_on_second)
    run_jobs()
    failed = admin.get(f"/api/generations/{run['id']}").json()
    assert (failed["state"], failed["images_done"]) == ("failed", 1)
    assert "stumbled" in failed["error"]
    after_one = len(masks_of(runtime))
    assert admin.post(f"/api/jobs/{run['job_id']}/retry").status_code == 200
    run_jobs()
    done = admin.get(f"/api/generations/{run['id']}").json()
    assert (done["state"], done["images_done"], done["error"]) == ("succeeded", 3, None)
    assert seen.count(scene.image_ids[0]) == 1
    assert len(masks_of(runtime)) == done["masks"] > after_one


def test_one_broken_image_does_not_stop_the_others(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = make_scene(train=3, heldout=0, masks=False)
    original = tasks._generate

    def refuse_one(*args: Any) -> Any:
        if args[-1].id == scene.image_ids[1]:
            raise EngineError("The answers are not finite numbers.")
        return original(*args)

    monkeypatch.setattr(tasks, "_generate", refuse_one)
    admin = login("admin")
    run = generate(admin, scene.dataset_id).json()
    run_jobs()
    done = admin.get(f"/api/generations/{run['id']}").json()
    assert (done["state"], done["images_done"], done["images_failed"]) == ("succeeded", 3, 1)
    result = admin.get(f"/api/jobs/{run['job_id']}").json()["result"]
    assert result["failures"] == [{"name": "1.png", "reason": "The answers are not finite numbers."}]


def test_a_cancelled_run_keeps_what_is_done(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = make_scene(train=3, heldout=0, masks=False)
    admin = login("admin")
    run = generate(admin, scene.dataset_id).json()
    original = tasks._generate

    def cancel(*args: Any) -> Any:
        admin.post(f"/api/jobs/{run['job_id']}/cancel")
        return original(*args)

    monkeypatch.setattr(tasks, "_generate", cancel)
    monkeypatch.setattr("backend.core.jobs.context.CHECK_EVERY_S", 0)
    run_jobs()
    done = admin.get(f"/api/generations/{run['id']}").json()
    assert (done["state"], done["images_done"]) == ("cancelled", 1)
    with runtime.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(GenerationImage)) == 1


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"preset": "nonsense"}, "nonsense"),
        ({"settings": {"points_per_side": 3}}, "of a preset only"),
        ({"preset": "default", "settings": {"points": 3}}, "Unknown generator settings: points"),
        ({"preset": "default", "settings": {"points_per_side": 0}}, "points_per_side"),
        ({"preset": "default", "settings": {"keep_largest": True, "min_mask_region_area": 0}}, "no effect"),
    ],
)
def test_wrong_settings_are_named(
    login: Any, make_scene: Callable[..., Scene], values: dict[str, Any], word: str
) -> None:
    scene = make_scene(train=1, heldout=0, masks=False)
    answer = login("admin").post("/api/generations", json={"dataset_id": str(scene.dataset_id), **values})
    assert answer.status_code == 422
    assert word in answer.json()["detail"]


def test_what_suits_the_model_is_chosen_and_written_down(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.generate.generator import Drawn, automatic_settings

    scene = make_scene(train=1, heldout=0, masks=False)
    admin = login("admin")
    run = admin.post("/api/generations", json={"dataset_id": str(scene.dataset_id)}).json()
    assert (run["preset"], run["settings"]) == ("automatic", {})
    asked: list[Drawn] = []

    def choose(sam: Any, drawn: Drawn) -> Any:
        asked.append(drawn)
        return automatic_settings(sam, drawn)

    monkeypatch.setattr(tasks, "automatic_settings", choose)
    run_jobs()
    done = admin.get(f"/api/generations/{run['id']}").json()
    assert done["state"] == "succeeded"
    assert done["settings"]["source"] == "grid", "the tiny model has no detector"
    assert asked == [Drawn(None, None)], "nobody has drawn anything"


def test_objects_are_as_large_as_what_people_drew(make_scene: Callable[..., Scene], runtime: Runtime) -> None:
    scene = make_scene(train=1, heldout=0, masks=False)
    with runtime.database.transaction() as session:
        assert service.drawn(session, scene.dataset_id) == (None, None)
        image_id = session.scalars(select(Image.id).where(Image.dataset_id == scene.dataset_id)).one()
        squares = [{"segmentation": box_rle(0, 0, side, side)} for side in (4, 10, 20, 30)]
        intake.import_masks(session, image_id, squares)
        session.execute(update(Mask).where(Mask.area == 900).values(status=MaskStatus.REJECTED))
        session.execute(update(Mask).where(Mask.area == 400).values(source=MaskSource.MODEL))
        assert service.drawn(session, scene.dataset_id) == (10.0, None), "too few to know the largest"
        session.execute(update(Mask).where(Mask.area == 16).values(source=MaskSource.GENERATED))
        assert service.drawn(session, scene.dataset_id) == (15.8, None), "of 100 and 400 pixels"
        intake.import_masks(
            session, image_id, [{"segmentation": box_rle(0, n, 5, n + 1)} for n in range(service.ENOUGH)]
        )
        assert service.drawn(session, scene.dataset_id) == (pytest.approx(5**0.5, abs=0.1), 600.0)


def test_nothing_to_generate_on(login: Any, make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(train=0, heldout=0)
    admin = login("admin")
    assert "no images" in generate(admin, scene.dataset_id).json()["detail"]
    assert generate(login("annotator"), scene.dataset_id).status_code == 403
    # Entering stage 3 without images is possible all the same.
    url = f"/api/datasets/{scene.dataset_id}/stage"
    assert admin.post(url, json={"stage": 3, "reason": "early"}).status_code == 200


def test_generated_masks_do_not_repeat_what_people_made() -> None:
    candidates = [box_rle(0, 0, 20, 20), box_rle(1, 0, 20, 20), box_rle(5, 5, 15, 15), box_rle(30, 30, 40, 40)]
    assert free_of(candidates, [box_rle(0, 0, 20, 20)]) == [2, 3]
    assert free_of(candidates, []) == [0, 1, 2, 3]
    assert free_of([], [box_rle(0, 0, 20, 20)]) == []


# -- stage 2 ----------------------------------------------------------------------------------------------------------


def enter_stage_two(client: Any, dataset_id: uuid.UUID) -> None:
    answer = client.post(f"/api/datasets/{dataset_id}/stage", json={"stage": 2, "reason": "test"})
    assert answer.status_code == 200, answer.text


def embed(runtime: Runtime, dataset_id: uuid.UUID, run_jobs: Callable[[], int]) -> None:
    with runtime.database.transaction() as session:
        registry.embed_missing(session, dataset_id)
    run_jobs()


@pytest.mark.usefixtures("eager")
def test_proposals_for_waiting_images_only(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=4, heldout=0, masks=False)
    waiting, held, done, rest = scene.image_ids
    with runtime.database.transaction() as session:
        user = make_user(session)
        leases.lease(session, scene.dataset_id, user, image_id=held)
        other = make_user(session)
        task = leases.lease(session, scene.dataset_id, other, image_id=done)
        assert task is not None
        leases.settle(session, task, other, leases.TaskState.DONE, 1.0)
    embed(runtime, scene.dataset_id, run_jobs)
    assert not masks_of(runtime)
    enter_stage_two(login("admin"), scene.dataset_id)
    run_jobs()
    made = masks_of(runtime)
    assert {mask.image_id for mask in made} == {waiting, rest}
    assert {(mask.source, mask.status) for mask in made} == {(MaskSource.PROPOSAL, MaskStatus.PROPOSED)}
    with runtime.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(ProposedImage)) == 2
        service.request_proposals(session, scene.dataset_id)
        leases.release(session, leases.task_of_image(session, held).id, user)
        assert service.request_proposals(session, scene.dataset_id) is not None
    run_jobs()
    assert {mask.image_id for mask in masks_of(runtime)} == {waiting, held, rest}


@pytest.mark.usefixtures("eager")
def test_generated_masks_take_the_place_of_proposals(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=2, heldout=0, masks=False)
    embed(runtime, scene.dataset_id, run_jobs)
    admin = login("admin")
    enter_stage_two(admin, scene.dataset_id)
    run_jobs()
    assert {mask.source for mask in masks_of(runtime)} == {MaskSource.PROPOSAL}
    assert generate(admin, scene.dataset_id).status_code == 201
    run_jobs()
    generated = masks_of(runtime)
    assert {(mask.source, mask.status) for mask in generated} == {(MaskSource.GENERATED, MaskStatus.ACCEPTED)}
    with runtime.database.transaction() as session:
        session.execute(delete(ProposedImage))
        service.request_proposals(session, scene.dataset_id)
    run_jobs()
    for image_id in scene.image_ids:
        masks = [mask for mask in masks_of(runtime) if mask.image_id == image_id]
        proposed = [mask.rle for mask in masks if mask.status == MaskStatus.PROPOSED]
        there = [mask.rle for mask in masks if mask.source == MaskSource.GENERATED]
        assert there
        assert len(free_of(proposed, there)) == len(proposed)


@pytest.mark.usefixtures("eager")
def test_a_new_model_replaces_untouched_proposals_only(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    tiny_files: ModelFiles,
) -> None:
    scene = make_scene(train=2, heldout=0, masks=False)
    embed(runtime, scene.dataset_id, run_jobs)
    enter_stage_two(login("admin"), scene.dataset_id)
    run_jobs()
    first = masks_of(runtime)
    accepted = next(mask for mask in first if mask.image_id == scene.image_ids[0])
    with runtime.database.transaction() as session:
        session.execute(update(Mask).where(Mask.id == accepted.id).values(status=MaskStatus.ACCEPTED))
        new = register_tiny_model(session, runtime.storage, tiny_files)
        registry.activate(session, scene.dataset_id, new.id)
    run_jobs()
    second = masks_of(runtime)
    proposed = [mask for mask in second if mask.status == MaskStatus.PROPOSED]
    assert {mask.model_id for mask in proposed} == {new.id}
    assert {mask.image_id for mask in proposed} <= set(scene.image_ids)
    assert accepted.id in {mask.id for mask in second}
    assert {mask.id for mask in proposed}.isdisjoint({mask.id for mask in first})
    on_top = [mask.rle for mask in proposed if mask.image_id == accepted.image_id]
    assert len(free_of(on_top, [accepted.rle])) == len(on_top)


@pytest.mark.usefixtures("eager")
def test_after_a_round_proposals_come_from_the_detector(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from engine.generate import settings
    from engine.model.detector import Detector

    boxes = {key: value for key, value in OPEN.items() if key != "points_per_side"}
    boxes |= {"source": "detector", "max_boxes": 6, "box_quality_thresh": 0.0}
    monkeypatch.setitem(settings.PRESETS, "detector", boxes)
    asked: list[tuple[int, int]] = []
    detect = Detector.detect

    def watched(self: Detector, embedding: Any, input_size: tuple[int, int], **how: Any) -> Any:
        asked.append(input_size)
        return detect(self, embedding, input_size, **how)

    scene = make_scene(train=3, heldout=0, masks=False)
    with runtime.database.transaction() as session:
        for image_id in scene.image_ids[1:]:
            add_disc(session, image_id, 2)  # what the round learns from, and is measured on
    embed(runtime, scene.dataset_id, run_jobs)
    admin = login("admin")
    quick = {"max_steps": 2, "num_images": 1, "num_masks": 1, "detector_steps": 2}
    started = admin.post("/api/rounds", json={"dataset_id": str(scene.dataset_id), "settings": quick}).json()
    run_jobs()
    model_id = admin.get(f"/api/rounds/{started['id']}").json()["model_id"]
    with runtime.database.transaction() as session:
        registry.activate(session, scene.dataset_id, uuid.UUID(model_id))
    monkeypatch.setattr(Detector, "detect", watched)
    enter_stage_two(admin, scene.dataset_id)
    run_jobs()
    # The disc that somebody drew is small for this model: it looks at each image and at four crops of it.
    assert asked == ([(48, 64)] + [(51, 64)] * 4) * 3
    with runtime.database.transaction() as session:
        rows = session.scalars(select(ProposedImage)).all()
        assert [(str(row.model_id), row.error) for row in rows] == [(model_id, None)] * 3


@pytest.mark.usefixtures("eager")
def test_proposals_follow_the_embeddings(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=2, heldout=0, masks=False)
    enter_stage_two(login("admin"), scene.dataset_id)
    run_jobs()
    assert not masks_of(runtime)
    embed(runtime, scene.dataset_id, run_jobs)
    assert {mask.image_id for mask in masks_of(runtime)} == set(scene.image_ids)


@pytest.mark.usefixtures("eager")
def test_an_image_deleted_meanwhile_is_passed_over(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = make_scene(train=2, heldout=0, masks=False)
    embed(runtime, scene.dataset_id, run_jobs)
    original = tasks._propose

    def delete_then_propose(ctx: Any, sam: Any, model: Any, image: Image, *rest: Any) -> Any:
        if image.id == scene.image_ids[0]:
            with runtime.database.transaction() as session:
                session.delete(session.get_one(Image, image.id))
        return original(ctx, sam, model, image, *rest)

    monkeypatch.setattr(tasks, "_propose", delete_then_propose)
    enter_stage_two(login("admin"), scene.dataset_id)
    run_jobs()
    assert {mask.image_id for mask in masks_of(runtime)} == {scene.image_ids[1]}
