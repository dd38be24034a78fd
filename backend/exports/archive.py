"""A zip file whose bytes depend on its content alone. Knows nothing of masks or the database.

Fixed timestamps and permissions, entries in the order they are added (callers sort), a fixed compression level; so
the same content gives the same archive and the same sha256. Every entry is hashed on its way in, for the manifest.
The archive is written to the path given and is complete only after `close`; callers write beside the goal and move it
there.
"""

import hashlib
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

CHUNK_BYTES = 1 << 20
# The earliest time a zip can hold: no clock, no time zone, no difference between two runs.
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file inside the archive."""

    name: str
    sha256: str
    size: int


class ArchiveWriter:
    """Writes a deterministic zip. Use as a context manager; leaving it with an exception closes the file unfinished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self._names: set[str] = set()
        self._zip = zipfile.ZipFile(path, "w", allowZip64=True)

    def __enter__(self) -> "ArchiveWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._zip.close()
            return
        # Writing the zip's directory could fail again (a full disk); the caller removes the file anyway.
        if self._zip.fp is not None:
            self._zip.fp.close()
            self._zip.fp = None

    def add_bytes(self, name: str, data: bytes, *, compress: bool = True) -> Entry:
        """Add a file held in memory."""
        with self._open(name, len(data), compress) as target:
            target.write(data)
        return self._record(name, hashlib.sha256(data).hexdigest(), len(data))

    def add_stream(self, name: str, source: IO[bytes], size: int) -> Entry:
        """Add a file of `size` bytes without compression (photographs are compressed already), a chunk at a time."""
        digest, seen = hashlib.sha256(), 0
        with self._open(name, size, compress=False) as target:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                seen += len(chunk)
                target.write(chunk)
        return self._record(name, digest.hexdigest(), seen)

    def _open(self, name: str, size: int, compress: bool) -> IO[bytes]:
        if name in self._names:
            raise ValueError(f"the archive already holds a file named {name!r}")
        info = zipfile.ZipInfo(name, date_time=EPOCH)
        info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        info.create_system = 3  # Unix, so that the permission bits mean the same on every machine that writes this
        info.external_attr = 0o644 << 16
        info.file_size = size
        return self._zip.open(info, "w")

    def _record(self, name: str, sha256: str, size: int) -> Entry:
        self._names.add(name)
        entry = Entry(name=name, sha256=sha256, size=size)
        self.entries.append(entry)
        return entry


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file, read in chunks."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def unique_stems(file_names: list[str], *, reserved: Collection[str] = ()) -> list[str]:
    """One archive stem per file name, in order: the name without folder and suffix, made unique with `-2`, `-3`, ...

    Two images may share a stem (`a/1.jpg`, `b/1.jpg`, `1.png`); compared without case, since archives are unpacked on
    file systems that ignore it.
    """
    natural = [safe_stem(name) for name in file_names]
    taken = {stem.casefold() for stem in reserved}
    # Names that are whole by themselves keep their stem; only repeats get a number that nobody else has.
    wanted = {stem.casefold() for stem in natural}
    stems: list[str] = []
    last_number: dict[str, int] = {}
    for stem in natural:
        candidate, number = stem, last_number.get(stem.casefold(), 1)
        while candidate.casefold() in taken or (number > 1 and candidate.casefold() in wanted):
            number += 1
            candidate = f"{stem}-{number}"
        last_number[stem.casefold()] = number
        taken.add(candidate.casefold())
        stems.append(candidate)
    return stems


def safe_stem(file_name: str) -> str:
    """The stem of a file name as it may stand in a zip: no folders, no control characters, never empty or only dots."""
    base = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    stem = base.rsplit(".", 1)[0] if "." in base.lstrip(".") else base
    stem = "".join("_" if c in '<>:"|?*' or ord(c) < 32 else c for c in stem).strip(" .")
    return stem or "image"
