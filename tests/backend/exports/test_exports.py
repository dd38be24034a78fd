"""Exports from request to download, on a real database."""

import errno
import hashlib
import io
import json
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from sqlalchemy import update

from backend.annotation import intake
from backend.annotation.models import Mask, MaskStatus
from backend.core.runtime import Runtime
from backend.exports import tasks
from backend.exports.archive import ArchiveWriter
from engine.masks import rle
from tests.factories.records import box_rle, make_dataset, make_image, make_model

BOXES = [(2, 3, 20, 30), (10, 10, 50, 40)]


@pytest.fixture
def dataset_id(runtime: Runtime) -> uuid.UUID:
    """Two images that share a stem, with two masks each, and one image without masks."""
    with runtime.database.transaction() as session:
        dataset = make_dataset(session, name="Harbour")
        for seed, name in enumerate(["a/photo.png", "b/photo.png"]):
            image = make_image(session, dataset, storage=runtime.storage, seed=seed, file_name=name)
            intake.import_masks(session, image.id, [{"segmentation": box_rle(*box)} for box in BOXES])
        make_image(session, dataset, storage=runtime.storage, seed=9, file_name="empty.png")
        return dataset.id


def export(client: Any, run_jobs: Callable[[], int], dataset_id: uuid.UUID, **values: Any) -> dict[str, Any]:
    answer = client.post("/api/exports", json={"dataset_id": str(dataset_id), **values})
    assert answer.status_code == 201, answer.text
    run_jobs()
    done: dict[str, Any] = client.get(f"/api/exports/{answer.json()['id']}").json()
    return done


def archive_of(client: Any, done: dict[str, Any]) -> zipfile.ZipFile:
    content = client.get(done["url"]).content
    assert hashlib.sha256(content).hexdigest() == done["sha256"]
    assert len(content) == done["bytes"]
    return zipfile.ZipFile(io.BytesIO(content))


def test_sa1b_export(login: Any, run_jobs: Callable[[], int], dataset_id: uuid.UUID) -> None:
    admin = login("admin")
    done = export(admin, run_jobs, dataset_id)
    assert (done["state"], done["masks"], done["images"], done["error"]) == ("succeeded", 4, 2, None)
    with archive_of(admin, done) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [
            "manifest.json", "photo-2.json", "photo-2.png", "photo.json", "photo.png",
        ]  # fmt: skip
        document = json.loads(archive.read("photo-2.json"))
        assert document["image"]["file_name"] == "photo-2.png"
        masks = [coco_mask.decode(found["segmentation"]).astype(bool) for found in document["annotations"]]
        for x0, y0, x1, y1 in BOXES:
            expected = np.zeros((48, 64), dtype=bool)
            expected[y0:y1, x0:x1] = True
            (index,) = [index for index, mask in enumerate(masks) if np.array_equal(mask, expected)]
            assert document["annotations"][index]["bbox"] == [x0, y0, x1 - x0 - 1, y1 - y0 - 1]
            assert document["annotations"][index]["area"] == expected.sum()
        documents = [json.loads(archive.read(name)) for name in ("photo.json", "photo-2.json")]
        assert [found["id"] for document in documents for found in document["annotations"]] == [1, 2, 3, 4]
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["counts"] == {"images": 2, "masks": 4, "masks_by_source": {"import": 4}}
        assert {image.get("original_name") for image in manifest["images"]} == {"a/photo.png", "b/photo.png"}
        for entry in manifest["files"]:
            assert hashlib.sha256(archive.read(entry["name"])).hexdigest() == entry["sha256"]
        assert {entry["name"] for entry in manifest["files"]} == set(archive.namelist()) - {"manifest.json"}


def test_coco_export_loads_in_pycocotools(
    login: Any, run_jobs: Callable[[], int], dataset_id: uuid.UUID, tmp_path: Path
) -> None:
    admin = login("admin")
    with archive_of(admin, export(admin, run_jobs, dataset_id, format="coco")) as archive:
        archive.extractall(tmp_path)
    coco = COCO(str(tmp_path / "annotations" / "instances.json"))
    assert len(coco.getImgIds()) == 2
    assert len(coco.getAnnIds()) == 4
    for image in coco.loadImgs(coco.getImgIds()):
        assert (tmp_path / "images" / image["file_name"]).is_file()
    areas = {int(coco.annToMask(annotation).sum()) for annotation in coco.loadAnns(coco.getAnnIds())}
    assert areas == {18 * 27, 40 * 30}


