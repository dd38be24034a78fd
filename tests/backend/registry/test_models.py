"""Model versions: packaged, uploaded, activated, served; a wrong file leaves nothing behind."""

import hashlib
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from sqlalchemy import func, select

from backend.core import jobs
from backend.core.download import attachment
from backend.core.errors import Full
from backend.core.jobs import Job, JobState
from backend.core.runtime import Runtime
from backend.datasets.models import Dataset
from backend.registry import service, tasks
from backend.registry.models import ModelVersion
from engine.model import registry as engine_registry
from engine.model.fingerprint import decoder_sha256, encoder_sha256
from tests.factories.datasets import make_dataset

Login = Callable[..., Any]
Register = Callable[..., ModelVersion]


def num_models(runtime: Runtime) -> int:
    with runtime.database.transaction() as session:
        return service.count_models(session)


def test_a_version_is_a_row_and_three_files(runtime: Runtime, register: Register, packaged: Any) -> None:
    model = register(1, lineage={"source": "test"}, metrics={"miou_1": 0.4})
    files = packaged(1)
    assert runtime.storage.read_bytes(model.weights_key) == files.weights.read_bytes()
    assert model.prepare_key == f"models/{model.id}/prepare.onnx"
    assert model.decode_sha256 == hashlib.sha256(files.decode.read_bytes()).hexdigest()
    assert (model.image_size, model.embed_dim, model.grid) == (64, 32, 4)
    assert register(1, model_id=model.id).id == model.id
    assert num_models(runtime) == 1


def test_registering_at_once_makes_one_version(runtime: Runtime, packaged: Any) -> None:
    model_id, barrier = uuid.uuid4(), threading.Barrier(4)

    def work(_: int) -> uuid.UUID:
        barrier.wait()
        with runtime.database.transaction() as session:
            return service.register_model(session, runtime.storage, packaged(1), name="m", model_id=model_id).id

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(4))) == {model_id}
    assert num_models(runtime) == 1


def test_the_packaged_model_is_registered_once_and_given_to_datasets(
    runtime: Runtime, run_jobs: Callable[[], int], packaged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engine_registry.PACKAGED, engine_registry.DEFAULT_MODEL, packaged(2).weights)
    monkeypatch.setattr(tasks, "package_model", lambda *_: packaged(2))  # exporting is another test's business
    early = make_dataset(runtime)
    assert early.active_model_id is None
    for _ in range(3):
        with runtime.database.transaction() as session:
            tasks.keep_default_registered(session)
    with runtime.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 1
    run_jobs()
    with runtime.database.transaction() as session:
        model = service.default_model(session)
        assert model is not None
        assert (model.name, model.builtin, model.metrics) == ("maskloom-s", True, {"miou_1": 0.5})
        assert session.get_one(Dataset, early.id).active_model_id == model.id
        assert service.ensure_default_model(session) is None
    late = make_dataset(runtime)
    with runtime.database.transaction() as session:
        assert session.get_one(Dataset, late.id).active_model_id == model.id
    assert num_models(runtime) == 1


