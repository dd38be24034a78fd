"""Images and masks come in:

deduplicated, upright, bombs and strangers refused with a line each while the rest goes in.
"""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pixels
from sqlalchemy import select

from backend.annotation.models import Mask
from backend.core.jobs import Job
from backend.core.runtime import Runtime
from backend.datasets import service
from backend.datasets.models import Image
from engine.generate.images import read_image
from tests.factories import images
from tests.factories.datasets import import_images, make_dataset

Login = Callable[..., TestClient]
RunJobs = Callable[[], int]


@pytest.fixture(autouse=True)
def no_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about what comes in, not about what it sets in motion."""
    from backend.core import events

    monkeypatch.setitem(events._subscribers, "images.imported", [])
    monkeypatch.setitem(events._subscribers, "dataset.created", [])


def upload(client: TestClient, dataset_id: object, files: dict[str, bytes]) -> dict[str, Any]:
    answer = client.post(
        f"/api/datasets/{dataset_id}/imports",
        files=[("files", (name, data, "application/octet-stream")) for name, data in files.items()],
    )
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


def import_result(client: TestClient, run_jobs: RunJobs, dataset_id: object, files: dict[str, bytes]) -> dict[str, Any]:
    job = upload(client, dataset_id, files)
    run_jobs()
    ended = client.get(f"/api/jobs/{job['id']}").json()
    assert ended["state"] == "succeeded", ended
    result: dict[str, Any] = ended["result"]
    return result


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_good_images_go_in_while_bad_ones_are_named(runtime: Runtime, login: Login, run_jobs: RunJobs) -> None:
    admin = login("admin")
    dataset = make_dataset(runtime)
    good = images.png(1)
    files = {
        "good.png": good,
        "again.png": good,
        "same-name.zip": zipped({"good.png": good}),
        "photo.jpg": images.jpeg(2),
        "cut.png": images.png(3)[:-200],
        "letter.txt": b"not an image",
        "empty.png": b"",
    }
    result = import_result(admin, run_jobs, dataset.id, files)
    assert (result["accepted"], result["duplicates"]) == (2, 2)
    assert {line["name"]: line["reason"] for line in result["duplicate_files"]} == {
        "again.png": "The same picture as good.png, which stays.",
        "good.png": "The same picture as good.png, which stays.",
    }
    refused = {line["name"]: line["reason"] for line in result["refused"]}
    assert set(refused) == {"cut.png", "letter.txt", "empty.png"}
    assert "damaged or cut off" in refused["cut.png"]
    assert "not an image" in refused["letter.txt"]
    listed = admin.get(f"/api/datasets/{dataset.id}/images").json()["items"]
    assert [item["file_name"] for item in listed] == ["good.png", "photo.jpg"]
    assert not list(runtime.settings.quarantine_dir.iterdir())
    again = import_result(admin, run_jobs, dataset.id, {"other-name.png": good})
    assert (again["accepted"], again["duplicates"]) == (0, 1)


def test_images_are_served_unchanged_and_cached(runtime: Runtime, login: Login, run_jobs: RunJobs) -> None:
    dataset = make_dataset(runtime)
    (image_id,) = import_images(runtime, run_jobs, dataset.id, files={"a.jpg": images.jpeg(1, (400, 600))})
    client = login("annotator")
    answer = client.get(f"/api/images/{image_id}/file")
    assert answer.content == images.jpeg(1, (400, 600))
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    again = client.get(f"/api/images/{image_id}/file", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = client.get(f"/api/images/{image_id}/file", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, images.jpeg(1, (400, 600))[:10])
    thumbnail = Pixels.open(io.BytesIO(client.get(f"/api/images/{image_id}/thumbnail").content))
    assert (thumbnail.format, max(thumbnail.size)) == ("JPEG", 320)


def test_exif_turned_images_are_stored_upright(runtime: Runtime, login: Login, run_jobs: RunJobs) -> None:
    dataset = make_dataset(runtime)
    files = {"turned.jpg": images.rotated_jpeg(1, (48, 64), orientation=6)}
    (image_id,) = import_images(runtime, run_jobs, dataset.id, files=files)
    client = login("annotator")
    about = client.get(f"/api/images/{image_id}").json()
    assert (about["width"], about["height"]) == (48, 64)
    stored = Pixels.open(io.BytesIO(client.get(about["url"]).content))
    assert stored.size == (48, 64)
    assert stored.getexif().get(0x0112, 1) == 1
    expected = np.rot90(images.rgb(1, (48, 64)), k=-1).astype(int)
    assert np.abs(np.asarray(stored).astype(int) - expected).mean() < 6
    # The very same file again is known by what was sent.
    assert import_images(runtime, run_jobs, dataset.id, files=files) == [image_id]


def test_deep_and_odd_formats_become_8_bit(runtime: Runtime, run_jobs: RunJobs, tmp_path: Path) -> None:
    dataset = make_dataset(runtime)
    deep = io.BytesIO()
    Pixels.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 16).save(deep, "TIFF")
    cmyk = io.BytesIO()
    Pixels.fromarray(images.rgb(2)).convert("CMYK").save(cmyk, "JPEG")
    import_images(runtime, run_jobs, dataset.id, files={"deep.tif": deep.getvalue(), "print.jpg": cmyk.getvalue()})
    with runtime.database.transaction() as session:
        stored = {image.file_name: image for image in service.list_images(session, dataset.id)}
    assert stored["deep.tif"].content_type == "image/png"
    pixels = np.asarray(Pixels.open(io.BytesIO(runtime.storage.read_bytes(stored["deep.tif"].storage_key))))
    assert (pixels.dtype, pixels.min(), pixels.max()) == (np.uint8, 0, 255)
    (tmp_path / "deep.tif").write_bytes(deep.getvalue())
    assert np.array_equal(read_image(tmp_path / "deep.tif")[..., 0], pixels), "the engine reads it as the platform does"
    assert Pixels.open(io.BytesIO(runtime.storage.read_bytes(stored["print.jpg"].storage_key))).mode == "RGB"


def test_bombs_are_refused(runtime: Runtime, login: Login, run_jobs: RunJobs) -> None:
    dataset = make_dataset(runtime)
    bomb = io.BytesIO()
    Pixels.new("1", (20_000, 12_000)).save(bomb, "PNG")
    dense = zipped({"zeros.png": b"\0" * 40_000_000, "fine.png": images.png(1)})
    result = import_result(login("admin"), run_jobs, dataset.id, {"bomb.png": bomb.getvalue(), "dense.zip": dense})
    refused = {line["name"]: line["reason"] for line in result["refused"]}
    assert result["accepted"] == 1
    assert "megapixels" in refused["bomb.png"]
    assert "bomb" in refused["dense.zip: zeros.png"]


def test_archives(runtime: Runtime, login: Login, run_jobs: RunJobs) -> None:
    dataset = make_dataset(runtime)
    archive = zipped(
        {
            "set/a/one.png": images.png(1),
            "set/b/one.png": images.png(2),
            "set/b/two.png": images.png(3),
            "__MACOSX/set/._one.png": b"junk",
            "set/.DS_Store": b"junk",
            "../escape.png": images.png(4),
            "/root.png": images.png(5),
            "inner.zip": zipped({"x.png": images.png(6)}),
        }
    )
    result = import_result(login("admin"), run_jobs, dataset.id, {"set.zip": archive, "broken.zip": archive[:300]})
    assert result["accepted"] == 3
    assert {line["name"] for line in result["refused"]} == {
        "set.zip: escape.png", "set.zip: root.png", "set.zip: inner.zip", "broken.zip",
    }  # fmt: skip
    with runtime.database.transaction() as session:
        names = {image.file_name for image in service.list_images(session, dataset.id)}
    assert names == {"set/a/one.png", "set/b/one.png", "two.png"}


def test_server_folders_only_below_the_roots(runtime: Runtime, login: Login, run_jobs: RunJobs, tmp_path: Path) -> None:
    admin = login("admin")
    dataset = make_dataset(runtime)
    address = f"/api/datasets/{dataset.id}/imports/folder"
    assert "MASKLOOM_IMPORT_ROOTS" in admin.post(address, json={"path": "/"}).json()["detail"]
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "set").mkdir(parents=True)
    outside.mkdir()
    (root / "set" / "in.png").write_bytes(images.png(1))
    (outside / "secret.png").write_bytes(images.png(2))
    (root / "set" / "link.png").symlink_to(outside / "secret.png")
    (root / "away").symlink_to(outside)
    runtime.settings.__dict__["import_roots"] = (root,)
    for path in ("/", str(outside), str(root / "away"), "../outside", str(root / ".." / "outside")):
        answer = admin.post(address, json={"path": path})
        assert (answer.status_code, "Only folders below" in answer.json()["detail"]) == (422, True), path
    job = admin.post(address, json={"path": "set"}).json()
    run_jobs()
    result = admin.get(f"/api/jobs/{job['id']}").json()["result"]
    assert result["accepted"] == 1
    assert result["refused"] == [{"name": "link.png", "reason": "This link leads out of the folder."}]


def coco_file(**changes: Any) -> bytes:
    square = [[8.0, 8.0, 40.0, 8.0, 40.0, 40.0, 8.0, 40.0]]
    document: dict[str, Any] = {
        "images": [
            {"id": 1, "file_name": "one.png", "width": 64, "height": 48},
            {"id": 2, "file_name": "nowhere.png", "width": 64, "height": 48},
            {"id": 3, "file_name": "two.png", "width": 640, "height": 480},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "segmentation": square},
            {"id": 2, "image_id": 1, "segmentation": {"size": [48, 64], "counts": [0, 480, 2592]}},
            {"id": 3, "image_id": 1, "segmentation": [[1.0, 2.0, 3.0]]},
            {"id": 4, "image_id": 1, "segmentation": []},
            {"id": 5, "image_id": 2, "segmentation": square},
            {"id": 6, "image_id": 3, "segmentation": square},
        ],
        "categories": [],
    }
    return json.dumps({**document, **changes}).encode()


def test_a_coco_file_brings_its_masks(runtime: Runtime, login: Login, run_jobs: RunJobs) -> None:
    dataset = make_dataset(runtime)
    files = {"coco.json": coco_file(), "one.png": images.png(1), "two.png": images.png(2)}
    result = import_result(login("admin"), run_jobs, dataset.id, files)
    assert (result["accepted"], result["masks"]) == (2, 2)
    refused = {line["name"]: line["reason"] for line in result["refused"]}
    assert set(refused) == {"one.png, annotation 3", "one.png, annotation 4", "nowhere.png", "two.png"}
    assert "640 x 480" in refused["two.png"]
    with runtime.database.transaction() as session:
        masks = session.scalars(select(Mask)).all()
        assert sorted(mask.area for mask in masks) == [480, 1024]
        assert {(mask.source, mask.status) for mask in masks} == {("import", "accepted")}
    # The same file once more, with the images in already, doubles nothing.
    again = import_result(login("admin"), run_jobs, dataset.id, {"coco.json": coco_file()})
    assert again["masks"] == 2
    with runtime.database.transaction() as session:
        assert len(session.scalars(select(Mask)).all()) == 2


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"images": []}', b'{"images": [{}], "annotations": []}'])
def test_a_json_file_that_is_not_coco_is_refused(
    runtime: Runtime, login: Login, run_jobs: RunJobs, content: bytes
) -> None:
    dataset = make_dataset(runtime)
    result = import_result(login("admin"), run_jobs, dataset.id, {"x.json": content})
    (line,) = result["refused"]
    assert "JSON" in line["reason"]


def test_uploads_within_limits(runtime: Runtime, login: Login) -> None:
    admin = login("admin")
    dataset = make_dataset(runtime)
    address = f"/api/datasets/{dataset.id}/imports"
    assert admin.post(address, files={"other": (None, "text")}).status_code == 422
    assert admin.post(address, json={}).status_code == 422
    assert admin.post("/api/datasets/00000000-0000-7000-8000-000000000000/imports", files={}).status_code == 404
    runtime.settings.__dict__["max_file_bytes"] = 1000
    too_large = admin.post(address, files={"files": ("big.png", b"x" * 5000)})
    assert (too_large.status_code, too_large.json()["code"]) == (413, "too_large")
    runtime.settings.__dict__["max_file_bytes"] = 10**9
    runtime.settings.__dict__["min_free_bytes"] = 2**60
    full = admin.post(address, files={"files": ("a.png", images.png(1))})
    assert (full.status_code, full.json()["code"]) == (507, "disk_full")
    assert "Free some space" in full.json()["detail"]
    quarantine = runtime.settings.quarantine_dir
    assert not quarantine.exists() or not list(quarantine.iterdir())
    assert login("annotator").post(address, files={"files": ("a.png", b"x")}).status_code == 403


def test_a_second_attempt_counts_what_the_first_took_in(
    runtime: Runtime, login: Login, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.datasets import tasks

    dataset = make_dataset(runtime)
    admin = login("admin")
    job = upload(admin, dataset.id, {f"{n}.png": images.png(n) for n in range(4)})
    real, calls = tasks._import_image, 0

    def dies_in_the_middle(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("killed")
        real(*arguments)

    monkeypatch.setattr(tasks, "_import_image", dies_in_the_middle)
    run_jobs()
    assert admin.get(f"/api/jobs/{job['id']}").json()["state"] == "failed"
    admin.post(f"/api/jobs/{job['id']}/retry")
    run_jobs()
    ended = admin.get(f"/api/jobs/{job['id']}").json()
    assert (ended["state"], ended["result"]["accepted"], ended["result"]["duplicates"]) == ("succeeded", 4, 0)
    with runtime.database.transaction() as session:
        assert len(session.scalars(select(Image)).all()) == 4


def test_at_least_one_of_five_images_is_held_out(runtime: Runtime, run_jobs: RunJobs) -> None:
    dataset = make_dataset(runtime)
    import_images(runtime, run_jobs, dataset.id, 20)
    with runtime.database.transaction() as session:
        stored = service.list_images(session, dataset.id)
    assert any(image.split == "heldout" for image in stored[:5])
    for image in stored[5:]:
        assert (image.split == "heldout") == (int(image.sha256[:8], 16) % 5 == 0)


def test_deleting_a_dataset_removes_files_that_no_other_needs(
    runtime: Runtime, login: Login, run_jobs: RunJobs
) -> None:
    first, second = make_dataset(runtime), make_dataset(runtime)
    import_images(runtime, run_jobs, first.id, 2)
    import_images(runtime, run_jobs, second.id, 1)
    assert len(list(runtime.storage.list("images"))) == 2
    assert login("admin").delete(f"/api/datasets/{first.id}").status_code == 204
    run_jobs()
    assert len(list(runtime.storage.list("images"))) == 1
    assert len(list(runtime.storage.list("thumbs"))) == 1
    with runtime.database.transaction() as session:
        ours = select(Job.error).where(Job.kind.startswith("datasets."), Job.error.is_not(None))
        assert session.scalars(ours).all() == []
