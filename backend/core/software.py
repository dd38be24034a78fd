"""Which software this is: the package's version and, in a git checkout, the commit."""

import importlib.metadata
import subprocess
from functools import lru_cache

from backend.settings import REPOSITORY


@lru_cache
def software_version() -> dict[str, str | None]:
    """{"version", "commit"}; no commit where this is not a git checkout, "-dirty" after it when files were changed."""
    return {"version": importlib.metadata.version("maskloom"), "commit": _commit()}


def _commit() -> str | None:
    if not (REPOSITORY / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
