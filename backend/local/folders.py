"""Folders of the private servers: where sockets can be, and who owns what when the platform runs as root.

Postgres refuses to run as root, so a root `maskloom up` runs it as a user of its own, who must be able to reach its
folders.
"""

import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SERVICE_USER = "maskloom"
# sun_path holds 108 bytes on Linux and 104 on macOS, of which the socket's name needs some.
LONGEST_SOCKET_FOLDER = 80


class LocalServiceError(Exception):
    """A private server that cannot run. The message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who runs a server: None means whoever runs this process."""

    uid: int | None = None
    gid: int | None = None

    def as_subprocess(self) -> dict[str, object]:
        """Arguments for subprocess."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_owner() -> Owner:
    """The user that Postgres runs as: ourselves, or as root a system user, made if it is not there."""
    if os.geteuid() != 0:
        return Owner()
    for attempt in range(2):
        try:
            entry = pwd.getpwnam(SERVICE_USER)
            return Owner(uid=entry.pw_uid, gid=entry.pw_gid)
        except KeyError:
            if attempt == 0:
                _add_user()
    raise LocalServiceError(
        f"Postgres does not run as root, and the system user {SERVICE_USER!r} could not be made. Run Maskloom as an "
        "ordinary user, or set DATABASE_URL to a server that runs already."
    )


def _add_user() -> None:
    for command in (
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVICE_USER],
        ["adduser", "-S", "-D", "-H", SERVICE_USER],
    ):
        try:
            done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return


def own(folder: Path, owner: Owner) -> None:
    """Makes a folder private to `owner`, and lets it walk (not look) into the folders above."""
    folder.mkdir(parents=True, exist_ok=True)
    if owner.uid is not None:
        os.chown(folder, owner.uid, owner.gid if owner.gid is not None else -1)
        let_walk(folder, owner)
    folder.chmod(0o700)


def let_walk(path: Path, owner: Owner) -> None:
    """Adds the permission to pass through to every folder above `path` that would stop `owner`."""
    for parent in path.parents:
        about = parent.stat()
        if about.st_uid != owner.uid and not about.st_mode & stat.S_IXOTH:
            parent.chmod(about.st_mode | stat.S_IXOTH)


def socket_folder(preferred: Path, owner: Owner) -> Path:
    """A private folder whose path is short enough for a unix socket: `preferred`, or one in the temporary folder."""
    folder = preferred
    if len(os.fsencode(preferred)) > LONGEST_SOCKET_FOLDER:
        name = "maskloom-" + hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / name
        folder.mkdir(mode=0o700, exist_ok=True)
        expected = {os.geteuid(), owner.uid if owner.uid is not None else os.geteuid()}
        if folder.stat().st_uid not in expected or folder.is_symlink():
            raise LocalServiceError(
                f"{folder} belongs to somebody else. Set MASKLOOM_HOME to a folder with a shorter path."
            )
    own(folder, owner)
    return folder
