"""Uploads wait here, under names of our own, until a job has decoded them. Nothing in here is ever served.

One folder an upload: numbered files, and `manifest.json` with the names they came under, written last. A folder without
a manifest is an upload that broke off.
"""

import json
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.core.errors import Full, NotFound, TooLarge
from backend.core.storage import disk_errors
from backend.settings import MEBIBYTE, Settings

KEPT_S = 7 * 24 * 3600
_CHECK_SPACE_BYTES = 64 * MEBIBYTE
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """One uploaded file: the name it came under, and where it waits."""

    name: str
    path: Path


def clean_name(name: str) -> str:
    """A file's name or relative path without anything that could lead elsewhere or confuse a reader."""
    # Bytes that are no text in the server's encoding come as lone surrogates, which nothing can store.
    name = name.encode(errors="replace").decode()
    parts = [part.strip() for part in _CONTROL.sub("", name).replace("\\", "/").split("/")]
    kept = [part for part in parts if part not in ("", ".", "..") and not part.endswith(":")]
    return "/".join(kept)[-400:] or "unnamed"


class Upload:
    """One upload being written. Close it with `finish`, or undo it with `discard`."""

    def __init__(self, settings: Settings) -> None:
        self.name = uuid.uuid4().hex
        self._settings = settings
        self._folder = settings.quarantine_dir / self.name
        with disk_errors():
            self._folder.mkdir(parents=True, mode=0o700)
        self._names: list[str] = []
        self._file_bytes = 0
        self._unchecked_bytes = _CHECK_SPACE_BYTES

    def begin_file(self, name: str) -> None:
        """What is written from now on belongs to this file."""
        if len(self._names) >= self._settings.max_import_files:
            raise TooLarge(f"More than {self._settings.max_import_files} files at once. Send them in several imports.")
        self._names.append(clean_name(name))
        self._file_bytes = 0
        self._path().touch()

    def write(self, data: bytes) -> None:
        """Adds to the current file; refuses to outgrow the limits or the disk."""
        self._file_bytes += len(data)
        if self._file_bytes > self._settings.max_file_bytes:
            limit = self._settings.max_file_bytes // MEBIBYTE
            raise TooLarge(f"{self._names[-1]} is larger than {limit} MiB, the limit for one file. Split it.")
        self._unchecked_bytes += len(data)
        if self._unchecked_bytes >= _CHECK_SPACE_BYTES:
            check_space(self._settings, 0)
            self._unchecked_bytes = 0
        with disk_errors(), self._path().open("ab") as file:
            file.write(data)

    def finish(self) -> str:
        """The upload is whole; returns its name."""
        with disk_errors():
            scratch = self._folder / "manifest.tmp"
            scratch.write_text(json.dumps(self._names))
            scratch.replace(self._folder / "manifest.json")
        return self.name

    def discard(self) -> None:
        """Removes all of it."""
        remove(self._settings, self.name)

    def __len__(self) -> int:
        return len(self._names)

    def _path(self) -> Path:
        return self._folder / f"{len(self._names) - 1:06d}"


def check_space(settings: Settings, needed_bytes: int) -> None:
    """`Full` if the disk could not take this much and keep its reserve."""
    folder = settings.quarantine_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free - needed_bytes < settings.min_free_bytes:
        raise Full(
            f"The server's disk has {free // MEBIBYTE} MiB left, too little for this import. Free some space, then try "
            "again."
        )


def store(settings: Settings, files: Mapping[str, bytes]) -> str:
    """Quarantines files that are in memory; returns the upload's name."""
    upload = Upload(settings)
    for name, data in files.items():
        upload.begin_file(name)
        upload.write(data)
    return upload.finish()


def read(settings: Settings, name: str) -> list[Quarantined]:
    """The files of a whole upload, in the order they came."""
    folder = settings.quarantine_dir / uuid.UUID(name).hex
    try:
        names: list[str] = json.loads((folder / "manifest.json").read_text())
    except FileNotFoundError:
        raise NotFound("The uploaded files are not here any more. Upload them again.") from None
    return [Quarantined(name=original, path=folder / f"{index:06d}") for index, original in enumerate(names)]


def remove(settings: Settings, name: str) -> None:
    """Removes an upload, whole or not."""
    shutil.rmtree(settings.quarantine_dir / uuid.UUID(name).hex, ignore_errors=True)


def sweep(settings: Settings) -> int:
    """Removes uploads that nobody came back for; returns how many."""
    swept = 0
    if settings.quarantine_dir.exists():
        for folder in settings.quarantine_dir.iterdir():
            if time.time() - folder.stat().st_mtime > KEPT_S:
                shutil.rmtree(folder, ignore_errors=True)
                swept += 1
    return swept
