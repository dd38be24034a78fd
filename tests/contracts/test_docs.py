"""What is written down stays true where that is cheap to check."""

import re
from pathlib import Path
from typing import Any

import pytest
import skimage.data
import typer.main
import yaml
from PIL import Image

from backend.cli import app
from backend.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {
    "home": "MASKLOOM_HOME",
    "database_url": "DATABASE_URL",
    "redis_url": "REDIS_URL",
    "storage_url": "STORAGE_URL",
}
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "engine" / "model").rglob("*.md")])


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "guides" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert documented == {PLAIN.get(name, f"MASKLOOM_{name.upper()}") for name in Settings.model_fields}


def test_every_command_is_in_the_readme() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    readme = (ROOT / "README.md").read_text()
    internal = {"serve", "migrate"}
    missing = [name for name in commands if name not in internal and f"maskloom {name}" not in readme]
    assert [name for name in missing if f"/ `{name}`" not in readme] == []


def test_the_readmes_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (snippet,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    Image.fromarray(skimage.data.coffee()[::2, ::2]).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(snippet, "README.md", "exec"), names)  # noqa: S102 - our own words
    assert names["result"].masks.shape[1:] == names["rgb"].shape[:2]
    assert names["records"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_compose_runs_what_up_runs() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    commands = " ".join(str(service.get("command", "")) for service in compose["services"].values())
    for queue in ("io", "embed", "generate", "train"):
        assert f"-Q {queue},control" in commands
    assert "backend.clock" in commands
    assert "maskloom migrate" in commands
