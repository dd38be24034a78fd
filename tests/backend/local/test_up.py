"""`maskloom up` for real: starts everything, refuses a second one, survives kills, stops cleanly."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

WAIT_S = 180


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mlk-up-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    return {**kept, "MASKLOOM_HOME": str(home), "PYTHONUNBUFFERED": "1", "COLUMNS": "300"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "backend.cli", *arguments]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def run(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(*arguments), env=environment(home), capture_output=True, text=True, timeout=WAIT_S)


def start(home: Path, port: int, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(
            command("up", "--port", str(port), "--no-browser"), env=environment(home), stdout=output, stderr=output
        )


def until(condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def ready(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            body: dict[str, Any] = json.load(answer)
            return body
    except (urllib.error.URLError, OSError, ValueError):
        return {"ready": False}


def processes_of(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if str(home) in " ".join(process.cmdline()) or process.environ().get("MASKLOOM_HOME") == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_up_from_nothing_to_a_clean_end_and_again_after_a_kill(home: Path) -> None:
    port, log = free_port(), home / "up.log"
    with start(home, port, log) as first:
        until(lambda: ready(port)["ready"], log)
        until(lambda: "one-time password" in log.read_text(), log)
        found = re.search(r"one-time password (\S+)", log.read_text())
        assert found is not None

        second = run(home, "up", "--no-browser", "--port", str(free_port()))
        assert second.returncode == 1
        assert "already runs" in second.stderr
        assert str(first.pid) in second.stderr
        assert "Traceback" not in second.stderr

        users = json.loads(run(home, "users", "list", "--json").stdout)
        assert [user["email"] for user in users["items"]] == ["admin@localhost"]

        (io_worker,) = [p for p in processes_of(home) if "io@%h" in p.cmdline()]
        io_worker.kill()
        until(lambda: "starting it again" in log.read_text(), log)
        until(lambda: any("io@%h" in p.cmdline() for p in processes_of(home)), log)

        first.send_signal(signal.SIGKILL)
        first.wait()
    time.sleep(1)
    with start(home, port, log) as again:
        until(lambda: "Adopting" in log.read_text() and ready(port)["ready"], log)
        assert log.read_text().count("one-time password") == 1
        again.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert again.wait(60) == 0
        assert time.monotonic() - started < 30
    assert "Stopped." in log.read_text()
    assert processes_of(home) == []


def test_a_port_in_use_is_named(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(home, "up", "--no-browser", "--port", str(port))
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_says_what_to_do(home: Path) -> None:
    done = run(home, "doctor", "--json", "--port", str(free_port()))
    report = json.loads(done.stdout)
    lines = {line["name"]: line for line in report["lines"]}
    assert lines["python"]["ok"] is True
    assert "maskloom up" in lines["platform"]["advice"]
    assert (done.returncode == 0) == report["ok"]
    for line in lines.values():
        assert line["ok"] is not False or line["advice"]
    assert not home.exists() or list(home.iterdir()) == []


def test_commands_without_a_running_platform_start_its_database_for_a_moment(home: Path) -> None:
    migrated = run(home, "migrate")
    assert (migrated.returncode, "DATABASE_URL" in migrated.stderr) == (1, True)
    wrong = run(home, "users", "create", "nobody")
    assert (wrong.returncode, "not an e-mail" in wrong.stderr) == (1, True)
    assert processes_of(home) == []
