"""`maskloom up`: the whole platform on one machine, from its servers to its page, until Ctrl-C.

Order matters: the lock, the port, Postgres, Redis, migrations, the first admin, the web process, the workers, the
clock; and the other way round at the end.
"""

import http.client
import secrets
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from backend import pipeline
from backend.accounts import service as accounts
from backend.core.celery import CONTROL_QUEUE
from backend.core.health import INSTANCE_HEADER
from backend.core.runtime import Runtime
from backend.local import services
from backend.local.folders import LocalServiceError
from backend.local.lock import HomeLock
from backend.local.migrate import upgrade
from backend.local.supervisor import Supervisor
from backend.registry import service as registry
from backend.settings import Settings

START_TIMEOUT_S = 90.0
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class WorkerSpec:
    """One worker process. Training has its own, so that it never keeps an image from being embedded."""

    name: str
    queues: tuple[str, ...]
    pool: str
    concurrency: int
    niceness: int


WORKERS = (
    WorkerSpec(name="io", queues=("io",), pool="threads", concurrency=2, niceness=0),
    WorkerSpec(name="embed", queues=("embed", "generate"), pool="solo", concurrency=1, niceness=5),
    WorkerSpec(name="train", queues=("train",), pool="solo", concurrency=1, niceness=10),
)


def worker_command(spec: WorkerSpec) -> list[str]:
    """The command line of a worker."""
    return [
        sys.executable, "-m", "celery", "-A", "backend.worker", "worker",
        "-Q", ",".join((*spec.queues, CONTROL_QUEUE)), "-n", f"{spec.name}@%h",
        "--pool", spec.pool, "-c", str(spec.concurrency),
        "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING",
    ]  # fmt: skip


def beat_command() -> list[str]:
    """The command line of the clock. Its schedule is in the code, so it keeps no file."""
    return [
        sys.executable, "-m", "celery", "-A", "backend.clock", "beat",
        "--scheduler", "celery.beat:Scheduler", "--pidfile", "", "-l", "WARNING",
    ]  # fmt: skip


def web_command(host: str, port: int) -> list[str]:
    """The command line of the web process."""
    return [sys.executable, "-m", "backend.cli", "serve", "--host", host, "--port", str(port)]


def check_port(host: str, port: int) -> None:
    """`LocalServiceError` if somebody else listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise LocalServiceError(
                f"Port {port} on {host} cannot be used ({error.strerror}). Choose another with `--port`, for example "
                f"`--port {port + 1}`, or stop the program that uses it."
            ) from error


def run_up(
    settings: Settings,
    *,
    host: str,
    port: int,
    browser: bool,
    say: Say,
    prepare: Callable[[Runtime], None] | None = None,
) -> None:
    """Runs until SIGINT or SIGTERM. `prepare` may add data once the database is ready."""
    settings.home.mkdir(parents=True, exist_ok=True)
    url = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0', '::1', '::') else host}:{port}"
    lock = HomeLock(settings.home)
    lock.acquire(url=url)
    try:
        check_port(host, port)
        _run_locked(settings, host, port, url, browser, say, prepare)
    finally:
        lock.release()


def _run_locked(
    settings: Settings,
    host: str,
    port: int,
    url: str,
    browser: bool,
    say: Say,
    prepare: Callable[[Runtime], None] | None,
) -> None:
    postgres, redis = services.private_postgres(settings), services.private_redis(settings)
    try:
        if postgres is not None:
            say("Starting Postgres ..." if postgres.pid() is None else "Adopting the Postgres that still runs ...")
            postgres.start()
        settings = services.with_private_urls(settings, postgres, redis)
        settings = settings.model_copy(update={"instance": secrets.token_hex(8)})
        supervisor = Supervisor(settings.home, services.environment_of(settings), say)
        _stop_on_signals(supervisor)
        leftovers = supervisor.end_leftovers()
        if leftovers:
            say(f"Ended {leftovers} processes that an earlier run left behind.")
        try:
            if redis is not None:
                redis.stop_leftover()
                redis.wait(supervisor.start("redis", redis.command()).process)
            password = prepare_database(settings, prepare)
            supervisor.start("web", web_command(host, port))
            for spec in WORKERS:
                supervisor.start(spec.name, worker_command(spec), niceness=spec.niceness)
            supervisor.start("beat", beat_command())
            wait_until_served(supervisor, f"http://{_reachable(host)}:{port}/healthz", settings.instance, port)
            if not supervisor.stopping:
                _welcome(say, settings, url, password)
                if browser:
                    webbrowser.open(url)
            supervisor.watch()
        finally:
            say("Stopping ...")
            supervisor.stop(("web", "beat", *(spec.name for spec in WORKERS)))
            supervisor.stop()
    finally:
        if postgres is not None:
            postgres.stop()
    say("Stopped.")


def _stop_on_signals(supervisor: Supervisor) -> None:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        supervisor.stop_soon()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)


def prepare_database(settings: Settings, prepare: Callable[[Runtime], None] | None = None) -> str | None:
    """Migrations, the packaged model, the first admin.

    Returns the first admin's one-time password, if it was made now.
    """
    upgrade(settings.database_url)
    pipeline.install()
    runtime = Runtime(settings)
    try:
        with runtime.database.transaction() as session:
            registry.ensure_default_model(session)
            first = accounts.ensure_first_admin(session)
        if prepare is not None:
            prepare(runtime)
    finally:
        runtime.close()
    return first[1] if first else None


def _welcome(say: Say, settings: Settings, url: str, password: str | None) -> None:
    say(f"Maskloom is at {url}")
    if password is not None:
        say(f"Sign in as admin@localhost with the one-time password {password} (shown only now).")
    say(f"Data: {settings.home}   Logs: {settings.home / 'logs'}   Stop: Ctrl-C")


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def wait_until_served(supervisor: Supervisor, address: str, instance: str, port: int) -> None:
    """Until our own web process answers; `LocalServiceError` if another program does, or nobody in time."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not supervisor.stopping:
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                if answer.headers.get(INSTANCE_HEADER) == instance:
                    return
            raise _somebody_else(port)
        except urllib.error.HTTPError as error:
            raise _somebody_else(port) from error
        except (urllib.error.URLError, OSError):
            supervisor.check()
            if time.monotonic() > deadline:
                raise LocalServiceError(
                    f"The web process did not answer within {START_TIMEOUT_S:.0f} s. "
                    f"Its log: {supervisor.logs / 'web.log'}"
                ) from None
            time.sleep(0.2)
        except http.client.HTTPException as error:
            raise _somebody_else(port) from error


def _somebody_else(port: int) -> LocalServiceError:
    return LocalServiceError(
        f"Another program took port {port} while Maskloom was starting. Choose another with `--port`, for example "
        f"`--port {port + 1}`, or stop that program."
    )
