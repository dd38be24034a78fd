"""Rounds with a real (tiny) model, from the button to the verdict, and through every interruption."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from backend.annotation.models import Mask, MaskStatus
from backend.core.runtime import Runtime
from backend.registry import embeddings
from backend.registry import service as registry
from backend.registry.models import ModelVersion
from backend.registry.service import ModelFiles
from backend.rounds import service, tasks
from backend.rounds.gate import GateResult
from backend.rounds.snapshot import Snapshot, content_sha256
from engine.model.sam import Sam
from engine.train.rounds import PACES, RoundSettings
from tests.backend.conftest import Scene, add_disc

QUICK = {"max_steps": 3, "num_images": 2, "num_masks": 2, "detector_steps": 2}


def start(client: Any, scene: Scene, settings: dict[str, Any] | None = None, **values: Any) -> Any:
    body = {"dataset_id": str(scene.dataset_id), "settings": QUICK if settings is None else settings, **values}
    return client.post("/api/rounds", json=body)


def get(client: Any, round_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/rounds/{round_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def active_model(runtime: Runtime, scene: Scene) -> uuid.UUID:
    with runtime.database.transaction() as session:
        model = registry.active_model(session, scene.dataset_id)
        assert model is not None
        return model.id


def count_models(runtime: Runtime) -> int:
    with runtime.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(ModelVersion)) or 0


@pytest.fixture
def quick_packaging(monkeypatch: pytest.MonkeyPatch, tiny_files: ModelFiles) -> None:
    """Graphs of the parent instead of the child's own: making them takes longer than all the rest of a tiny round."""
    from engine.model.checkpoint import decoder_sha256, encoder_sha256, save_model

    def package(model: Any, folder: Path, metadata: dict[str, Any]) -> ModelFiles:
        folder.mkdir(parents=True, exist_ok=True)
        weights = folder / "weights.safetensors"
        save_model(model, weights, metadata)
        shas = {"encoder_sha256": encoder_sha256(model), "decoder_sha256": decoder_sha256(model)}
        return replace(tiny_files, weights=weights, **shas)

    monkeypatch.setattr(tasks, "package_model", package)


quick = pytest.mark.usefixtures("quick_packaging")


def decide_as(monkeypatch: pytest.MonkeyPatch, passed: bool) -> None:
    """The gate's verdict, given: what an untrained model gains is chance."""

    def decide(differences: Any, **values: Any) -> GateResult:
        return GateResult(
            passed=passed, reason="given", gain=0.1 if passed else -0.1, ci_low=-0.2, ci_high=0.2,
            num_images=len(differences), num_masks=values["num_masks"], measured_on=values["measured_on"],
            max_drop=values["max_drop"], confidence=values["confidence"],
        )  # fmt: skip

    monkeypatch.setattr(tasks, "decide", decide)


def test_a_round_comes_to_a_verdict(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=3, heldout=2)
    admin = login("admin")
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
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide_as(monkeypatch, False)
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
    row = start(admin, scene).json()
    run_jobs()
    done = get(admin, row["id"])
    assert done["state"] == "rejected"
    assert active_model(runtime, scene) == scene.model_id
    assert admin.post(f"/api/rounds/{row['id']}/rollback").status_code == 409
    forced = admin.post(f"/api/rounds/{row['id']}/activate").json()
    assert forced["state"] == "activated"
    assert forced["gate"]["passed"] is False
    assert forced["gate"]["overridden_by"] == str(admin.user_id)
    assert str(active_model(runtime, scene)) == done["model_id"]
    back = admin.post(f"/api/rounds/{row['id']}/rollback").json()
    assert back["gate"]["rolled_back_at"]
    assert active_model(runtime, scene) == scene.model_id