def test_missing_packaged_weights_are_not_tried_again_and_again(
    runtime: Runtime, run_jobs: Callable[[], int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(engine_registry.PACKAGED, engine_registry.DEFAULT_MODEL, tmp_path / "none.safetensors")
    for _ in range(2):
        with runtime.database.transaction() as session:
            tasks.keep_default_registered(session)
        run_jobs()
    with runtime.database.transaction() as session:
        (job,) = session.scalars(select(Job)).all()
    assert job.state is JobState.FAILED
    assert "not installed" in (job.error or "")


def upload(client: Any, path: Path, name: str = "mine") -> Any:
    with path.open("rb") as handle:
        return client.post("/api/models", data={"name": name}, files={"file": (path.name, handle)})


def finished(runtime: Runtime, job_id: str) -> Job:
    with runtime.database.transaction() as session:
        return jobs.get_job(session, uuid.UUID(job_id))


def test_an_uploaded_checkpoint_becomes_a_version(
    runtime: Runtime, login: Login, run_jobs: Callable[[], int], packaged: Any
) -> None:
    admin = login("admin")
    answer = upload(admin, packaged(2).weights)
    assert answer.status_code == 202, answer.text
    run_jobs()
    job = finished(runtime, answer.json()["id"])
    assert job.state is JobState.SUCCEEDED, job.error
    assert job.result is not None
    model = admin.get(f"/api/models/{job.result['model_id']}").json()
    assert (model["name"], model["builtin"], model["active_in"]) == ("mine", False, [])
    assert model["encoder_sha256"] == packaged(2).encoder_sha256
    assert model["lineage"]["file_name"] == "weights.safetensors"
    assert model["lineage"]["uploaded_by"] == admin.get("/api/session").json()["name"]
    assert model["lineage"]["software"]["version"]
    assert [item["id"] for item in admin.get("/api/models").json()["items"]] == [model["id"]]
    assert not list(runtime.settings.quarantine_dir.iterdir()), "the upload is gone"
    embedding = np.zeros((1, 32, 4, 4), dtype=np.float32)
    session = onnxruntime.InferenceSession(admin.get(model["prepare_url"]).content)
    assert session.run(None, {"embedding": embedding})


def truncated(path: Path, weights: Path) -> None:
    path.write_bytes(weights.read_bytes()[:5000])


def not_a_model(path: Path, weights: Path) -> None:
    del weights
    path.write_bytes(b"PK\x03\x04 this is no checkpoint")


def other_keys(path: Path, weights: Path) -> None:
    del weights
    torch.save({"backbone.weight": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    ("make", "name", "says"),
    [
        (truncated, "cut.safetensors", "damaged or truncated"),
        (not_a_model, "sam_vit_b.pth", "sam_vit_b.pth"),
        (other_keys, "other.pth", "not a SAM checkpoint"),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence_and_leaves_nothing(
    runtime: Runtime,
    login: Login,
    run_jobs: Callable[[], int],
    packaged: Any,
    tmp_path: Path,
    make: Callable[[Path, Path], None],
    name: str,
    says: str,
) -> None:
    make(tmp_path / name, packaged(1).weights)
    answer = upload(login("admin"), tmp_path / name)
    run_jobs()
    job = finished(runtime, answer.json()["id"])
    assert job.state is JobState.FAILED
    assert says in (job.error or "")
    assert num_models(runtime) == 0
    assert list(runtime.storage.list("models/")) == []
    assert not list(runtime.settings.quarantine_dir.iterdir())


def test_a_failed_registration_removes_what_it_stored(
    runtime: Runtime, login: Login, run_jobs: Callable[[], int], packaged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "package_model", lambda *_: packaged(1))
    answer = upload(login("admin"), packaged(1).weights)
    put_file = runtime.storage.put_file

    def fill_up(key: str, path: Path) -> None:
        if key.endswith("decode.onnx"):
            raise Full("The server's disk is full.")
        put_file(key, path)

    monkeypatch.setattr(runtime.storage, "put_file", fill_up)
    run_jobs()
    job = finished(runtime, answer.json()["id"])
    assert (job.state, job.error) == (JobState.FAILED, "The server's disk is full.")
    assert list(runtime.storage.list("models/")) == []
    assert num_models(runtime) == 0


def test_too_large_an_upload_is_refused_at_once(login: Login, runtime: Runtime, tmp_path: Path) -> None:
    runtime.settings = runtime.settings.model_copy(update={"max_file_bytes": 100})
    (tmp_path / "big.pth").write_bytes(bytes(1000))
    answer = upload(login("admin"), tmp_path / "big.pth")
    assert answer.status_code == 413
    assert not list(runtime.settings.quarantine_dir.iterdir())


def test_graphs_are_cached_for_good(login: Login, register: Register) -> None:
    model = register(1)
    client = login("annotator")
    for part, sha256 in (("prepare", model.prepare_sha256), ("decode", model.decode_sha256)):
        answer = client.get(f"/api/models/{model.id}/{part}.onnx")
        assert hashlib.sha256(answer.content).hexdigest() == sha256
        assert answer.headers["etag"] == f'"{sha256}"'
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"] == "application/octet-stream"
        again = client.get(f"/api/models/{model.id}/{part}.onnx", headers={"If-None-Match": f'W/"{sha256}"'})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"/api/models/{uuid.uuid4()}/decode.onnx").status_code == 404


def test_a_downloaded_checkpoint_is_the_model(
    login: Login, register: Register, runtime: Runtime, tmp_path: Path
) -> None:
    model = register(1)
    address = login("annotator").get(f"/api/models/{model.id}").json()["checkpoint_url"]
    answer = login("annotator").get(address)
    assert answer.headers["content-disposition"] == attachment(f"{model.name}.safetensors")
    file = tmp_path / "mine.safetensors"
    file.write_bytes(answer.content)
    loaded = engine_registry.load(str(file), "cpu")
    assert (encoder_sha256(loaded), decoder_sha256(loaded)) == (model.encoder_sha256, model.decoder_sha256)


def test_activation_says_where_a_version_is_used(runtime: Runtime, login: Login, register: Register) -> None:
    dataset = make_dataset(runtime)
    first, second = register(1), register(2)
    admin = login("admin")
    body = {"dataset_id": str(dataset.id)}
    assert admin.post(f"/api/models/{first.id}/activate", json=body).json()["active_in"] == [str(dataset.id)]
    admin.post(f"/api/models/{second.id}/activate", json=body)
    used = {item["id"]: item["active_in"] for item in admin.get("/api/models").json()["items"]}
    assert used == {str(first.id): [], str(second.id): [str(dataset.id)]}
    with runtime.database.transaction() as session:
        active = service.active_model(session, dataset.id)
        assert active is not None
        assert active.id == second.id
    assert login("reviewer").post(f"/api/models/{first.id}/activate", json=body).status_code == 403
    missing = admin.post(f"/api/models/{first.id}/activate", json={"dataset_id": str(uuid.uuid4())})
    assert missing.status_code == 404


def test_models_stay_loaded_between_jobs_but_not_all_of_them(runtime: Runtime, register: Register) -> None:
    tasks._cache.clear()
    versions = [register(seed) for seed in (1, 2, 3)]
    first = tasks.loaded_model(runtime.storage, versions[0])
    assert tasks.loaded_model(runtime.storage, versions[0]) is first
    for version in versions[1:]:
        tasks.loaded_model(runtime.storage, version)
    assert len(tasks._cache) == tasks.CACHED_MODELS
    assert tasks.loaded_model(runtime.storage, versions[0]) is not first
