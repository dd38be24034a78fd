"""The web application as a whole: rules every route keeps, headers every answer carries, and the page."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from backend.accounts.dependencies import public
from backend.app import ROUTERS
from backend.core.runtime import Runtime

Login = Callable[..., TestClient]
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def dependencies_of(route: APIRoute) -> Iterator[object]:
    waiting = list(route.dependant.dependencies)
    while waiting:
        dependant = waiting.pop()
        yield dependant.call
        waiting.extend(dependant.dependencies)


def test_importing_the_application_loads_no_torch() -> None:
    code = "import sys, backend.app, backend.cli; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{sorted(route.methods)[0]} {route.path}")
def test_every_route_states_its_role_and_describes_itself(route: APIRoute) -> None:
    calls = list(dependencies_of(route))
    assert public in calls or any(hasattr(call, "role") for call in calls), "states no role"
    assert route.path.startswith("/api/")
    assert route.summary or not route.include_in_schema, "has no summary"
    assert {401, 403, 422} <= {int(status) for status in route.responses}, "does not describe its errors"


def test_openapi_is_complete(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert "Problem" in document["components"]["schemas"]
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))
    for path in ("/api/datasets", "/api/jobs", "/api/events", "/healthz", "/readyz", "/metrics"):
        assert path in document["paths"], path


def test_every_answer_is_isolated(client: TestClient) -> None:
    for path in ("/healthz", "/api/session", "/api/nothing", "/"):
        headers = client.get(path).headers
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert "wasm-unsafe-eval" in headers["content-security-policy"]


def test_errors_have_one_shape(client: TestClient, login: Login) -> None:
    for answer, status in (
        (client.get("/api/nothing"), 404),
        (client.get("/api/session"), 401),
        (client.delete("/healthz"), 405),
        (client.post("/api/session", json={"email": 3}), 422),
        (login("annotator").get("/api/datasets/00000000-0000-7000-8000-000000000000"), 404),
        (login("annotator").get("/api/datasets/not-an-id"), 422),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert {"type", "title", "status", "detail", "code"} <= set(answer.json())


def test_health(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 503  # no worker runs
    assert ready.json() | {"queues": {}} == {
        "ready": False, "database": True, "redis": True, "storage": True, "workers": False, "queues": {},
        "problems": ["no worker takes jobs of the queue io, embed, generate, train"],
    }  # fmt: skip


def test_metrics(client: TestClient, login: Login) -> None:
    login("admin").get("/api/datasets")
    page = client.get("/metrics").text
    assert 'maskloom_requests_total{method="GET",route="/api/datasets",status="200"}' in page
    assert "maskloom_job_seconds" in page


@pytest.fixture
def page(runtime: Runtime, app: FastAPI) -> Path:
    folder = runtime.settings.frontend_dir
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "app-DhJ3k9_x.js").write_text("let a")
    (folder / "assets" / "app-DhJ3k9_x.js.br").write_bytes(b"brotli")
    for name in ("ort.wasm", "ort.mjs", "model.onnx"):
        (folder / "assets" / name).write_bytes(b"x")
    (folder.parent / "secret.txt").write_text("secret")
    return folder


def test_the_page_is_served(page: Path, client: TestClient) -> None:
    for path in ("/", "/datasets/1/annotate"):
        answer = client.get(path)
        assert "<title>page" in answer.text
        assert answer.headers["cache-control"] == "no-cache"
    script = client.get("/assets/app-DhJ3k9_x.js", headers={"Accept-Encoding": "identity"})
    assert script.text == "let a"
    assert "immutable" in script.headers["cache-control"]
    types = {"ort.wasm": "application/wasm", "ort.mjs": "text/javascript", "model.onnx": "application/octet-stream"}
    for name, media_type in types.items():
        assert client.get(f"/assets/{name}").headers["content-type"].startswith(media_type)
    with client.stream("GET", "/assets/app-DhJ3k9_x.js", headers={"Accept-Encoding": "br"}) as packed:
        assert packed.headers["content-encoding"] == "br"
        assert b"".join(packed.iter_raw()) == b"brotli"


def test_nothing_outside_the_page_is_served(page: Path, client: TestClient) -> None:
    (page / "link.txt").symlink_to(page.parent / "secret.txt")
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/link.txt"):
        assert "secret" not in client.get(path).text
    assert client.get("/assets/gone.js").status_code == 404


def test_without_a_page_it_says_what_to_run(client: TestClient) -> None:
    assert "make frontend" in client.get("/").text
