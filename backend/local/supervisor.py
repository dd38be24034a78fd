"""Processes kept running: started, logged, restarted with back-off when they die, stopped together.

It knows nothing of what the processes do. Children die with their supervisor where the system can do that (Linux); what
a killed one leaves behind elsewhere is ended by the next start.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STOP_TIMEOUT_S = 10.0
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 30.0
# A process that ran for this long was fine: its next death starts with a short back-off again.
FINE_AFTER_S = 60.0
LARGEST_LOG_BYTES = 20_000_000
_PR_SET_PDEATHSIG = 1


@dataclass(kw_only=True)
class Child:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    niceness: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    restart_at: float | None = None
    backoff_s: float = FIRST_BACKOFF_S
    deaths: int = 0
    pump: threading.Thread | None = field(default=None, repr=False)


class Supervisor:
    """Runs children until told to stop. `say` tells the person at the terminal."""

    def __init__(self, folder: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._register = folder / "run" / "children.json"
        self._register.parent.mkdir(parents=True, exist_ok=True)
        self._environment = dict(environment)
        self._say = say
        self._children: list[Child] = []
        self._stopping = threading.Event()
        self._log_lock = threading.Lock()
        for path in self.logs.glob("*.log"):
            if path.stat().st_size > LARGEST_LOG_BYTES:
                path.replace(path.with_suffix(".log.1"))

    def start(self, name: str, command: Sequence[str], *, niceness: int = 0) -> Child:
        """Starts a process and keeps it running from now on."""
        child = Child(name=name, command=command, niceness=niceness)
        self._children.append(child)
        self._launch(child)
        return child

    def stop_soon(self) -> None:
        """Makes `watch` return. Safe in a signal handler."""
        self._stopping.set()

    def watch(self, tick_s: float = 0.25) -> None:
        """Restarts what dies until `stop_soon`."""
        while not self._stopping.wait(tick_s):
            for child in self._children:
                self._look_after(child)

    def check(self) -> None:
        """One look at every child, for those who wait for something else."""
        for child in self._children:
            self._look_after(child)

    @property
    def stopping(self) -> bool:
        """Whether `stop_soon` was called."""
        return self._stopping.is_set()

    def stop(self, names: Sequence[str] | None = None, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Asks the children (all, or these) to end, waits, and kills what is still there."""
        chosen = [child for child in self._children if names is None or child.name in names]
        running = [child for child in chosen if child.process is not None and child.process.poll() is None]
        for child in running:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + timeout_s
        for child in running:
            assert child.process is not None
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"{child.name} does not stop, so it is killed; its work goes on at the next start.")
                _signal(child, signal.SIGKILL)
                child.process.wait()
        for child in chosen:
            if child.pump is not None:
                child.pump.join(2)
        self._children = [child for child in self._children if child not in chosen]
        self._write_register()

    def end_leftovers(self) -> int:
        """Ends processes that an earlier, killed supervisor of this folder left running; returns how many."""
        try:
            entries = json.loads(self._register.read_text())
        except (OSError, ValueError):
            return 0
        leftovers = []
        for pid, created in entries:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if abs(process.create_time() - created) < 1:  # not another one that got the same number
                    process.terminate()
                    leftovers.append(process)
        _, alive = psutil.wait_procs(leftovers, timeout=STOP_TIMEOUT_S)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._register.unlink(missing_ok=True)
        return len(leftovers)

    def _launch(self, child: Child) -> None:
        child.process = subprocess.Popen(
            list(child.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,  # Ctrl-C reaches the supervisor only, which then stops all in order
            preexec_fn=_child_setup(child.niceness),
        )
        child.started_at = time.monotonic()
        child.restart_at = None
        child.pump = threading.Thread(target=self._pump, args=(child.name, child.process), daemon=True)
        child.pump.start()
        self._write_register()

    def _look_after(self, child: Child) -> None:
        if child.process is None or child.process.poll() is None:
            return
        now = time.monotonic()
        if child.restart_at is None:
            if now - child.started_at > FINE_AFTER_S:
                child.backoff_s = FIRST_BACKOFF_S
            child.deaths += 1
            child.restart_at = now + child.backoff_s
            log = self.logs / f"{child.name}.log"
            self._say(
                f"{child.name} ended ({_ending(child.process.returncode)}); "
                f"starting it again in {child.backoff_s:.0f} s. Its log: {log}"
            )
            child.backoff_s = min(child.backoff_s * 2, LONGEST_BACKOFF_S)
        elif now >= child.restart_at:
            self._launch(child)

    def _pump(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        """Copies a child's output to its own log, and with its name before each line to the common one."""
        assert process.stdout is not None
        with (self.logs / f"{name}.log").open("ab", buffering=0) as own, process.stdout as lines:
            for line in lines:
                own.write(line)
                with self._log_lock, (self.logs / "maskloom.log").open("ab") as common:
                    common.write(f"{name:>8} | ".encode() + line)

    def _write_register(self) -> None:
        entries = []
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                with contextlib.suppress(psutil.Error):
                    entries.append((child.process.pid, psutil.Process(child.process.pid).create_time()))
        scratch = self._register.with_suffix(".tmp")
        scratch.write_text(json.dumps(entries))
        scratch.replace(self._register)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    return f"{name}, perhaps for lack of memory" if name == "SIGKILL" else name


def _signal(child: Child, number: signal.Signals) -> None:
    assert child.process is not None
    # Its whole group: what it started must not stay behind.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if number is signal.SIGKILL:
            os.killpg(child.process.pid, number)
        else:
            child.process.send_signal(number)


def _child_setup(niceness: int) -> Callable[[], None] | None:
    """What a child does before its program: die with its parent (Linux), and give way to others."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def setup() -> None:
        if library is not None:
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)  # the parent died in between
        if niceness:
            os.nice(niceness)

    return setup
