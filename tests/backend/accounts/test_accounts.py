"""Signing in, roles, tokens, and who is kept out."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from backend.accounts import service
from backend.accounts.dependencies import COOKIE
from backend.accounts.models import Role, User, UserSession
from backend.core.db import utcnow
from backend.core.errors import Conflict, TooMany, Unauthenticated
from backend.core.runtime import Runtime

Login = Callable[..., TestClient]


def create(runtime: Runtime, email: str = "ann@example.org", role: Role = Role.ANNOTATOR) -> str:
    with runtime.database.transaction() as session:
        return service.create_user(session, email=email, name="Ann", role=role)[1]


def sign_in(client: TestClient, password: str, email: str = "ann@example.org", **headers: str) -> int:
    return client.post("/api/session", json={"email": email, "password": password}, headers=headers).status_code


def test_signing_in_and_out(runtime: Runtime, client: TestClient) -> None:
    password = create(runtime)
    assert client.get("/api/session").status_code == 401
    answer = client.post("/api/session", json={"email": " Ann@Example.org", "password": password})
    assert (answer.status_code, answer.json()["must_change_password"]) == (200, True)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get("/api/session").json()["email"] == "ann@example.org"
    with runtime.database.transaction() as session:
        stored = session.scalars(select(UserSession)).one()
        assert client.cookies[COOKIE] not in stored.token_hash
    assert client.delete("/api/session").status_code == 204
    assert client.get("/api/session").status_code == 401


def test_a_stranger_gets_a_problem_that_says_nothing(runtime: Runtime, client: TestClient) -> None:
    create(runtime)
    for email in ("ann@example.org", "nobody@example.org"):
        answer = client.post("/api/session", json={"email": email, "password": "wrong"})
        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_password")
        assert answer.headers["content-type"] == "application/problem+json"


def test_too_many_wrong_passwords_wait(runtime: Runtime) -> None:
    password = create(runtime)
    settings = runtime.settings.model_copy(update={"login_attempts": 3})

    def attempt(password: str) -> None:
        with runtime.database.transaction() as session:
            service.sign_in(session, runtime.redis, settings, "ann@example.org", password)

    for _ in range(3):
        with pytest.raises(Unauthenticated):
            attempt("wrong")
    with pytest.raises(TooMany) as refused:
        attempt(password)
    assert refused.value.extra["retry_after_s"] > 0
    broken = Runtime(settings.model_copy(update={"redis_url": "redis://127.0.0.1:9/0"}))
    with runtime.database.transaction() as session:  # without Redis everybody may try
        service.sign_in(session, broken.redis, settings, "ann@example.org", password)
    broken.close()


def test_sessions_end(runtime: Runtime, login: Login) -> None:
    client = login("annotator")
    with runtime.database.transaction() as session:
        session.execute(update(UserSession).values(last_used_at=utcnow() - timedelta(days=2)))
    before = utcnow() + runtime.settings.session_days * timedelta(days=1) - timedelta(hours=1)
    assert client.get("/api/session").status_code == 200
    with runtime.database.transaction() as session:
        assert session.scalars(select(UserSession)).one().expires_at > before
        session.execute(update(UserSession).values(expires_at=utcnow() - timedelta(seconds=1)))
    assert client.get("/api/session").status_code == 401


def test_changing_the_password_ends_other_sign_ins(runtime: Runtime, app: object, client: TestClient) -> None:
    password = create(runtime)
    other = TestClient(client.app)
    assert sign_in(client, password) == 200
    assert sign_in(other, password) == 200
    change = {"current_password": "wrong", "new_password": "a new password"}
    assert client.post("/api/session/password", json=change).status_code == 422
    too_short = {"current_password": password, "new_password": "short"}
    assert client.post("/api/session/password", json=too_short).status_code == 422
    good = {"current_password": password, "new_password": "a new password"}
    assert client.post("/api/session/password", json=good).json()["must_change_password"] is False
    assert client.get("/api/session").status_code == 200
    assert other.get("/api/session").status_code == 401
    assert sign_in(other, "a new password") == 200


def test_a_foreign_page_cannot_write(runtime: Runtime, login: Login, client: TestClient) -> None:
    password = create(runtime)
    admin = login("admin")
    body = {"email": "b@example.org", "name": "B", "role": "annotator"}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        answer = admin.post("/api/users", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
        assert sign_in(client, password, **headers) == 403
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": "http://testserver"}):
        assert admin.post("/api/users", json={**body, "email": f"{len(headers)}@x"}, headers=headers).status_code != 403
    assert admin.get("/api/users", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_roles(login: Login, client: TestClient) -> None:
    assert client.get("/api/users").status_code == 401
    for role in ("annotator", "reviewer"):
        answer = login(role).get("/api/users")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert role in answer.json()["detail"]
    assert login("admin").get("/api/users").status_code == 200
    assert [role.covers(Role.REVIEWER) for role in Role] == [False, True, True]


def test_admins_manage_users(runtime: Runtime, login: Login, client: TestClient) -> None:
    admin = login("admin")
    made = admin.post("/api/users", json={"email": "New@Example.org", "name": "New", "role": "reviewer"})
    assert made.status_code == 201
    user, password = made.json()["user"], made.json()["one_time_password"]
    assert (user["email"], user["role"], user["must_change_password"]) == ("new@example.org", "reviewer", True)
    assert admin.post("/api/users", json={"email": "new@example.org", "name": "New"}).status_code == 409
    assert admin.post("/api/users", json={"email": "no", "name": "New"}).status_code == 422
    assert sign_in(client, password, "new@example.org") == 200
    reset = admin.post(f"/api/users/{user['id']}/reset-password").json()["one_time_password"]
    assert client.get("/api/session").status_code == 401
    assert sign_in(client, reset, "new@example.org") == 200
    admin.patch(f"/api/users/{user['id']}", json={"active": False})
    assert client.get("/api/session").status_code == 401
    assert sign_in(client, reset, "new@example.org") == 401


def test_the_last_admin_stays(runtime: Runtime, login: Login) -> None:
    admin = login("admin")
    (me,) = admin.get("/api/users").json()["items"]
    for change in ({"role": "annotator"}, {"active": False}):
        answer = admin.patch(f"/api/users/{me['id']}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    login("admin", "second@example.org")
    assert admin.patch(f"/api/users/{me['id']}", json={"role": "annotator"}).status_code == 200


def test_api_tokens(runtime: Runtime, login: Login, client: TestClient) -> None:
    owner = login("annotator")
    made = owner.post("/api/tokens", json={"name": "script", "expires_in_days": 1}).json()
    secret, token = made["secret"], made["token"]
    assert secret.startswith("mlk_")
    headers = {"Authorization": f"Bearer {secret}"}
    # No cookie, so a foreign origin proves nothing.
    assert client.get("/api/session", headers=headers).json()["email"] == "annotator@example.org"
    assert client.post("/api/tokens", json={"name": "x"}, headers={**headers, "origin": "https://x"}).status_code == 201
    listed = owner.get("/api/tokens").json()["items"]
    assert secret not in str(listed)
    assert {item["prefix"] for item in listed} == {secret[:8], listed[0]["prefix"]}
    assert login("reviewer").delete(f"/api/tokens/{token['id']}").status_code == 404
    assert owner.delete(f"/api/tokens/{token['id']}").status_code == 204
    assert client.get("/api/session", headers=headers).status_code == 401
    assert client.get("/api/session", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_the_first_admin_is_made_once(runtime: Runtime) -> None:
    with runtime.database.transaction() as session:
        first = service.ensure_first_admin(session)
        assert first is not None
        assert service.ensure_first_admin(session) is None
        user, password = first
        assert (user.role, user.must_change_password) == (Role.ADMIN, True)
        assert len(password) >= 20
        with pytest.raises(Conflict):
            service.create_user(session, email=user.email, name="x", role=Role.ADMIN)
        assert session.scalars(select(User)).one().password_hash.startswith("$argon2id$")


def test_a_one_time_password_opens_nothing_but_the_way_to_another(runtime: Runtime, client: TestClient) -> None:
    password = create(runtime, role=Role.ADMIN)
    with runtime.database.transaction() as session:
        token = service.create_token(session, service.find_user(session, "ann@example.org"), "old")[1]
    assert sign_in(client, password) == 200
    assert client.get("/api/session").json()["must_change_password"] is True
    bearer = {"Authorization": f"Bearer {token}"}
    refused = [
        client.get("/api/datasets"),
        client.get("/api/events"),
        client.post("/api/tokens", json={"name": "mine"}),
        client.post(f"/api/datasets/{uuid.uuid4()}/imports", files={"files": ("a.png", b"x")}),
        client.get("/api/datasets", headers=bearer),
    ]
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (403, "password_change_required"), answer.url
        assert "own password" in answer.json()["detail"]
    assert client.delete("/api/session").status_code == 204
    assert sign_in(client, password) == 200
    body = {"current_password": password, "new_password": "a much better one"}
    assert client.post("/api/session/password", json=body).json()["must_change_password"] is False
    assert client.get("/api/datasets").status_code == 200
    assert client.get("/api/datasets", headers=bearer).status_code == 200
