"""Where imported files come from: a quarantined upload, archives in it, or a folder on the server. Reads, never writes.

Every source becomes a list of `Item`s: a clean name, and a way to read the bytes that stops at a limit. What cannot be
taken becomes a `Refused` line; the rest goes on.
"""

import lzma
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from backend.core.errors import Invalid
from backend.datasets.quarantine import Quarantined, clean_name
from backend.settings import MEBIBYTE, Settings

MAX_ITEM_BYTES = 512 * MEBIBYTE
# Deflate reaches about 1000 : 1 on zeros; no photograph, and hardly a JSON file, comes near.
MAX_RATIO = 200
_RATIO_MATTERS_BYTES = 16 * MEBIBYTE
# What broken archives make the standard library raise.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
    OSError, ValueError, OverflowError, RuntimeError, EOFError,
)  # fmt: skip
_IGNORED = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A file, or an annotation, that did not go in, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """One file to import. `path` is its place in its archive or folder, `name` what it will be called."""

    name: str
    path: str
    read: Callable[[], bytes]

    @property
    def is_json(self) -> bool:
        """Whether it holds annotations rather than pixels."""
        return self.name.lower().endswith(".json")


class Unreadable(Exception):  # noqa: N818
    """An item that cannot be read; the message says why."""


def from_upload(files: Iterable[Quarantined], settings: Settings) -> tuple[list[Item], list[Refused]]:
    """The files of an upload, archives opened."""
    items: list[Item] = []
    refused: list[Refused] = []
    for file in files:
        if file.name.lower().endswith(".zip") or _looks_like_zip(file.path):
            _add_zip(file, settings, items, refused)
        else:
            items.append(Item(name=file.name, path=file.name, read=_file_reader(file.path)))
    return _named(items), refused


def from_folder(path: str, settings: Settings) -> tuple[list[Item], list[Refused]]:
    """The files below a server folder. Links that lead out of the import roots are refused."""
    folder = allowed_folder(path, settings)
    items: list[Item] = []
    refused: list[Refused] = []
    for file in sorted(_walk(folder)):
        name = clean_name(file.relative_to(folder).as_posix())
        if not file.resolve().is_relative_to(folder):
            refused.append(Refused(name=name, reason="This link leads out of the folder."))
        elif len(items) >= settings.max_import_files:
            refused.append(Refused(name=name, reason=f"Only {settings.max_import_files} files go in at once."))
            break
        else:
            items.append(Item(name=name, path=name, read=_file_reader(file)))
    return _named(items), refused


def allowed_folder(path: str, settings: Settings) -> Path:
    """The folder with links resolved, if it lies below a configured import root; `Invalid` otherwise."""
    if not settings.import_roots:
        raise Invalid(
            "No server folder may be imported from. Set MASKLOOM_IMPORT_ROOTS to the folders that may be, then restart."
        )
    roots = [root.expanduser().resolve() for root in settings.import_roots]
    try:
        folder = Path(path).expanduser()
        folder = (folder if folder.is_absolute() else roots[0] / folder).resolve()
        is_folder = folder.is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        raise Invalid(f"This cannot be the path of a folder on the server ({error}).") from None
    if not any(folder.is_relative_to(root) for root in roots):
        allowed = ", ".join(str(root) for root in roots)
        raise Invalid(f"Only folders below these may be imported: {allowed}.")
    if not is_folder:
        raise Invalid(f"There is no folder {folder} on the server.")
    return folder


def _walk(folder: Path) -> Iterator[Path]:
    # rglob does not follow links to folders, so no loop and no escape.
    for path in folder.rglob("*"):
        relative = path.relative_to(folder).as_posix()
        if path.is_file() and not _ignored(relative) and not relative.lower().endswith(".zip"):
            yield path


def _ignored(path: str) -> bool:
    parts = [part.lower() for part in PurePosixPath(path).parts]
    return not parts or any((part.startswith(".") and part != "..") or part in _IGNORED for part in parts)


def _looks_like_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _file_reader(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        if path.stat().st_size > MAX_ITEM_BYTES:
            raise Unreadable(f"The file is larger than {MAX_ITEM_BYTES // MEBIBYTE} MiB.")
        return path.read_bytes()

    return read


def _add_zip(file: Quarantined, settings: Settings, items: list[Item], refused: list[Refused]) -> None:
    try:
        archive = _Archive(file.path)
    except _DAMAGE:
        refused.append(Refused(name=file.name, reason="This archive is damaged or cut off. Send it again."))
        return
    for member in archive.members:
        inner = member.filename.replace("\\", "/")
        if member.is_dir() or _ignored(inner):
            continue
        reason = _refuse_member(member, len(items), settings)
        if reason is not None:
            refused.append(Refused(name=f"{file.name}: {clean_name(inner)}", reason=reason))
            if len(items) >= settings.max_import_files:
                return
            continue
        name = clean_name(inner)
        items.append(Item(name=name, path=name, read=partial(archive.read, member)))


def _refuse_member(member: zipfile.ZipInfo, have: int, settings: Settings) -> str | None:
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if ".." in parts or member.filename.startswith(("/", "\\")) or (parts and parts[0].endswith(":")):
        return "Its path leads out of the archive."
    if stat.S_ISLNK(member.external_attr >> 16):
        return "It is a link, not a file."
    if member.flag_bits & 0x1:
        return "It is encrypted. Send it without a password."
    if member.filename.lower().endswith(".zip"):
        return "It is an archive inside an archive. Unpack it first."
    if have >= settings.max_import_files:
        return f"Only {settings.max_import_files} files go in at once. Send the rest in another import."
    too_dense = member.file_size > _RATIO_MATTERS_BYTES and member.file_size > MAX_RATIO * max(1, member.compress_size)
    if member.file_size > MAX_ITEM_BYTES or too_dense:
        return f"It would unpack to {member.file_size // MEBIBYTE} MiB, which looks like a decompression bomb."
    return None


class _Archive:
    """A zip file that stays open as long as its members are read: its directory may be long, and is read once."""

    def __init__(self, path: Path) -> None:
        self._file = zipfile.ZipFile(path)
        self.members = self._file.infolist()

    def read(self, member: zipfile.ZipInfo) -> bytes:
        """A member's bytes, not more than its size in the directory, which is only a claim."""
        try:
            with self._file.open(member) as file:
                data = file.read(member.file_size + 1)
        except _DAMAGE as error:
            raise Unreadable(f"It cannot be unpacked ({error}).") from None
        if len(data) > member.file_size:
            raise Unreadable("It unpacks to more than it claims, which looks like a decompression bomb.")
        return data


def _named(items: list[Item]) -> list[Item]:
    """Each item under its bare file name, or under its path where two would be called the same."""
    counts = Counter(PurePosixPath(item.path).name.lower() for item in items)
    return [
        replace(item, name=PurePosixPath(item.path).name)
        if counts[PurePosixPath(item.path).name.lower()] == 1
        else item
        for item in items
    ]
