"""Who is asking, and may they: the dependencies by which every route states its role.

A browser comes with the session cookie, a program with `Authorization: Bearer mlk_...`. A cookie alone is not believed
on a write that a foreign page may have caused.
"""

import uuid
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from backend.accounts import service
from backend.accounts.models import Role, User
from backend.core.db import SessionDep
from backend.core.errors import Forbidden, Unauthenticated
from backend.core.runtime import Runtime
from backend.core.security import TOKEN_PREFIX

COOKIE = "maskloom_session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def get_runtime(request: Request) -> Runtime:
    """This process's live connections."""
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]


def check_same_origin(request: Request, runtime: RuntimeDep) -> None:
    """Refuses a write that a foreign page caused.

    Programs, which send no Origin, pass: their secret is proof enough.
    """
    origin = request.headers.get("origin")
    if origin in runtime.settings.allowed_origins:
        return
    site = request.headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return
    # Browsers leave Sec-Fetch-Site out on plain http to another machine: there the Origin must name this host.
    if site is None and (origin is None or urlsplit(origin).netloc == request.headers.get("host")):
        return
    raise Forbidden("This request came from another site's page, so it was refused.", code="cross_site")


def get_current_user(request: Request, session: SessionDep, runtime: RuntimeDep) -> User:
    """Who is asking; 401 for a stranger."""
    return identify(request, session, runtime)


def identify(request: Request, session: Session, runtime: Runtime) -> User:
    """Who sent this request, by its token or cookie; raises `Unauthenticated`."""
    authorization = request.headers.get("authorization", "")
    if authorization:
        scheme, _, secret = authorization.partition(" ")
        user = service.user_by_token(session, secret.strip()) if secret.startswith(TOKEN_PREFIX) else None
        if scheme.lower() != "bearer" or user is None:
            raise Unauthenticated("This API token is not valid (any more). Make a new one under your account.")
        return user
    secret = request.cookies.get(COOKIE, "")
    if not secret:
        raise Unauthenticated("Sign in first.")
    user = service.user_by_session(session, runtime.settings, secret)
    if user is None:
        raise Unauthenticated("Your sign-in has ended. Sign in again.")
    if request.method not in _SAFE_METHODS:
        check_same_origin(request, runtime)
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


def require(role: Role, *, one_time_password: bool = False) -> Callable[[User], User]:
    """A dependency that lets through users whose role covers `role`, and gives the user.

    Somebody who still has the password an admin was shown passes only where `one_time_password` says so.
    """

    def required(user: CurrentUser) -> User:
        if user.must_change_password and not one_time_password:
            raise Forbidden(
                "You signed in with a one-time password. Choose your own password first: the page asks for it, or "
                "POST it to /api/session/password.",
                code="password_change_required",
            )
        if not user.role.covers(role):
            raise Forbidden(f"This needs the role {role.value}; yours is {user.role.value}.")
        return user

    required.role = role  # type: ignore[attr-defined]  # read by the test that every route states its role
    return required


def require_before_upload(role: Role) -> Callable[[Request, Runtime], uuid.UUID]:
    """Like `require`, for routes that stream for minutes: gives the user's id and holds no connection afterwards."""

    def required(request: Request, runtime: RuntimeDep) -> uuid.UUID:
        with runtime.database.transaction() as session:
            return require(role)(identify(request, session, runtime)).id

    required.role = role  # type: ignore[attr-defined]
    return required


def public() -> None:
    """States that a route is open to strangers."""


AnnotatorUser = Annotated[User, Depends(require(Role.ANNOTATOR))]
# Also with a one-time password: for the routes by which one gets rid of it.
UnsettledUser = Annotated[User, Depends(require(Role.ANNOTATOR, one_time_password=True))]
ReviewerUser = Annotated[User, Depends(require(Role.REVIEWER))]
AdminUser = Annotated[User, Depends(require(Role.ADMIN))]
AdminUploader = Annotated[uuid.UUID, Depends(require_before_upload(Role.ADMIN))]
PUBLIC = Depends(public)
