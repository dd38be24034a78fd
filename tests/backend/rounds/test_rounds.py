"""Rounds with a real (tiny) model, from the button to the verdict, and through every interruption."""

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select, update

from backend.annotation.models import Mask, MaskStatus
from backend.core.runtime import Runtime
from backend.registry import service as registry
from backend.registry.models import ModelVersion
from backend.rounds import service, tasks
from backend.rounds.snapshot import Snapshot, content_sha256
from engine.train.rounds import PACES, RoundSettings
from tests.backend.conftest import Scene, add_disc
from tests.backend.rounds.conftest import MakeScene, RunJobs, RunRound, active_model, decide_as, get, quick, start


def count_models(runtime: Runtime) -> int:
    with runtime.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(ModelVersion)) or 0


def test_a_round_comes_to_a_verdict(make_scene: MakeScene, admin: Any, run_jobs: RunJobs, runtime: Runtime) -> None:
    scene = make_scene(train=3, heldout=2)
    started = start(admin, scene, mode="decoder")
    assert started.status_code == 201, started.text
    assert (started.json()["state"], started.json()["number"], started.json()["trigger"]) == ("pending", 1, "manual")
    assert start(admin, scene).status_code == 409
    run_jobs()
    done = get(admin, started.json()["id"])
    assert done["error"] is None
    assert done["state"] == ("activated" if done["gate"]["passed"] else "rejected")
    assert done["snapshot"] | {"sha256": ""} == {"sha256": "", "masks": 3, "images": 3}
    assert (done["before"]["num_images"], done["before"]["num_masks"]) == (2, 2)
    for figures in (done["before"], done["after"]):
        assert {"miou_1", "miou_5", "box_miou"} <= figures.keys()
        assert "per_image" not in figures
    gain = done["gate"]["gain"]
    change = [done["after"][key] - done["before"][key] for key in ("miou_1", "miou_5")]
    assert gain == pytest.approx(sum(change) / 2)
    assert done["gate"]["ci_low"] <= gain <= done["gate"]["ci_high"]
    assert "2 masks of 2 images held out" in done["gate"]["reason"]
    model = admin.get(f"/api/models/{done['model_id']}").json()
    assert model["parent_id"] == str(scene.model_id)
    assert model["round_id"] == done["id"]
    assert model["lineage"]["snapshot_sha256"] == done["snapshot"]["sha256"]
    assert model["lineage"]["settings"]["max_steps"] == 3
    recipe = model["lineage"]["recipe"]
    assert (recipe["steps"], recipe["replay"]) == (3, RoundSettings().replay)
    pace = PACES["decoder"]
    assert (recipe["learning_rate"], recipe["encoder_lr"], recipe["frozen_layers"]) == pace[:3]
    assert model["lineage"]["software"]["version"]
    assert model["lineage"]["started_by"] == done["cause"]["started_by"] == admin.get("/api/session").json()["name"]
    assert model["lineage"]["before"] == done["before"]
    assert model["lineage"]["gate"]["reason"] == done["gate"]["reason"]
    with runtime.storage.open(f"models/{done['model_id']}/weights.safetensors") as weights:
        assert b"started_by" not in weights.read(), "weights may be given away"
    assert model["metrics"]["miou_1"] == done["after"]["miou_1"]
    assert model["lineage"]["detector"]["steps"] == 2
    assert model["lineage"]["detector"]["loss"] > 0
    assert 0 <= model["metrics"]["detector_recall"] == done["after"]["detector_recall"] <= 1
    assert "detector_recall" not in done["before"], "the parent has no detector"
    parent = admin.get(f"/api/models/{scene.model_id}").json()
    assert model["encoder_sha256"] == parent["encoder_sha256"]
    assert model["decoder_sha256"] != parent["decoder_sha256"]
    data = runtime.storage.read_bytes(f"snapshots/{done['snapshot']['sha256']}.json")
    assert content_sha256(data) == done["snapshot"]["sha256"]
    snapshot = Snapshot.from_json(data)
    assert {image.image_id for image in snapshot.train} == {str(i) for i in scene.image_ids[:3]}
    assert {image.image_id for image in snapshot.heldout} == {str(i) for i in scene.image_ids[3:]}
    expected = uuid.UUID(done["model_id"]) if done["state"] == "activated" else scene.model_id
    assert active_model(runtime, scene) == expected


