"""What clients send and see of accounts."""

import re
import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from backend.accounts.models import Role
from backend.core.security import MIN_PASSWORD_CHARACTERS

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def _email(value: str) -> str:
    value = value.strip().lower()
    if not _EMAIL.fullmatch(value):
        raise ValueError("that is not an e-mail address, like name@example.org")
    return value


def _name(value: str) -> str:
    value = value.strip()
    if not value:
        raise ValueError("a name is needed")
    return value


Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]
Name = Annotated[str, Field(max_length=200), AfterValidator(_name)]


class UserOut(BaseModel):
    """A person with an account."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    email: str
    name: str
    role: Role
    active: bool
    must_change_password: bool
    created_at: datetime


class UserList(BaseModel):
    """Everybody, by e-mail."""

    items: list[UserOut]


class SignIn(BaseModel):
    """E-mail and password."""

    email: Email
    password: str = Field(max_length=1024)


class PasswordChange(BaseModel):
    """The present password, and the one to come."""

    current_password: str = Field(max_length=1024)
    new_password: str = Field(min_length=MIN_PASSWORD_CHARACTERS, max_length=1024)


class UserCreate(BaseModel):
    """A new account. Its first password is drawn by the server."""

    email: Email
    name: Name
    role: Role = Role.ANNOTATOR


class UserUpdate(BaseModel):
    """What is to change; the rest stays."""

    name: Name | None = None
    role: Role | None = None
    active: bool | None = None


class UserWithPassword(BaseModel):
    """An account and its one-time password, shown this once."""

    user: UserOut
    one_time_password: str


class ApiTokenOut(BaseModel):
    """A program's key, without the key."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class ApiTokenList(BaseModel):
    """One's own tokens, newest first."""

    items: list[ApiTokenOut]


class ApiTokenCreate(BaseModel):
    """A name to recognise it by, and how long it is to last (for ever if left out)."""

    name: Name
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class ApiTokenCreated(BaseModel):
    """A new token and its secret, shown this once."""

    token: ApiTokenOut
    secret: str
