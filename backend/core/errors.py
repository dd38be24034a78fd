"""The error family of the platform, and its one HTTP face: `application/problem+json` (RFC 9457).

Services raise a `DomainError` with a sentence that says what is wrong and what to do; they know nothing of HTTP beyond
the class's `status`. Everything unexpected becomes a 500 without inner details.
"""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"


class DomainError(Exception):
    """Something a person can understand and mend. `detail` is the sentence; `extra` goes into the problem body."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = "Bad request"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class NotFound(DomainError):  # noqa: N818
    """There is no such thing (or not any more)."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(DomainError):  # noqa: N818
    """It does not fit the present state. Give `code=` for a kind of conflict that a client tells apart."""

    status, code, title = 409, "conflict", "Conflict"


class NotReady(Conflict):
    """It will exist, but not yet: ask again."""

    code, title = "not_ready", "Not ready yet"


class Invalid(DomainError):  # noqa: N818
    """The request is understood, but its content is wrong."""

    status, code, title = 422, "invalid", "Invalid content"


class Forbidden(DomainError):  # noqa: N818
    """Signed in, but not allowed."""

    status, code, title = 403, "forbidden", "Not allowed"


class Unauthenticated(DomainError):  # noqa: N818
    """Not signed in."""

    status, code, title = 401, "unauthenticated", "Sign in first"


class TooLarge(DomainError):  # noqa: N818
    """More than a limit allows."""

    status, code, title = 413, "too_large", "Too large"


class TooMany(DomainError):  # noqa: N818
    """Too many attempts in a short time."""

    status, code, title = 429, "too_many", "Too many attempts"


class Unavailable(DomainError):  # noqa: N818
    """A service the request needs does not answer."""

    status, code, title = 503, "unavailable", "Unavailable"


class Full(DomainError):  # noqa: N818
    """No space left to store what was sent."""

    status, code, title = 507, "disk_full", "Disk full"


class Problem(BaseModel):
    """The body of every error answer."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


_ERRORS: tuple[type[DomainError], ...] = (
    Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Invalid, TooMany, Unavailable, Full, DomainError,
)  # fmt: skip


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: the shape of each error it answers with. 401, 403 and 422 are always among them."""
    titles = {error.status: error.title for error in reversed(_ERRORS)}
    wanted = sorted({401, 403, 422, *statuses})
    return {
        status: {
            "description": titles.get(status, "Error"),
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in wanted
    }


def problem(
    status: int, title: str, detail: str, code: str, extra: Mapping[str, Any] | None = None, headers: Any = None
) -> JSONResponse:
    """An `application/problem+json` answer."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    body.update(jsonable_encoder({key: value for key, value in (extra or {}).items() if key not in body}))
    return JSONResponse(body, status_code=status, media_type=PROBLEM_TYPE, headers=headers)


def render(error: DomainError) -> JSONResponse:
    """A domain error as its problem answer. `extra["code"]` replaces the class's code."""
    extra = dict(error.extra)
    code = str(extra.pop("code", error.code))
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    if "retry_after_s" in extra:
        headers = {**(headers or {}), "Retry-After": str(extra["retry_after_s"])}
    return problem(error.status, error.title, error.detail, code, extra, headers)


def _sentence(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path"))
    return f"{where}: {error['msg']}" if where else str(error["msg"])


def install_error_handlers(app: FastAPI) -> None:
    """Gives `app` one error shape for domain errors, validation, unknown routes, a lost database and the unexpected."""

    @app.exception_handler(DomainError)
    def on_domain_error(_: Request, error: DomainError) -> JSONResponse:
        return render(error)

    @app.exception_handler(RequestValidationError)
    def on_validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [{"loc": list(item["loc"]), "msg": item["msg"], "type": item["type"]} for item in error.errors()]
        detail = "The request is not valid. " + "; ".join(_sentence(item) for item in errors[:5])
        return problem(422, "Invalid request", detail, "invalid_request", {"errors": errors})

    @app.exception_handler(HTTPException)
    def on_http_error(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "http_error")
        return problem(error.status_code, error.detail, error.detail, code, headers=error.headers)

    def on_lost_database(_: Request, error: Exception) -> JSONResponse:
        logger.error("the database does not answer: %s", error)
        return problem(
            503, "Unavailable", "The database does not answer. Try again in a moment.", "unavailable",
            {"retry_after_s": 2}, {"Retry-After": "2"},
        )  # fmt: skip

    app.add_exception_handler(OperationalError, on_lost_database)
    app.add_exception_handler(InterfaceError, on_lost_database)
    app.add_exception_handler(PoolTimeoutError, on_lost_database)  # every connection of the pool is in use

    @app.exception_handler(DataError)
    def on_unstorable(_: Request, error: DataError) -> JSONResponse:
        logger.warning("a value that the database cannot hold was refused: %s", error.orig)
        detail = (
            "A text holds a character that cannot be stored (NUL), or a number is too large. Change it, then retry."
        )
        return problem(422, Invalid.title, detail, Invalid.code)

    @app.exception_handler(IntegrityError)
    def on_collision(request: Request, error: IntegrityError) -> JSONResponse:
        # Services look before they write; only a write at the same moment gets past that.
        logger.warning("two writes met in %s %s: %s", request.method, request.url.path, error.orig)
        detail = "Somebody else changed the same thing at this very moment. Look at it again, then try again."
        return problem(409, Conflict.title, detail, Conflict.code)

    @app.exception_handler(Exception)
    def on_unexpected(request: Request, error: Exception) -> JSONResponse:
        logger.error("unexpected error in %s %s", request.method, request.url.path, exc_info=error)
        return problem(
            500, "Internal error", "Something went wrong here. The server's log has the details.", "internal"
        )
