"""Starting where somebody else is: another program on the port, a data folder that is none."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend import cli
from backend.app import create_app
from backend.core.runtime import Runtime
from backend.local.folders import LocalServiceError
from backend.local.supervisor import Supervisor
from backend.local.up import wait_until_served
from backend.settings import get_settings

OURS = "our-own"


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A program on a port of its own that says `answer` to everybody."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def http(status: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.0 {status}", "Content-Length: 2", *headers, "", "{}"]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    "answer", [http("200 OK"), http("200 OK", "X-Maskloom-Instance: another"), http("404 Not Found"), b"+PONG\r\n"]
)
def test_an_answer_of_another_program_is_not_ours(tmp_path: Path, answer: bytes) -> None:
    supervisor = Supervisor(tmp_path, {}, print)
    with answering(answer) as port, pytest.raises(LocalServiceError, match=f"Another program .* {port}.*--port"):
        wait_until_served(supervisor, f"http://127.0.0.1:{port}/healthz", OURS, port)


def test_our_own_answer_is_known_by_its_instance(runtime: Runtime, tmp_path: Path) -> None:
    runtime.settings = runtime.settings.model_copy(update={"instance": OURS})
    with TestClient(create_app(runtime=runtime)) as client:
        header = client.get("/healthz").headers["X-Maskloom-Instance"]
    with answering(http("200 OK", f"X-Maskloom-Instance: {header}")) as port:
        wait_until_served(Supervisor(tmp_path, {}, print), f"http://127.0.0.1:{port}/healthz", OURS, port)


def test_a_data_folder_that_is_a_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder")
    monkeypatch.setenv("MASKLOOM_HOME", str(home))
    monkeypatch.setattr("sys.argv", ["maskloom", "up", "--no-browser"])
    get_settings.cache_clear()
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        get_settings.cache_clear()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert str(home) in said
    assert "MASKLOOM_HOME" in said
