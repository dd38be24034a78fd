"""Both kinds of storage keep the same promises; the remote one on fsspec's own memory file system."""

import uuid
from pathlib import Path

import pytest

from backend.core.errors import NotFound
from backend.core.storage import RemoteStorage, Storage


@pytest.fixture(params=["local", "remote"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return Storage.from_url((tmp_path / "a folder").as_uri())
    made = Storage.from_url(f"memory://{uuid.uuid4().hex}/folder")
    assert isinstance(made, RemoteStorage)
    return made


def test_what_is_put_is_read_listed_and_deleted(storage: Storage, tmp_path: Path) -> None:
    storage.check()
    assert list(storage.list("images")) == []
    storage.put_bytes("images/ab/1", b"one")
    (tmp_path / "two").write_bytes(b"two!")
    storage.put_file("images/ab/2", tmp_path / "two")
    storage.put_bytes("images/ab/1", b"again")
    assert storage.read_bytes("images/ab/1") == b"again"
    with storage.open("images/ab/2") as file:
        file.seek(2)
        assert file.read() == b"o!"
    assert (storage.size("images/ab/2"), storage.exists("images/ab/2"), storage.exists("images/ab")) == (4, True, False)
    assert list(storage.list("images")) == list(storage.list("")) == ["images/ab/1", "images/ab/2"]
    storage.check()
    for _ in range(2):
        storage.delete("images/ab/1")
    assert list(storage.list("images")) == ["images/ab/2"]


def test_what_is_not_there_says_so(storage: Storage) -> None:
    assert not storage.exists("images/none")
    for read in (storage.read_bytes, storage.size, storage.open):
        with pytest.raises(NotFound, match="not in the storage"):
            read("images/none")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", "a/../../up", "a\\b", "a\0b"])
def test_keys_never_lead_out(storage: Storage, key: str) -> None:
    for use in (storage.read_bytes, storage.exists, storage.delete, storage.local_path):
        with pytest.raises(ValueError, match="not a storage key"):
            use(key)
