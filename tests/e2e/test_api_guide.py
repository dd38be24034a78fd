"""The program of docs/guides/api.md, run as it is against a platform."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image

from tests.e2e.conftest import Running

pytestmark = pytest.mark.timeout(600)

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "api.md"


def test_the_guides_program_goes_from_photographs_to_masks(
    platform: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "photos").mkdir()
    Image.fromarray(skimage.data.coffee()[::2, ::2]).save(tmp_path / "photos" / "cup.jpg")
    (tmp_path / "photos" / "broken.png").write_bytes(b"no image")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MASKLOOM_URL", platform.url)
    monkeypatch.setenv("MASKLOOM_TOKEN", platform.token)
    names: dict[str, Any] = {}
    exec(compile(program, str(GUIDE), "exec"), names)  # noqa: S102 - our own words
    assert [line["name"] for line in names["report"]["refused"]] == ["broken.png"]
    (document,) = _coco(tmp_path / "masks")
    assert [image["file_name"].split("/")[-1] for image in document["images"]] == ["cup.jpg"]
    assert document["annotations"], "the cup is found"


def _coco(folder: Path) -> list[dict[str, Any]]:
    documents = [json.loads(path.read_text()) for path in folder.rglob("*.json")]
    return [document for document in documents if "annotations" in document]
