"""Install the locked requirements and Maskloom itself into the environment that runs this script.

torch goes first and alone: it is the one requirement whose build (CPU or CUDA) the machine's owner may want to choose.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pip(*args: str) -> None:
    """Run pip, quietly; its own error text is what the reader needs when it fails."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *args]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit("Installing failed; pip's message above says why. Check the network and `make` again: it resumes.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="the test tools, on top of the base requirements")
    parser.add_argument("--torch-index", help="package index to take torch from")
    args = parser.parse_args()
    if args.dev:
        print("Installing the test tools ...", flush=True)
        pip("-r", "requirements-dev.lock")
        return
    base = (ROOT / "requirements.lock").read_text().splitlines()
    torch = next(line for line in base if line.startswith("torch=="))
    print("Installing Maskloom's requirements (once; torch is the large one) ...", flush=True)
    pip(torch, *(["--index-url", args.torch_index] if args.torch_index else []))
    pip("-r", "requirements.lock")
    pip("--no-deps", "--editable", ".")


if __name__ == "__main__":
    main()