def test_same_content_gives_the_same_file(login: Any, run_jobs: Callable[[], int], dataset_id: uuid.UUID) -> None:
    admin = login("admin")
    one, two = (export(admin, run_jobs, dataset_id) for _ in range(2))
    assert one["id"] != two["id"]
    assert one["sha256"] == two["sha256"]
    without = export(admin, run_jobs, dataset_id, include_images=False)
    assert without["bytes"] < one["bytes"]


def test_empty_exports_are_refused_with_the_reason(login: Any, runtime: Runtime, dataset_id: uuid.UUID) -> None:
    admin = login("admin")
    answer = admin.post("/api/exports", json={"dataset_id": str(dataset_id), "sources": ["generated"]})
    assert answer.status_code == 422
    assert "source" in answer.json()["detail"]
    with runtime.database.transaction() as session:
        session.execute(update(Mask).values(status=MaskStatus.REJECTED))
    answer = admin.post("/api/exports", json={"dataset_id": str(dataset_id)})
    assert answer.status_code == 422
    assert "no final masks" in answer.json()["detail"]
    assert admin.post("/api/exports", json={"dataset_id": str(dataset_id), "sources": []}).status_code == 422
    assert admin.get("/api/exports", params={"dataset_id": str(dataset_id)}).json() == {"items": []}


def test_masks_of_every_source_are_chosen_by_it(login: Any, run_jobs: Callable[[], int], runtime: Runtime) -> None:
    with runtime.database.transaction() as session:
        dataset = make_dataset(session)
        image = make_image(session, dataset, storage=runtime.storage)
        model = make_model(session, runtime.storage, name="tiny")
        intake.import_masks(session, image.id, [{"segmentation": box_rle(*BOXES[0])}])
        record = {"segmentation": box_rle(*BOXES[1]), "predicted_iou": 0.9, "stability_score": 0.95}
        record |= {"crop_box": [0, 0, 64, 48], "point_coords": [[12.0, 14.0]]}
        intake.add_generated(session, image.id, model.id, [record])
    admin = login("admin")
    done = export(admin, run_jobs, dataset.id, sources=["generated"])
    assert done["masks"] == 1
    with archive_of(admin, done) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        (found,) = json.loads(archive.read(manifest["files"][0]["name"]))["annotations"]
        assert manifest["models"][0]["masks"] == 1
    assert found["predicted_iou"] == 0.9
    assert found["stability_score"] == 0.95
    assert found["point_coords"] == [[12.0, 14.0]]
    assert found["crop_box"] == [0, 0, 64, 48]
    assert rle.decode(found["segmentation"]).sum() == found["area"]