@quick
def test_activation_reaches_the_dataset_and_the_next_round(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide_as(monkeypatch, True)
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
    row = start(admin, scene).json()
    run_jobs()
    done = get(admin, row["id"])
    assert done["state"] == "activated"
    assert str(active_model(runtime, scene)) == done["model_id"]
    second = start(admin, scene).json()
    assert (second["number"], second["parent_model_id"]) == (2, done["model_id"])
    listed = admin.get("/api/rounds", params={"dataset_id": str(scene.dataset_id)}).json()["items"]
    assert [item["number"] for item in listed] == [2, 1]


@quick
def test_another_model_activated_meanwhile_is_left_alone(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    tiny_files: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.factories.models import register_tiny_model

    decide_as(monkeypatch, True)
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
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
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=3, heldout=0)
    admin = login("admin")
    row = start(admin, scene).json()
    run_jobs()
    done = get(admin, row["id"])
    assert done["snapshot"]["images"] == 2
    assert "set aside from the training images" in done["gate"]["reason"]
    snapshot = Snapshot.from_json(runtime.storage.read_bytes(f"snapshots/{done['snapshot']['sha256']}.json"))
    assert not {i.image_id for i in snapshot.train} & {i.image_id for i in snapshot.heldout}


@quick
def test_one_image_trains_but_is_not_activated(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=1, heldout=0)
    admin = login("admin")
    row = start(admin, scene).json()
    run_jobs()
    done = get(admin, row["id"])
    assert (done["state"], done["before"], done["after"]) == ("rejected", None, None)
    assert "nothing to measure on" in done["gate"]["reason"]
    assert admin.post(f"/api/rounds/{row['id']}/activate").json()["state"] == "activated"


def test_what_is_missing_is_said(login: Any, make_scene: Callable[..., Scene], runtime: Runtime) -> None:
    admin = login("admin")
    empty = start(admin, make_scene(train=1, heldout=1, masks=False))
    assert (empty.status_code, empty.json()["code"]) == (422, "invalid")
    assert "no final masks" in empty.json()["detail"]
    only_heldout = make_scene(train=0, heldout=2)
    assert "held-out images" in start(admin, only_heldout).json()["detail"]
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


def test_cancel_before_it_starts(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=2, heldout=0)
    admin = login("admin")
    row = start(admin, scene).json()
    cancelled = admin.post(f"/api/rounds/{row['id']}/cancel").json()
    assert cancelled["state"] == "cancelled"
    run_jobs()
    assert get(admin, row["id"])["snapshot"] is None
    assert admin.post(f"/api/rounds/{row['id']}/cancel").status_code == 409
    assert start(admin, scene).json()["number"] == 2


@quick
def test_cancel_while_it_trains(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
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
@pytest.mark.parametrize("broken_step", ["train", "measure", "register", "embed", "conclude"])
def test_a_round_goes_on_after_a_failure_in_any_step(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    broken_step: str,
) -> None:
    decide_as(monkeypatch, True)
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
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
            "measure": (tasks, "evaluate"),
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
    assert len(trainings) == 1
    assert count_models(runtime) == 2
    assert admin.post(f"/api/jobs/{row['job_id']}/retry").status_code == 409


@quick
def test_running_twice_doubles_nothing(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide_as(monkeypatch, True)
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
    row = start(admin, scene).json()
    run_jobs()
    done = get(admin, row["id"])
    with runtime.database.transaction() as session:
        from backend.core import jobs

        jobs.enqueue(session, service.WORK.kind, payload={"round_id": row["id"]}, dataset_id=scene.dataset_id)
    run_jobs()
    assert get(admin, row["id"]) == done
    assert count_models(runtime) == 2


@quick
def test_a_full_round_changes_the_encoder_and_embeds_again(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide_as(monkeypatch, True)
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
    row = start(admin, scene, mode="full").json()
    run_jobs()
    done = get(admin, row["id"])
    assert (done["state"], done["error"]) == ("activated", None)
    model = admin.get(f"/api/models/{done['model_id']}").json()
    parent = admin.get(f"/api/models/{scene.model_id}").json()
    assert model["encoder_sha256"] != parent["encoder_sha256"]
    image = admin.get(f"/api/images/{scene.image_ids[0]}/embedding", params={"encoder": model["encoder_sha256"]})
    assert image.status_code == 200


@quick
def test_the_platform_chooses_what_a_round_trains_and_says_so(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
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
    second = start(admin, scene, {**QUICK, "learning_rate": 3e-4}, mode="decoder").json()
    run_jobs()
    done = get(admin, second["id"])
    assert done["mode"] == "decoder", "who names a mode gets it"
    recipe = admin.get(f"/api/models/{done['model_id']}").json()["lineage"]["recipe"]
    assert (recipe["learning_rate"], recipe["frozen_layers"]) == (3e-4, 0)


def test_a_round_takes_the_time_that_the_settings_give_it(login: Any, make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
    changed = admin.patch(f"/api/datasets/{scene.dataset_id}", json={"policy": {"round_minutes": 3}})
    assert changed.json()["policy"]["round_minutes"] == 3
    row = start(admin, scene).json()
    assert row["settings"]["minutes"] == 3
    admin.post(f"/api/rounds/{row['id']}/cancel")
    assert start(admin, scene, {"minutes": 7}).json()["settings"]["minutes"] == 7


@quick
def test_what_nobody_drew_is_not_taught_as_background(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = make_scene(train=2, heldout=1)
    reads: list[str] = []
    original_read, original_train = tasks.read_rgb, tasks.train_full_round

    def read(storage: Any, sha256: str) -> Any:
        reads.append(sha256)
        return original_read(storage, sha256)

    def look(model: Sam, samples: Any, *rest: Any) -> Sam:
        assert len(samples) == 2
        assert not any(samples[index].complete for index in range(2))
        trained = original_train(model, samples, *rest)
        assert sorted(reads) == sorted(set(reads)), "each image is decoded once for all steps"
        assert len(reads) == 2
        return trained

    monkeypatch.setattr(tasks, "read_rgb", read)
    monkeypatch.setattr(tasks, "train_full_round", look)
    admin = login("admin")
    row = start(admin, scene, mode="full").json()
    run_jobs()
    assert get(admin, row["id"])["error"] is None


@quick
def test_images_are_embedded_before_the_new_encoder_serves(
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide_as(monkeypatch, True)
    scene = make_scene(train=2, heldout=1)
    annotator, admin = login("annotator"), login("admin")
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
    row = start(admin, scene, mode="full").json()
    run_jobs()
    done = get(admin, row["id"])
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
    login: Any,
    run_jobs: Callable[[], int],
    make_scene: Callable[..., Scene],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide_as(monkeypatch, True)
    scene = make_scene(train=2, heldout=1)
    admin = login("admin")
    made: list[int] = []
    original = tasks.embed_images

    def hurried(*values: Any, **settings: Any) -> Any:
        done = original(*values, **{**settings, "minutes": 0})
        made.append(done["embedded"])
        return done

    monkeypatch.setattr(tasks, "embed_images", hurried)
    row = start(admin, scene, mode="full").json()
    run_jobs()
    done = get(admin, row["id"])
    assert (done["state"], made) == ("activated", [0])
    encoder = admin.get(f"/api/models/{done['model_id']}").json()["encoder_sha256"]
    with runtime.database.transaction() as session:
        assert embeddings.progress(session, scene.dataset_id, encoder).ready == 3


@quick
def test_proposals_kept_as_they_were_measure_nothing(
    login: Any, run_jobs: Callable[[], int], make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=2, heldout=2)
    with runtime.database.transaction() as session:
        session.execute(update(Mask).where(Mask.image_id == scene.image_ids[2]).values(source="proposal"))
    admin = login("admin")
    row = start(admin, scene).json()
    run_jobs()
    done = get(admin, row["id"])
    assert done["before"]["num_images"] == 1
    data = runtime.storage.read_bytes(f"snapshots/{done['snapshot']['sha256']}.json")
    assert [image["image_id"] for image in json.loads(data)["heldout"]] == [str(scene.image_ids[3])]
