"""The archive writer: same content, same bytes; stems that never collide."""

import io
import zipfile
from pathlib import Path

import pytest

from backend.exports.archive import ArchiveWriter, file_sha256, safe_stem, unique_stems


def write(path: Path) -> Path:
    with ArchiveWriter(path) as archive:
        archive.add_bytes("a.json", b"{}" * 100)
        archive.add_stream("b.jpg", io.BytesIO(b"x" * 3_000_000), 3_000_000)
    return path


def test_same_content_same_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one.zip"), write(tmp_path / "two.zip")
    assert file_sha256(one) == file_sha256(two)
    with zipfile.ZipFile(one) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.json", "b.jpg"]
        assert archive.read("b.jpg") == b"x" * 3_000_000
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_name_goes_in_once(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "x.zip") as archive:
        archive.add_bytes("a", b"1")
        with pytest.raises(ValueError, match="already holds"):
            archive.add_bytes("a", b"2")


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["a.jpg", "b.png"], ["a", "b"]),
        (["x/1.jpg", "y/1.jpg", "1.png"], ["1", "1-2", "1-3"]),
        (["A.jpg", "a.jpg"], ["A", "a-2"]),
        (["1.jpg", "1.png", "1-2.jpg"], ["1", "1-3", "1-2"]),
    ],
)
def test_unique_stems(names: list[str], stems: list[str]) -> None:
    assert unique_stems(names) == stems


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd", "passwd"),
        ("..", "image"),
        ("", "image"),
        ("c:\\x\\photo 1.tar.gz", "photo 1.tar"),
        (".hidden", "hidden"),
    ],
)
def test_safe_stem(name: str, stem: str) -> None:
    assert safe_stem(name) == stem
