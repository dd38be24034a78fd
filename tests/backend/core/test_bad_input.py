"""Hostile and broken requests: every one gets a 4xx with a sentence, none a 500, none is read without limit."""

import uuid
from collections.abc import Callable

import pytest

from backend.core.http import LARGEST_BODY_BYTES
from backend.settings import Settings
from tests.conftest import SignedIn

NOBODY = str(uuid.uuid4())


@pytest.fixture
def admin(login: Callable[..., SignedIn]) -> SignedIn:
    # A 500 must come back as an answer here, not as the exception itself.
    signed_in = login("admin")
    quiet = SignedIn(signed_in.app, cookies=signed_in.cookies, raise_server_exceptions=False)
    quiet.user_id = signed_in.user_id
    return quiet


@pytest.mark.parametrize("text", ["a\0b", "\0"])
@pytest.mark.parametrize(
    ("path", "field"), [("/api/datasets", "name"), ("/api/tokens", "name"), ("/api/datasets", "description")]
)
def test_a_text_that_the_database_cannot_hold(admin: SignedIn, path: str, field: str, text: str) -> None:
    answer = admin.post(path, json={"name": "fine", field: text})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "character" in answer.json()["detail"]


def test_two_datasets_of_one_name_at_the_same_moment(admin: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.datasets import service

    assert admin.post("/api/datasets", json={"name": "one"}).status_code == 201
    monkeypatch.setattr(service, "_check_name", lambda *_: None)  # the other one came after the look
    answer = admin.post("/api/datasets", json={"name": "one"})
    assert answer.status_code == 409
    assert "again" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/jobs?kind=%00",
        f"/api/jobs?cursor={NOBODY}&limit=99999999999999999999999",
        "/api/jobs?cursor=abc",
        f"/api/datasets/{NOBODY}/images?cursor=%00",
        "/api/datasets/not-an-id",
        f"/api/images/{NOBODY}/embedding?encoder=zz",
        "/api/exports?dataset_id=1",
        "/" + "a" * 3000,
        "/%00",
        "/..%2f..%2fetc/passwd",
    ],
)
def test_broken_addresses(admin: SignedIn, path: str) -> None:
    assert admin.get(path).status_code in {404, 422} or not path.startswith("/api")
    assert admin.get(path).status_code != 500


@pytest.mark.parametrize("path", ["a\0b", "~nobody-of-this-name/x", "x" * 5000, "/" + "x" * 300, "../..", "/etc"])
def test_folders_that_cannot_be(admin: SignedIn, settings: Settings, path: str) -> None:
    roots = settings.model_copy(update={"import_roots": (settings.home,)})
    admin.app.state.runtime.settings = roots  # type: ignore[attr-defined]
    settings.home.mkdir(exist_ok=True)
    dataset = admin.post("/api/datasets", json={"name": "d"}).json()["id"]
    answer = admin.post(f"/api/datasets/{dataset}/imports/folder", json={"path": path})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"[" * 100_000, b"1" * 5000, b'{"dataset_id": NaN}', b'"\\ud800"', b'{"\\ud800": 1}', b"null"],
)
@pytest.mark.parametrize("path", ["/api/rounds", "/api/tasks/lease", "/api/session", "/api/generations"])
def test_bodies_that_are_not_what_they_should_be(admin: SignedIn, path: str, body: bytes) -> None:
    answer = admin.post(path, content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**30, "\0", [], {}, None, -1])
@pytest.mark.parametrize("name", ["pred_iou_thresh", "points_per_side", "crop_n_layers", "unknown"])
def test_generation_settings_that_cannot_be(admin: SignedIn, name: str, value: object) -> None:
    import json

    dataset = admin.post("/api/datasets", json={"name": "d"}).json()["id"]
    body = json.dumps({"dataset_id": dataset, "settings": {name: value}})
    answer = admin.post("/api/generations", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text


def test_a_body_without_end_is_not_read_to_its_end(client: SignedIn) -> None:
    sent = 0

    def endless() -> object:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * (LARGEST_BODY_BYTES // 4)

    answer = client.post("/api/session", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    claimed = {"Content-Type": "application/json", "Content-Length": str(LARGEST_BODY_BYTES + 1)}
    assert client.post("/api/session", content=b"{}", headers=claimed).status_code == 413


def test_a_stranger_cannot_fill_the_disk_with_a_checkpoint(client: SignedIn) -> None:
    big = b"x" * (LARGEST_BODY_BYTES + 1)
    answer = client.post("/api/models", files={"file": ("m.pth", big)}, data={"name": "m"})
    assert answer.status_code == 401
    # Routes that take no files take no large forms either.
    assert client.post("/api/session", files={"file": ("m.pth", big)}).status_code == 413


def test_a_range_of_thousands_of_digits() -> None:
    from backend.exports.ranges import requested_span

    assert requested_span(f"bytes={'9' * 5000}-", None, etag='"e"', size=10) is None
