"""Where files live: a folder on this machine, or any object store fsspec knows.

Keys are relative POSIX paths, content-addressed where possible. A key appears whole or not at all: local files are
written beside their place and renamed. A full disk is `errors.Full`. Storage knows nothing of what the bytes mean.
"""

import errno
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from backend.core.errors import Full, NotFound

CHUNK_BYTES = 1024 * 1024


def check_key(key: str) -> str:
    """The key itself, if it is a plain relative path; ValueError otherwise."""
    path = PurePosixPath(key)
    if not key or path.is_absolute() or ".." in path.parts or "\\" in key or "\0" in key:
        raise ValueError(f"{key!r} is not a storage key: it must be a relative path without '..'.")
    return key


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turns 'no space left' and 'quota exceeded' into `Full`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Full("The server's disk is full, so nothing was stored. Free some space, then try again.") from error
        raise


class Storage(ABC):
    """A flat space of keys.

    Every method raises `NotFound` for a key that is not there, except `exists` and `delete`.
    """

    @staticmethod
    def from_url(url: str) -> "Storage":
        """`file:///folder` or a plain folder path gives a local storage; any other scheme goes through fsspec."""
        parts = urlsplit(url)
        if parts.scheme in ("", "file"):
            return LocalStorage(Path(unquote(parts.path)))
        return RemoteStorage(url)

    @abstractmethod
    def put_bytes(self, key: str, data: bytes) -> None:
        """Stores `data`, replacing what was there."""

    @abstractmethod
    def put_file(self, key: str, path: Path) -> None:
        """Stores a copy of the file, replacing what was there."""

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """The content as a seekable binary file. The caller closes it."""

    @abstractmethod
    def exists(self, key: str) -> bool: ...

    @abstractmethod
    def size(self, key: str) -> int:
        """Bytes."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Removes the key; nothing happens if it is not there."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[str]:
        """The keys below a folder-like prefix, sorted."""

    @abstractmethod
    def check(self) -> None:
        """Raises when the storage cannot be used."""

    def local_path(self, key: str) -> Path | None:
        """Where the file lies on this machine, if it does; None for a remote storage."""
        check_key(key)
        return None

    def read_bytes(self, key: str) -> bytes:
        """The whole content."""
        with self.open(key) as file:
            return file.read()


class LocalStorage(Storage):
    """Files below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    @contextmanager
    def _replacing(self, key: str) -> Iterator[BinaryIO]:
        target = self._path(key)
        with disk_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
            temporary = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                temporary.chmod(0o644)
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def put_bytes(self, key: str, data: bytes) -> None:
        with self._replacing(key) as file:
            file.write(data)

    def put_file(self, key: str, path: Path) -> None:
        with path.open("rb") as source, self._replacing(key) as file:
            shutil.copyfileobj(source, file, CHUNK_BYTES)

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError):
            raise NotFound(f"The file {key} is not in the storage any more.") from None

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def size(self, key: str) -> int:
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            raise NotFound(f"The file {key} is not in the storage any more.") from None

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[str]:
        folder = self._path(prefix) if prefix else self.root
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.endswith(".tmp"):
                yield path.relative_to(self.root).as_posix()

    def local_path(self, key: str) -> Path | None:
        return self._path(key)

    def check(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.root):
            pass


class RemoteStorage(Storage):
    """An object store behind fsspec, e.g. `s3://bucket/folder` (needs the extra `maskloom[s3]`)."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url
        filesystem, root = fsspec.core.url_to_fs(url)
        self._fs: Any = filesystem
        self._root: str = str(root).rstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}"

    def put_bytes(self, key: str, data: bytes) -> None:
        self._make_parent(key)
        self._fs.pipe_file(self._path(key), data)

    def put_file(self, key: str, path: Path) -> None:
        self._make_parent(key)
        self._fs.put_file(str(path), self._path(key))

    def _make_parent(self, key: str) -> None:
        # Object stores have no folders; filesystems behind fsspec (sftp, memory) do.
        self._fs.makedirs(self._path(key).rsplit("/", 1)[0], exist_ok=True)

    def open(self, key: str) -> BinaryIO:
        try:
            return cast("BinaryIO", self._fs.open(self._path(key), "rb"))
        except FileNotFoundError:
            raise NotFound(f"The file {key} is not in the storage any more.") from None

    def exists(self, key: str) -> bool:
        return bool(self._fs.isfile(self._path(key)))

    def size(self, key: str) -> int:
        try:
            return int(self._fs.size(self._path(key)))
        except FileNotFoundError:
            raise NotFound(f"The file {key} is not in the storage any more.") from None

    def delete(self, key: str) -> None:
        if self.exists(key):
            self._fs.rm_file(self._path(key))

    def list(self, prefix: str) -> Iterator[str]:
        folder = self._path(prefix) if prefix else self._root
        start = len(self._root) + 1
        for path in sorted(self._fs.find(folder)):
            yield str(path)[start:]

    def check(self) -> None:
        self._fs.ls(self._root) if self._fs.exists(self._root) else self._fs.makedirs(self._root, exist_ok=True)
