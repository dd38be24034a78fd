"""Write requirements.lock and requirements-dev.lock from what pyproject.toml resolves to, in clean environments.

pip is the resolver because it is also the installer; torch is pinned by hand in TORCH because its newest release is not
always the one with a CPU wheel.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH = "torch==2.13.0"
NOT_LOCKED = ("pip", "setuptools", "wheel", "nvidia-", "cuda-", "triton")


def freeze(requirements: list[str]) -> list[str]:
    """Install `requirements` into a new environment and return its pins, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", TORCH, *requirements], check=True)
        out = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
    pins = [line.split("+")[0] if line.startswith("torch==") else line for line in out.splitlines()]
    return sorted((pin for pin in pins if not pin.lower().startswith(NOT_LOCKED)), key=str.lower)


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = freeze(project["dependencies"])
    everything = freeze(base + project["optional-dependencies"]["dev"])
    header = f"# Written by `make lock` with Python {sys.version_info[0]}.{sys.version_info[1]}; do not edit.\n"
    (ROOT / "requirements.lock").write_text(header + "\n".join(base) + "\n")
    only_dev = [pin for pin in everything if pin not in base]
    (ROOT / "requirements-dev.lock").write_text(header + "-r requirements.lock\n" + "\n".join(only_dev) + "\n")


if __name__ == "__main__":
    main()
