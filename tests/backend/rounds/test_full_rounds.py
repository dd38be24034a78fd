"""Rounds of the whole model: how they come about, what they learn from, and what becomes of the embeddings."""

import uuid
from typing import Any

import pytest

from backend.core.runtime import Runtime
from backend.registry import embeddings
from backend.registry import service as registry
from backend.registry.models import ModelVersion
from backend.rounds import samples as snapshot_samples
from backend.rounds import service, tasks
from engine.evaluate.clicks import ClickReport, ImageFigures
from engine.model.sam import Sam
from engine.train.rounds import PACES
from tests.backend.conftest import Scene
from tests.backend.rounds.conftest import QUICK, RunJobs, RunRound, add_proposal, decide_as, get, quick, start


@quick
def test_a_full_round_changes_the_encoder_and_embeds_again(
    scene: Scene, admin: Any, run_round: RunRound, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide_as(monkeypatch, True)
    done = run_round(scene, mode="full")
    assert (done["state"], done["error"]) == ("activated", None)
    model = admin.get(f"/api/models/{done['model_id']}").json()
    parent = admin.get(f"/api/models/{scene.model_id}").json()
    assert model["encoder_sha256"] != parent["encoder_sha256"]
    image = admin.get(f"/api/images/{scene.image_ids[0]}/embedding", params={"encoder": model["encoder_sha256"]})
    assert image.status_code == 200


@quick
def test_the_platform_chooses_what_a_round_trains_and_says_so(
    scene: Scene, admin: Any, run_round: RunRound, run_jobs: RunJobs
) -> None:
    row = start(admin, scene, {**QUICK, "max_steps": None, "minutes": 0.02}).json()
    assert row["mode"] == "auto"
    run_jobs()
    done = get(admin, row["id"])
    assert (done["mode"], done["error"]) == ("full", None), "the tiny model's encoder is a convolutional one"
    lineage = admin.get(f"/api/models/{done['model_id']}").json()["lineage"]
    assert lineage["mode"] == "full"
    pace, recipe = PACES["conv"], lineage["recipe"]
    assert (recipe["learning_rate"], recipe["encoder_lr"], recipe["frozen_layers"]) == pace[:3]
    assert recipe["steps"] == recipe["max_steps"] == pace.steps[0]
    assert 0.9 < recipe["old_share"] == pace.old_share_for(lineage["snapshot_masks"]) < 1
    done = run_round(scene, {**QUICK, "learning_rate": 3e-4}, mode="decoder")
    assert done["mode"] == "decoder", "who names a mode gets it"
    recipe = admin.get(f"/api/models/{done['model_id']}").json()["lineage"]["recipe"]
    assert (recipe["learning_rate"], recipe["frozen_layers"], recipe["old_share"]) == (3e-4, 0, 0.0)


@quick
@pytest.mark.parametrize(
    ("careful_iou", "bold_iou", "bold"), [(0.5, 0.6, True), (0.6, 0.5, False), (0.6, 0.605, False)]
)
def test_held_out_masks_say_how_much_a_round_on_few_masks_takes_over(
    careful_iou: float,
    bold_iou: float,
    bold: bool,
    scene: Scene,
    admin: Any,
    run_round: RunRound,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[float] = []

    def measured(model: Sam, samples: Any, clicks: Any, **options: Any) -> ClickReport:
        if "box" in options:  # only the two ends are measured by clicks alone
            told.append((careful_iou, bold_iou)[len(told)])
        ious = {count: [told[-1] if "box" in options else 0.7] for count in clicks}
        return ClickReport([ImageFigures("held out", ious, predicted_after=ious)], tuple(clicks))

    monkeypatch.setattr(tasks, "evaluate", measured)
    done = run_round(scene, mode="full")
    assert told == [careful_iou, bold_iou]
    lineage = admin.get(f"/api/models/{done['model_id']}").json()["lineage"]
    recipe, careful = lineage["recipe"], PACES["conv"].old_share_for(lineage["snapshot_masks"])
    chosen = 0.5 if bold else careful
    assert recipe["old_share"] == chosen
    gain = pytest.approx(bold_iou - careful_iou)
    assert recipe["share"] == {"careful": careful, "bold": 0.5, "chosen": chosen, "gain": gain, "num_images": 1}


def test_a_round_takes_the_time_that_the_settings_give_it(scene: Scene, admin: Any) -> None:
    changed = admin.patch(f"/api/datasets/{scene.dataset_id}", json={"policy": {"round_minutes": 3}})
    assert changed.json()["policy"]["round_minutes"] == 3
    row = start(admin, scene).json()
    assert row["settings"]["minutes"] == 3
    admin.post(f"/api/rounds/{row['id']}/cancel")
    assert start(admin, scene, {"minutes": 7}).json()["settings"]["minutes"] == 7


@quick
def test_what_nobody_drew_is_not_taught_as_background(
    scene: Scene, run_round: RunRound, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with runtime.database.transaction() as session:
        for image_id in scene.image_ids[:2]:
            add_proposal(session, image_id, [1, 2, 3, 4], dropped=image_id == scene.image_ids[0])
    reads: list[str] = []
    original_read, original_train = snapshot_samples.read_rgb, tasks.train_full_round

    def read(storage: Any, sha256: str) -> Any:
        reads.append(sha256)
        return original_read(storage, sha256)

    def look(model: Sam, samples: Any, *rest: Any) -> Sam:
        assert len(samples) == 2
        dropped = {samples[index].name: samples[index].dropped for index in range(2)}
        first, second = (str(image_id) for image_id in scene.image_ids[:2])
        assert dropped == {first: ((1, 2, 4, 6),), second: ()}, "xywh in the database, corners for training"
        assert not any(samples[index].complete for index in range(2))
        trained = original_train(model, samples, *rest)
        assert sorted(reads) == sorted(set(reads)), "each image is decoded once for all steps and shares"
        assert len(reads) == 3, "and the one held out"
        return trained

    monkeypatch.setattr(snapshot_samples, "read_rgb", read)
    monkeypatch.setattr(tasks, "train_full_round", look)
    assert run_round(scene, mode="full")["error"] is None


@quick
def test_images_are_embedded_before_the_new_encoder_serves(
    scene: Scene, login: Any, run_round: RunRound, run_jobs: RunJobs, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide_as(monkeypatch, True)
    annotator = login("annotator")
    with runtime.database.transaction() as session:
        registry.embed_missing(session, scene.dataset_id)
    run_jobs()
    task = annotator.post("/api/tasks/lease", json={"dataset_id": str(scene.dataset_id)}).json()
    seen: list[tuple[uuid.UUID, int]] = []
    conclude = service.conclude

    def look(session: Any, *values: Any) -> Any:
        model = registry.active_model(session, scene.dataset_id)
        new = session.get(ModelVersion, values[-1])
        seen.append((model.id, embeddings.progress(session, scene.dataset_id, new.encoder_sha256).ready))
        return conclude(session, *values)

    monkeypatch.setattr(service, "conclude", look)
    done = run_round(scene, mode="full")
    assert done["state"] == "activated"
    assert seen == [(scene.model_id, 3)], "all three, while the parent still served"
    # The page with an open image goes on with the pair it has; what it is given next fits together too.
    old = {"encoder": task["model"]["encoder_sha256"]}
    assert annotator.get(f"/api/images/{task['image']['id']}/embedding", params=old).status_code == 200
    annotator.post(f"/api/tasks/{task['id']}/complete", json={"skipped": True, "seconds_s": 1})
    following = annotator.post("/api/tasks/lease", json={"dataset_id": str(scene.dataset_id)}).json()
    assert following["model"]["id"] == done["model_id"]
    new = {"encoder": following["model"]["encoder_sha256"]}
    assert annotator.get(f"/api/images/{following['image']['id']}/embedding", params=new).status_code == 200


@quick
def test_what_there_was_no_time_to_embed_follows_after_the_activation(
    scene: Scene, admin: Any, run_round: RunRound, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide_as(monkeypatch, True)
    made: list[int] = []
    original = tasks.embed_images

    def hurried(*values: Any, **settings: Any) -> Any:
        done = original(*values, **{**settings, "minutes": 0})
        made.append(done["embedded"])
        return done

    monkeypatch.setattr(tasks, "embed_images", hurried)
    done = run_round(scene, mode="full")
    assert (done["state"], made) == ("activated", [0])
    encoder = admin.get(f"/api/models/{done['model_id']}").json()["encoder_sha256"]
    with runtime.database.transaction() as session:
        assert embeddings.progress(session, scene.dataset_id, encoder).ready == 3
