"""Rounds that another worker goes on with: after an update of the platform, or on a machine of another kind."""

import uuid
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.core.jobs.context import job_workdir
from backend.core.runtime import Runtime
from backend.rounds import tasks
from backend.rounds.policy import mode_for
from tests.backend.conftest import Scene
from tests.backend.rounds.conftest import RunJobs, decide_as, get, quick, start


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The number of every training step that was told, in order."""
    seen: list[float] = []
    tell = tasks._RoundRun._training_progress

    def listen(self: Any, done: int, total: int, figures: dict[str, float]) -> None:
        if "loss" in figures:
            seen.append(figures["step"])
        tell(self, done, total, figures)

    monkeypatch.setattr(tasks._RoundRun, "_training_progress", listen)
    return seen


def stumble_at(monkeypatch: pytest.MonkeyPatch, name: str, run_jobs: RunJobs) -> None:
    """Runs the jobs with a function of the round's job failing."""

    def stumble(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the machine stumbled")

    with monkeypatch.context() as broken:
        broken.setattr(tasks, name, stumble)
        run_jobs()


def checkpoint_of(runtime: Runtime, row: dict[str, Any]) -> Path:
    return job_workdir(runtime.settings, uuid.UUID(row["job_id"])) / "training" / "last.pt"


@quick
@pytest.mark.parametrize("mode", ["decoder", "full"])
def test_training_that_another_version_began_starts_anew(
    scene: Scene,
    admin: Any,
    run_jobs: RunJobs,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[float],
    mode: str,
) -> None:
    row = start(admin, scene, mode=mode).json()
    stumble_at(monkeypatch, "save_model", run_jobs)
    assert "stumbled" in get(admin, row["id"])["error"]
    assert steps == [1, 2, 3]
    # As an update leaves it that gives rounds another rate for the encoder.
    document = torch.load(checkpoint_of(runtime, row), weights_only=True)
    assert '"encoder_lr": ' in document["settings"]
    document["settings"] = document["settings"].replace('"encoder_lr": ', '"encoder_lr": 1')
    torch.save(document, checkpoint_of(runtime, row))
    assert admin.post(f"/api/jobs/{row['job_id']}/retry").status_code == 200
    run_jobs()
    done = get(admin, row["id"])
    assert done["error"] is None
    assert done["state"] in ("activated", "rejected")
    assert steps == [1, 2, 3, 1, 2, 3]


@quick
def test_a_worker_without_an_accelerator_chooses_again(
    scene: Scene, admin: Any, run_jobs: RunJobs, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, steps: list[float]
) -> None:
    row = start(admin, scene).json()
    # A transformer on two machines, for choosing alone.
    monkeypatch.setattr(tasks, "mode_for", lambda *_: mode_for("vit", "cuda"))
    stumble_at(monkeypatch, "save_model", run_jobs)
    assert get(admin, row["id"])["mode"] == "full"
    assert checkpoint_of(runtime, row).is_file()
    monkeypatch.setattr(tasks, "mode_for", lambda *_: mode_for("vit", "cpu"))
    assert admin.post(f"/api/jobs/{row['job_id']}/retry").status_code == 200
    run_jobs()
    done = get(admin, row["id"])
    assert (done["mode"], done["error"]) == ("decoder", None)
    assert steps == [1, 2, 3, 1, 2, 3]
    first, second = done["cause"]["mode_reasons"]
    assert "has an accelerator (cuda)" in first
    assert "has no accelerator" in second
    model = admin.get(f"/api/models/{done['model_id']}").json()
    assert (model["lineage"]["mode"], model["lineage"]["mode_reasons"]) == ("decoder", [first, second])
    assert model["encoder_sha256"] == admin.get(f"/api/models/{scene.model_id}").json()["encoder_sha256"]


@quick
@pytest.mark.parametrize("chosen", ["by a person", "before it was trained"])
def test_what_is_settled_stays(
    scene: Scene,
    admin: Any,
    run_jobs: RunJobs,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[float],
    chosen: str,
) -> None:
    decide_as(monkeypatch, True)
    by_hand = chosen == "by a person"
    row = start(admin, scene, mode="full" if by_hand else "auto").json()
    monkeypatch.setattr(tasks, "mode_for", lambda *_: mode_for("vit", "cuda"))
    stumble_at(monkeypatch, "save_model" if by_hand else "embed_images", run_jobs)
    monkeypatch.setattr(tasks, "mode_for", lambda *_: mode_for("vit", "cpu"))
    if not by_hand:
        # The other machine shares no scratch folder with the first; that the model is registered it does see.
        (checkpoint_of(runtime, row).parents[1] / "child.safetensors").unlink()
    assert admin.post(f"/api/jobs/{row['job_id']}/retry").status_code == 200
    run_jobs()
    done = get(admin, row["id"])
    assert (done["mode"], done["state"], done["error"]) == ("full", "activated", None)
    assert len(done["cause"].get("mode_reasons", [])) == (0 if by_hand else 1)
    assert steps == [1, 2, 3], "trained once"
