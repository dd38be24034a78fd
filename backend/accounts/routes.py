"""Signing in and out, users, and API tokens over HTTP."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Response, status

from backend.accounts import service
from backend.accounts.dependencies import (
    COOKIE,
    PUBLIC,
    AdminUser,
    AnnotatorUser,
    RuntimeDep,
    UnsettledUser,
    check_same_origin,
)
from backend.accounts.models import User
from backend.accounts.schemas import (
    ApiTokenCreate,
    ApiTokenCreated,
    ApiTokenList,
    ApiTokenOut,
    PasswordChange,
    SignIn,
    UserCreate,
    UserList,
    UserOut,
    UserUpdate,
    UserWithPassword,
)
from backend.core.db import SessionDep
from backend.core.errors import problem_responses

router = APIRouter(prefix="/api", tags=["accounts"])

SessionCookie = Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)]


@router.post(
    "/session",
    summary="Sign in",
    response_model=UserOut,
    responses=problem_responses(429),
    dependencies=[PUBLIC, Depends(check_same_origin)],
)
def sign_in(body: SignIn, response: Response, session: SessionDep, runtime: RuntimeDep) -> User:
    """Sets the session cookie."""
    user, secret = service.sign_in(session, runtime.redis, runtime.settings, body.email, body.password)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=runtime.settings.session_days * 86400,
        httponly=True,
        samesite="lax",
        secure=runtime.settings.secure_cookies,
    )
    return user


@router.get("/session", summary="Who is signed in", response_model=UserOut, responses=problem_responses())
def read_session(user: UnsettledUser) -> User:
    """The signed-in user; 401 for a stranger."""
    return user


@router.delete(
    "/session",
    summary="Sign out",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(),
    dependencies=[PUBLIC, Depends(check_same_origin)],
)
def sign_out(response: Response, session: SessionDep, secret: SessionCookie = None) -> None:
    """Ends this sign-in, if there is one."""
    if secret:
        service.close_session(session, secret)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")


@router.post(
    "/session/password", summary="Change one's password", response_model=UserOut, responses=problem_responses()
)
def change_password(
    body: PasswordChange, user: UnsettledUser, session: SessionDep, secret: SessionCookie = None
) -> User:
    """Ends the user's other sign-ins."""
    return service.change_password(session, user, body.current_password, body.new_password, secret)


@router.get("/users", summary="List users", response_model=UserList, responses=problem_responses())
def list_users(_: AdminUser, session: SessionDep) -> UserList:
    """Everybody, active or not."""
    return UserList(items=[UserOut.model_validate(user) for user in service.list_users(session)])


@router.post(
    "/users",
    summary="Create a user",
    response_model=UserWithPassword,
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(409),
)
def create_user(body: UserCreate, _: AdminUser, session: SessionDep) -> UserWithPassword:
    """The one-time password is in this answer only."""
    user, password = service.create_user(session, email=body.email, name=body.name, role=body.role)
    return UserWithPassword(user=UserOut.model_validate(user), one_time_password=password)


@router.patch(
    "/users/{user_id}", summary="Change a user", response_model=UserOut, responses=problem_responses(404, 409)
)
def update_user(user_id: uuid.UUID, body: UserUpdate, _: AdminUser, session: SessionDep) -> User:
    """Name, role, active. The last admin can be neither demoted nor deactivated."""
    return service.update_user(session, user_id, name=body.name, role=body.role, active=body.active)


@router.post(
    "/users/{user_id}/reset-password",
    summary="Give a user a new one-time password",
    response_model=UserWithPassword,
    responses=problem_responses(404),
)
def reset_password(user_id: uuid.UUID, _: AdminUser, session: SessionDep) -> UserWithPassword:
    """Ends every sign-in of the user."""
    user, password = service.reset_password(session, user_id)
    return UserWithPassword(user=UserOut.model_validate(user), one_time_password=password)


@router.get("/tokens", summary="List one's API tokens", response_model=ApiTokenList, responses=problem_responses())
def list_tokens(user: AnnotatorUser, session: SessionDep) -> ApiTokenList:
    """Without their secrets."""
    return ApiTokenList(items=[ApiTokenOut.model_validate(token) for token in service.list_tokens(session, user)])


@router.post(
    "/tokens",
    summary="Create an API token",
    response_model=ApiTokenCreated,
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(),
)
def create_token(body: ApiTokenCreate, user: AnnotatorUser, session: SessionDep) -> ApiTokenCreated:
    """The secret is in this answer only."""
    token, secret = service.create_token(session, user, body.name, body.expires_in_days)
    return ApiTokenCreated(token=ApiTokenOut.model_validate(token), secret=secret)


@router.delete(
    "/tokens/{token_id}",
    summary="Delete an API token",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(404),
)
def delete_token(token_id: uuid.UUID, user: AnnotatorUser, session: SessionDep) -> None:
    """It stops working at once."""
    service.delete_token(session, user, token_id)
