"""Files that break what reads them: a line each, and everything else goes in."""

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from backend.core import events
from backend.core.runtime import Runtime
from backend.datasets import intake, quarantine, service, sources, tasks
from backend.datasets.decode import decode
from backend.datasets.files import image_key
from tests.factories import images
from tests.factories.datasets import make_dataset

RunJobs = Callable[[], int]


@pytest.fixture(autouse=True)
def no_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(events._subscribers, "images.imported", [])
    monkeypatch.setitem(events._subscribers, "dataset.created", [])


def imported(runtime: Runtime, run_jobs: RunJobs, payload: dict[str, Any]) -> dict[str, Any]:
    dataset = make_dataset(runtime)
    with runtime.database.transaction() as session:
        job = service.request_import(session, dataset.id, payload, title="Import", user_id=None)
    run_jobs()
    with runtime.database.transaction() as session:
        session.add(job)
        session.refresh(job)
        assert job.error is None
        assert job.result is not None
        return job.result


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_damage_in_the_middle_of_an_archive_costs_one_file(runtime: Runtime, run_jobs: RunJobs) -> None:
    files = {f"{index}.txt.png": images.png(index, (40, 40)) for index in range(3)}
    data = bytearray(zipped(files))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        start = archive.infolist()[1].header_offset + 30 + len("1.txt.png")
    data[start : start + 40] = b"\xff" * 40
    upload = quarantine.store(runtime.settings, {"a.zip": bytes(data)})
    result = imported(runtime, run_jobs, {"upload": upload})
    assert result["accepted"] == 2
    assert [line["name"] for line in result["refused"]] == ["1.txt.png"]


def test_an_archive_is_opened_once_however_many_files_it_holds(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = quarantine.store(runtime.settings, {"a.zip": zipped({f"{i}.png": b"x" for i in range(50)})})
    opened = 0
    original = zipfile.ZipFile.__init__

    def count(*args: Any, **kwargs: Any) -> None:
        nonlocal opened
        opened += 1
        original(*args, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "__init__", count)
    items, _ = sources.from_upload(quarantine.read(runtime.settings, upload), runtime.settings)
    assert [item.read() for item in items] == [b"x"] * 50
    assert opened == 1, "reading its directory anew for every file takes hours for a hundred thousand"


def test_a_file_name_that_is_no_text(runtime: Runtime, run_jobs: RunJobs, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(images.png(1, (40, 40)))
    (folder / "good.png").write_bytes(images.png(2, (40, 40)))
    runtime.settings = runtime.settings.model_copy(update={"import_roots": (folder,)})
    assert imported(runtime, run_jobs, {"folder": str(folder)})["accepted"] == 2


def test_a_coco_file_with_names_that_cannot_be(runtime: Runtime, run_jobs: RunJobs) -> None:
    square = [[1, 1, 20, 1, 20, 20, 1, 20]]
    names = ["a\0.png", "\ud800.png", "good.png"]
    document = {
        "images": [{"id": i, "file_name": name, "width": 40, "height": 40} for i, name in enumerate(names)],
        "annotations": [{"id": i, "image_id": i, "segmentation": square} for i in range(3)],
    }
    files = {"good.png": images.png(1, (40, 40)), "coco.json": json.dumps(document).encode()}
    result = imported(runtime, run_jobs, {"upload": quarantine.store(runtime.settings, files)})
    assert (result["accepted"], result["masks"], len(result["refused"])) == (1, 1, 2)


def test_an_image_that_comes_back_while_its_files_are_removed_keeps_them(runtime: Runtime) -> None:
    dataset = make_dataset(runtime)
    data = images.png(7, (40, 40))
    decoded = decode(data, 10_000)
    sha256 = intake.store_files(runtime.storage, data, decoded).sha256  # of an image that was deleted since

    def remove() -> bool:
        with runtime.database.transaction() as session:
            return tasks.remove_unneeded(session, runtime.storage, sha256)

    with ThreadPoolExecutor(1) as pool:
        with runtime.database.transaction() as session:
            stored = intake.take_files(session, runtime.storage, data, decoded)
            removal = pool.submit(remove)  # comes between finding the files there and the image that needs them
            time.sleep(0.3)
            intake.add_image(session, dataset.id, "a.png", stored, None)
        assert not removal.result(10)
    assert runtime.storage.exists(image_key(sha256))