@quick
def test_rejected_then_activated_by_hand_then_rolled_back(
    scene: Scene, admin: Any, run_round: RunRound, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide_as(monkeypatch, False)
    done = run_round(scene)
    assert done["state"] == "rejected"
    assert active_model(runtime, scene) == scene.model_id
    assert admin.post(f"/api/rounds/{done['id']}/rollback").status_code == 409
    forced = admin.post(f"/api/rounds/{done['id']}/activate").json()
    assert forced["state"] == "activated"
    assert forced["gate"]["passed"] is False
    assert forced["gate"]["overridden_by"] == str(admin.user_id)
    assert str(active_model(runtime, scene)) == done["model_id"]
    back = admin.post(f"/api/rounds/{done['id']}/rollback").json()
    assert back["gate"]["rolled_back_at"]
    assert active_model(runtime, scene) == scene.model_id


@quick
def test_activation_reaches_the_dataset_and_the_next_round(
    scene: Scene, admin: Any, run_round: RunRound, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide_as(monkeypatch, True)
    done = run_round(scene)
    assert done["state"] == "activated"
    assert str(active_model(runtime, scene)) == done["model_id"]
    second = start(admin, scene).json()
    assert (second["number"], second["parent_model_id"]) == (2, done["model_id"])
    listed = admin.get("/api/rounds", params={"dataset_id": str(scene.dataset_id)}).json()["items"]
    assert [item["number"] for item in listed] == [2, 1]


@quick
def test_another_model_activated_meanwhile_is_left_alone(
    scene: Scene, admin: Any, run_jobs: RunJobs, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, tiny_files: Any
) -> None:
    from tests.factories.models import register_tiny_model

    decide_as(monkeypatch, True)
    row = start(admin, scene).json()
    with runtime.database.transaction() as session:
        other = register_tiny_model(session, runtime.storage, tiny_files)
        registry.activate(session, scene.dataset_id, other.id)
    run_jobs()
    done = get(admin, row["id"])
    assert done["state"] == "rejected"
    assert "another model was activated" in done["gate"]["reason"]
    assert active_model(runtime, scene) == other.id


@quick
def test_without_held_out_masks_images_are_set_aside(
    make_scene: MakeScene, run_round: RunRound, runtime: Runtime
) -> None:
    scene = make_scene(train=3, heldout=0)
    done = run_round(scene)
    assert done["snapshot"]["images"] == 2
    assert "set aside from the training images" in done["gate"]["reason"]
    snapshot = Snapshot.from_json(runtime.storage.read_bytes(f"snapshots/{done['snapshot']['sha256']}.json"))
    assert not {i.image_id for i in snapshot.train} & {i.image_id for i in snapshot.heldout}


@quick
def test_what_cannot_be_measured_is_not_activated(
    make_scene: MakeScene, admin: Any, run_jobs: RunJobs, runtime: Runtime
) -> None:
    scene = make_scene(train=2, heldout=0)
    row = start(admin, scene).json()
    with runtime.database.transaction() as session:
        # The second image's masks are rejected between the click and the snapshot.
        session.execute(update(Mask).where(Mask.image_id == scene.image_ids[1]).values(status=MaskStatus.REJECTED))
    run_jobs()
    done = get(admin, row["id"])
    assert (done["state"], done["before"], done["after"]) == ("rejected", None, None)
    assert "nothing to measure on" in done["gate"]["reason"]
    assert admin.post(f"/api/rounds/{done['id']}/activate").json()["state"] == "activated"


def test_what_is_missing_is_said(make_scene: MakeScene, login: Any, admin: Any, runtime: Runtime) -> None:
    empty = start(admin, make_scene(train=1, heldout=1, masks=False))
    assert (empty.status_code, empty.json()["code"]) == (422, "invalid")
    assert "no final masks" in empty.json()["detail"]
    only_heldout = make_scene(train=0, heldout=2)
    assert "held-out images" in start(admin, only_heldout).json()["detail"]
    assert "second one to be measured on" in start(admin, make_scene(train=1, heldout=0)).json()["detail"]
    rejected = make_scene(train=1, heldout=0)
    with runtime.database.transaction() as session:
        session.execute(update(Mask).values(status=MaskStatus.REJECTED))
    assert start(admin, rejected).status_code == 422
    assert start(admin, rejected, {"stepz": 3}).status_code == 422
    assert "stepz" in start(admin, rejected, {"stepz": 3}).json()["detail"]
    assert start(admin, rejected, {"learning_rate": -1}).status_code == 422
    assert start(admin, rejected, {"learning_rate": None}).json()["code"] == "invalid", "nothing to learn from"
    assert start(admin, rejected, mode="sideways").status_code == 422
    assert start(login("reviewer"), rejected).status_code == 403
    assert admin.get(f"/api/rounds/{uuid.uuid4()}").status_code == 404


def test_cancel_before_it_starts(make_scene: MakeScene, admin: Any, run_jobs: RunJobs) -> None:
    scene = make_scene(train=2, heldout=0)
    row = start(admin, scene).json()
    cancelled = admin.post(f"/api/rounds/{row['id']}/cancel").json()
    assert cancelled["state"] == "cancelled"
    run_jobs()
    assert get(admin, row["id"])["snapshot"] is None
    assert admin.post(f"/api/rounds/{row['id']}/cancel").status_code == 409
    assert start(admin, scene).json()["number"] == 2


@quick
def test_cancel_while_it_trains(
    scene: Scene, admin: Any, run_jobs: RunJobs, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = start(admin, scene, {"max_steps": 2000, "num_images": 1}).json()
    original = tasks._RoundRun._training_progress

    def cancel_at_once(self: Any, done: int, total: int, figures: dict[str, Any]) -> None:
        original(self, done, total, figures)
        step = figures["step"]
        assert step < 50, "the round did not stop"
        if step == 1:
            admin.post(f"/api/rounds/{row['id']}/cancel")

    monkeypatch.setattr(tasks._RoundRun, "_training_progress", cancel_at_once)
    monkeypatch.setattr("backend.core.jobs.context.CHECK_EVERY_S", 0)
    run_jobs()
    done = get(admin, row["id"])
    assert (done["state"], done["model_id"]) == ("cancelled", None)
    assert active_model(runtime, scene) == scene.model_id
    assert count_models(runtime) == 1


@quick
@pytest.mark.parametrize("broken_step", ["train", "share", "measure", "register", "embed", "conclude"])
def test_a_round_goes_on_after_a_failure_in_any_step(
    scene: Scene, admin: Any, run_jobs: RunJobs, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, broken_step: str
) -> None:
    decide_as(monkeypatch, True)
    row = start(admin, scene).json()
    trainings: list[int] = []
    original_train = tasks.train_full_round

    def counted(*values: Any) -> Any:
        trainings.append(1)
        return original_train(*values)

    monkeypatch.setattr(tasks, "train_full_round", counted)
    with monkeypatch.context() as broken:
        targets = {
            "train": (tasks, "train_full_round"),
            "share": (tasks, "choose_share"),
            "measure": (tasks._RoundRun, "measure"),
            "register": (registry, "register_model"),
            "embed": (tasks, "embed_images"),
            "conclude": (service, "conclude"),
        }

        def stumble(*_: Any, **__: Any) -> Any:
            raise RuntimeError("the machine stumbled")

        broken.setattr(*targets[broken_step], stumble)
        run_jobs()
    failed = get(admin, row["id"])
    assert failed["state"] == "failed"
    assert "stumbled" in failed["error"]
    with runtime.database.transaction() as session:
        add_disc(session, scene.image_ids[0], 0, smaller=3)
    assert admin.post(f"/api/jobs/{row['job_id']}/retry").status_code == 200
    run_jobs()
    done = get(admin, row["id"])
    assert (done["state"], done["error"]) == ("activated", None)
    # The snapshot was taken before the failure: what came later is left to the next round.
    assert done["snapshot"]["masks"] == 2
    assert len(trainings) == (2 if broken_step == "share" else 1), "taken up at its last checkpoint, which is its end"
    assert count_models(runtime) == 2
    assert admin.post(f"/api/jobs/{row['job_id']}/retry").status_code == 409


@quick
def test_running_twice_doubles_nothing(
    scene: Scene, admin: Any, run_round: RunRound, run_jobs: RunJobs, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide_as(monkeypatch, True)
    done = run_round(scene)
    with runtime.database.transaction() as session:
        from backend.core import jobs

        jobs.enqueue(session, service.WORK.kind, payload={"round_id": done["id"]}, dataset_id=scene.dataset_id)
    run_jobs()
    assert get(admin, done["id"]) == done
    assert count_models(runtime) == 2


@quick
def test_proposals_kept_as_they_were_measure_nothing(
    make_scene: MakeScene, run_round: RunRound, runtime: Runtime
) -> None:
    scene = make_scene(train=2, heldout=2)
    with runtime.database.transaction() as session:
        session.execute(update(Mask).where(Mask.image_id == scene.image_ids[2]).values(source="proposal"))
    done = run_round(scene)
    assert done["before"]["num_images"] == 1
    data = runtime.storage.read_bytes(f"snapshots/{done['snapshot']['sha256']}.json")
    assert [image["image_id"] for image in json.loads(data)["heldout"]] == [str(scene.image_ids[3])]
