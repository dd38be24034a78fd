"""A whole platform, started as a person starts it, and a real browser in front of it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PASSWORD = "weaver-of-masks-1"


@dataclass(frozen=True)
class Running:
    """A platform that answers, and its admin's credentials."""

    url: str
    email: str
    password: str
    token: str


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.fixture(scope="session")
def platform() -> Iterator[Running]:
    """`maskloom up` on an empty home, the admin's one-time password already exchanged; SIGINT at the end."""
    home = Path(tempfile.mkdtemp(prefix="mlk-e2e-"))
    port = free_port()
    log = (home.parent / f"{home.name}.log").open("w+")
    command = [sys.executable, "-m", "backend.cli", "up", "--port", str(port), "--no-browser"]
    env = os.environ | {"MASKLOOM_HOME": str(home), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    for name in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL"):
        env.pop(name, None)
    with subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT) as process:
        try:
            yield _first_sign_in(f"http://127.0.0.1:{port}", Path(log.name), process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                code = process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                code = -9
            log.close()
            shutil.rmtree(home, ignore_errors=True)
    assert code == 0, "Ctrl-C did not stop the platform cleanly"


@pytest.fixture
def http(platform: Running) -> httpx.Client:
    """The platform's API, as its admin."""
    headers = {"Authorization": f"Bearer {platform.token}"}
    return httpx.Client(base_url=platform.url, headers=headers, timeout=60)


def _first_sign_in(url: str, log: Path, process: subprocess.Popen[bytes]) -> Running:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"`maskloom up` ended with {process.returncode}:\n{log.read_text()}")
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                break
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    else:
        pytest.fail(f"`maskloom up` was not ready after 180 s:\n{log.read_text()}")
    text = log.read_text()
    signed = re.search(r"Sign in as (\S+) with the one-time password (\S+)", text)
    assert signed is not None, text
    email, once = signed.groups()
    with httpx.Client(base_url=url) as http:
        http.post("/api/session", json={"email": email, "password": once}).raise_for_status()
        body = {"current_password": once, "new_password": PASSWORD}
        http.post("/api/session/password", json=body).raise_for_status()
        token = http.post("/api/tokens", json={"name": "tests"}).raise_for_status().json()["secret"]
    return Running(url=url, email=email, password=PASSWORD, token=token)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Playwright's Chromium or one on PATH; without either the browser tests are left out, or fail when required."""
    with sync_playwright() as playwright:
        path = _chromium(playwright)
        if path is None:
            if os.environ.get("MASKLOOM_REQUIRE_BROWSER") == "1":
                pytest.fail("MASKLOOM_REQUIRE_BROWSER=1, but there is no Chromium on PATH and none of Playwright's.")
            pytest.skip("no Chromium on PATH and none of Playwright's: the browser tests are left out")
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
        made = playwright.chromium.launch(executable_path=path, args=flags)
        yield made
        made.close()


def _chromium(playwright: Playwright) -> str | None:
    own = playwright.chromium.executable_path
    return own if Path(own).is_file() else next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new window; what its console said as an error fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    context.close()
    assert not errors, errors