def test_download_resumes(login: Any, run_jobs: Callable[[], int], dataset_id: uuid.UUID) -> None:
    admin = login("admin")
    done = export(admin, run_jobs, dataset_id)
    whole = admin.get(done["url"])
    etag, size = whole.headers["etag"], done["bytes"]
    assert etag == f'"{done["sha256"]}"'
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-length"] == str(size)
    assert "Harbour-sa1b.zip" in whole.headers["content-disposition"]
    cut = size // 3
    rest = admin.get(done["url"], headers={"Range": f"bytes={cut}-", "If-Range": etag})
    assert rest.status_code == 206
    assert rest.headers["content-range"] == f"bytes {cut}-{size - 1}/{size}"
    assert whole.content[:cut] + rest.content == whole.content
    other = admin.get(done["url"], headers={"Range": f"bytes={cut}-", "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, whole.content)
    behind = admin.get(done["url"], headers={"Range": f"bytes={size}-"})
    assert (behind.status_code, behind.headers["content-range"]) == (416, f"bytes */{size}")
    assert behind.json()["code"] == "range_not_satisfiable"
    assert admin.get(done["url"], headers={"If-None-Match": etag}).status_code == 304
    head = admin.head(done["url"])
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(size), b"")


def test_full_disk_fails_clearly_and_leaves_no_half_file(
    login: Any, run_jobs: Callable[[], int], runtime: Runtime, dataset_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ArchiveWriter, name: str, data: bytes, **_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ArchiveWriter, "add_bytes", full)
    admin = login("admin")
    done = export(admin, run_jobs, dataset_id)
    assert done["state"] == "failed"
    assert "disk is full" in done["error"]
    assert done["url"] is None
    assert admin.get(f"/api/exports/{done['id']}/download").status_code == 409
    assert not list(runtime.storage.list("exports"))
    assert not list(runtime.settings.effective_work_dir.rglob("*.zip"))
    monkeypatch.undo()
    admin.post(f"/api/jobs/{done['job_id']}/retry")
    run_jobs()
    assert admin.get(f"/api/exports/{done['id']}").json()["state"] == "succeeded"


def test_cancelled_export_leaves_no_file(
    login: Any, run_jobs: Callable[[], int], runtime: Runtime, dataset_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = login("admin")
    row = admin.post("/api/exports", json={"dataset_id": str(dataset_id)}).json()
    original = tasks.records

    def cancel_and_go_on(*args: Any) -> Any:
        assert admin.post(f"/api/jobs/{row['job_id']}/cancel").status_code == 200
        return original(*args)

    monkeypatch.setattr(tasks, "records", cancel_and_go_on)
    monkeypatch.setattr("backend.core.jobs.context.CHECK_EVERY_S", 0)
    run_jobs()
    assert admin.get(f"/api/exports/{row['id']}").json()["state"] == "cancelled"
    assert not list(runtime.storage.list("exports"))


def test_delete_removes_the_file(
    login: Any, run_jobs: Callable[[], int], runtime: Runtime, dataset_id: uuid.UUID
) -> None:
    admin = login("admin")
    done = export(admin, run_jobs, dataset_id)
    assert list(runtime.storage.list("exports"))
    assert admin.delete(f"/api/exports/{done['id']}").status_code == 204
    assert admin.get(f"/api/exports/{done['id']}").status_code == 404
    assert not list(runtime.storage.list("exports"))


def test_files_of_a_deleted_dataset_are_swept_away(
    login: Any, run_jobs: Callable[[], int], runtime: Runtime, dataset_id: uuid.UUID
) -> None:
    admin = login("admin")
    export(admin, run_jobs, dataset_id)
    with runtime.database.transaction() as session:
        kept = make_dataset(session)
        image = make_image(session, kept, storage=runtime.storage)
        intake.import_masks(session, image.id, [{"segmentation": box_rle(*BOXES[0])}])
    done = export(admin, run_jobs, kept.id)
    assert admin.delete(f"/api/datasets/{dataset_id}").status_code < 300
    with runtime.database.transaction() as session:
        tasks.sweep(session)
    assert list(runtime.storage.list("exports")) == [f"exports/{done['id']}.zip"]


def test_roles(login: Any, client: Any, run_jobs: Callable[[], int], dataset_id: uuid.UUID) -> None:
    done = export(login("admin"), run_jobs, dataset_id)
    annotator = login("annotator")
    assert annotator.post("/api/exports", json={"dataset_id": str(dataset_id)}).status_code == 403
    assert annotator.delete(f"/api/exports/{done['id']}").status_code == 403
    assert annotator.get(done["url"]).status_code == 200
    assert client.get(done["url"]).status_code == 401
    assert annotator.get(f"/api/exports/{uuid.uuid4()}").status_code == 404


def test_a_damaged_rle_is_named_and_stops_the_export(
    login: Any, run_jobs: Callable[[], int], runtime: Runtime, dataset_id: uuid.UUID
) -> None:
    with runtime.database.transaction() as session:
        broken = session.query(Mask).first()
        assert broken is not None
        session.execute(update(Mask).where(Mask.id == broken.id).values(rle={"size": [48, 64], "counts": "11"}))
    done = export(login("admin"), run_jobs, dataset_id)
    assert done["state"] == "failed"
    assert str(broken.id) in done["error"]
