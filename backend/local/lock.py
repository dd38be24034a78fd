"""One `maskloom up` a data folder.

The kernel holds the lock, so a crash leaves none behind; the file says who has it.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from backend.local.folders import LocalServiceError


class HomeLock:
    """An exclusive lock on a data folder, held until `release` or the end of the process, however it ends."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "run" / "up.lock"
        self._descriptor: int | None = None

    def acquire(self, **about: Any) -> None:
        """Takes the lock, or says who has it and what to do."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise LocalServiceError(self._taken()) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps({"pid": os.getpid(), **about}).encode())
        self._descriptor = descriptor

    def holder(self) -> dict[str, Any] | None:
        """Who holds the lock, as they described themselves; None if nobody does."""
        try:
            descriptor = os.open(self.path, os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            about: dict[str, Any] = json.loads(self.path.read_text() or "{}")
            return about
        finally:
            os.close(descriptor)
        return None

    def release(self) -> None:
        """Gives the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _taken(self) -> str:
        about = json.loads(self.path.read_text() or "{}")
        where = f" at {about['url']}" if "url" in about else ""
        pid = about.get("pid", "?")
        return (
            f"Maskloom already runs on {self.home} (process {pid}){where}. Use that one, stop it with Ctrl-C or "
            f"`kill {pid}`, or choose another folder with MASKLOOM_HOME."
        )
