"""What tests of rounds share: starting one, its verdict given, its graphs spared."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.annotation.models import Mask, MaskSource, MaskStatus
from backend.core.db import utcnow
from backend.core.runtime import Runtime
from backend.registry import service as registry
from backend.registry.service import ModelFiles
from backend.rounds import tasks
from backend.rounds.gate import GateResult
from tests.backend.conftest import Scene

RunJobs = Callable[[], int]
MakeScene = Callable[..., Scene]
RunRound = Callable[..., dict[str, Any]]

QUICK = {"max_steps": 3, "num_images": 2, "num_masks": 2, "detector_steps": 2}


def start(client: Any, scene: Scene, settings: dict[str, Any] | None = None, **values: Any) -> Any:
    body = {"dataset_id": str(scene.dataset_id), "settings": QUICK if settings is None else settings, **values}
    return client.post("/api/rounds", json=body)


def get(client: Any, round_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/rounds/{round_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def add_proposal(
    session: Any, image_id: uuid.UUID, bbox: list[float], *, dropped: bool, source: MaskSource = MaskSource.PROPOSAL
) -> None:
    """A proposal that waits for an annotator, or one that was thrown away; its outline is that of the image's mask."""
    drawn = session.query(Mask).filter(Mask.image_id == image_id).first()
    session.add(
        Mask(
            id=uuid.uuid4(), dataset_id=drawn.dataset_id, image_id=image_id, rle=drawn.rle, bbox=bbox, area=6,
            source=source, status=MaskStatus.PROPOSED, stage=2, review_bucket=0,
            deleted_at=utcnow() if dropped else None,
        )
    )  # fmt: skip
    session.flush()


@pytest.fixture
def scene(make_scene: MakeScene) -> Scene:
    """A dataset to hold a round on: two images to learn from, one held out."""
    return make_scene(train=2, heldout=1)


@pytest.fixture
def admin(login: Callable[..., Any]) -> Any:
    """An admin's client."""
    return login("admin")


@pytest.fixture
def run_round(admin: Any, run_jobs: RunJobs) -> RunRound:
    """`run_round(scene, settings=QUICK, **values)`: starts a round and runs all jobs; the round as it is then."""

    def run(scene: Scene, settings: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
        row = start(admin, scene, settings, **values).json()
        run_jobs()
        return get(admin, row["id"])

    return run


def active_model(runtime: Runtime, scene: Scene) -> uuid.UUID:
    with runtime.database.transaction() as session:
        model = registry.active_model(session, scene.dataset_id)
        assert model is not None
        return model.id


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
