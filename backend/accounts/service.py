"""Signing in, roles, users and tokens. Knows nothing of HTTP, and never commits."""

import hashlib
import logging
import uuid
from datetime import timedelta

import redis
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from backend.accounts.models import ApiToken, Role, User, UserSession
from backend.core import security
from backend.core.db import utcnow
from backend.core.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthenticated
from backend.settings import Settings

logger = logging.getLogger(__name__)

TOUCH_EVERY = timedelta(minutes=10)  # how exact `last_used_at` is: a write on every request would be too many


# Signing in


def sign_in(
    session: Session, redis_client: redis.Redis, settings: Settings, email: str, password: str
) -> tuple[User, str]:
    """The user and a new session's secret. Too many wrong passwords for one e-mail make it wait."""
    limiter = _Limiter(redis_client, settings, email)
    limiter.check()
    user = session.scalar(select(User).where(User.email == email))
    if not security.verify_password(user.password_hash if user else None, password) or user is None:
        limiter.count()
        raise Unauthenticated("The e-mail or the password is wrong.", code="wrong_password")
    if not user.active:
        raise Unauthenticated("This account is deactivated. Ask an admin.", code="deactivated")
    limiter.clear()
    if security.needs_rehash(user.password_hash):
        user.password_hash = security.hash_password(password)
    return user, open_session(session, settings, user)


def open_session(session: Session, settings: Settings, user: User) -> str:
    """A new sign-in; returns the secret for the cookie."""
    session.execute(delete(UserSession).where(UserSession.expires_at < utcnow()))
    secret = security.new_session_secret()
    expires_at = utcnow() + timedelta(days=settings.session_days)
    session.add(UserSession(token_hash=security.hash_secret(secret), user_id=user.id, expires_at=expires_at))
    return secret


def close_session(session: Session, secret: str) -> None:
    """Ends one sign-in."""
    session.execute(delete(UserSession).where(UserSession.token_hash == security.hash_secret(secret)))


def user_by_session(session: Session, settings: Settings, secret: str) -> User | None:
    """Who is signed in with this cookie; every use pushes the expiry on."""
    found = session.scalar(select(UserSession).where(UserSession.token_hash == security.hash_secret(secret)))
    now = utcnow()
    if found is None or found.expires_at < now or not found.user.active:
        return None
    if now - found.last_used_at > TOUCH_EVERY:
        found.last_used_at = now
        found.expires_at = now + timedelta(days=settings.session_days)
    return found.user


def name_of(session: Session, user_id: uuid.UUID | None) -> str | None:
    """The person's name as it is now, for records that outlive it; None for nobody."""
    user = session.get(User, user_id) if user_id else None
    return user.name if user else None


def user_by_token(session: Session, secret: str) -> User | None:
    """Whose API token this is."""
    found = session.scalar(select(ApiToken).where(ApiToken.token_hash == security.hash_secret(secret)))
    now = utcnow()
    if found is None or (found.expires_at is not None and found.expires_at < now) or not found.user.active:
        return None
    if found.last_used_at is None or now - found.last_used_at > TOUCH_EVERY:
        found.last_used_at = now
    return found.user


class _Limiter:
    """Counts wrong passwords per e-mail in Redis. Without Redis it lets everybody try."""

    def __init__(self, client: redis.Redis, settings: Settings, email: str) -> None:
        self.client = client
        self.settings = settings
        self.key = "maskloom:login:" + hashlib.sha256(email.encode()).hexdigest()[:32]

    def check(self) -> None:
        try:
            count = int(self.client.get(self.key) or 0)
            wait_s = max(1, int(self.client.ttl(self.key))) if count else 0
        except redis.RedisError as error:
            logger.warning("the sign-in limit is off, Redis does not answer: %s", error)
            return
        if count >= self.settings.login_attempts:
            raise TooMany(f"Too many wrong passwords. Try again in {wait_s} seconds.", retry_after_s=wait_s)

    def count(self) -> None:
        try:
            with self.client.pipeline() as pipeline:
                pipeline.incr(self.key)
                pipeline.expire(self.key, self.settings.login_window_s)
                pipeline.execute()
        except redis.RedisError as error:
            logger.warning("a wrong password was not counted: %s", error)

    def clear(self) -> None:
        try:
            self.client.delete(self.key)
        except redis.RedisError as error:
            logger.warning("the count of wrong passwords was not cleared: %s", error)


def change_password(
    session: Session, user: User, current_password: str, new_password: str, keep_secret: str | None
) -> User:
    """Sets a new password and ends the user's other sign-ins."""
    if not security.verify_password(user.password_hash, current_password):
        raise Invalid("The current password is wrong.", code="wrong_password")
    if current_password == new_password:
        raise Invalid("The new password must differ from the current one.")
    user.password_hash = security.hash_password(new_password)
    user.must_change_password = False
    _end_sessions(session, user, keep_secret)
    return user


def _end_sessions(session: Session, user: User, keep_secret: str | None = None) -> None:
    query = delete(UserSession).where(UserSession.user_id == user.id)
    if keep_secret is not None:
        query = query.where(UserSession.token_hash != security.hash_secret(keep_secret))
    session.execute(query)


# Users


def list_users(session: Session) -> list[User]:
    """Everybody, by e-mail."""
    return list(session.scalars(select(User).order_by(User.email)))


def get_user(session: Session, user_id: uuid.UUID) -> User:
    """The user, or `NotFound`."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def find_user(session: Session, email: str) -> User:
    """The user with this e-mail, or `NotFound`."""
    user = session.scalar(select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise NotFound(f"There is no user with the e-mail {email}.")
    return user


def create_user(session: Session, *, email: str, name: str, role: Role) -> tuple[User, str]:
    """A new account and its one-time password."""
    email = email.strip().lower()
    if session.scalar(select(User.id).where(User.email == email)) is not None:
        raise Conflict(f"There is already a user with the e-mail {email}.")
    password = security.new_one_time_password()
    user = User(
        email=email, name=name, role=role, password_hash=security.hash_password(password), must_change_password=True
    )
    session.add(user)
    session.flush()
    return user, password


def ensure_first_admin(session: Session, email: str = "admin@localhost") -> tuple[User, str] | None:
    """On a database without users: the first admin and its one-time password. None otherwise."""
    if session.scalar(select(User.id).limit(1)) is not None:
        return None
    return create_user(session, email=email, name="Admin", role=Role.ADMIN)


def update_user(
    session: Session,
    user_id: uuid.UUID,
    *,
    name: str | None = None,
    role: Role | None = None,
    active: bool | None = None,
) -> User:
    """Changes a user. The last active admin stays one."""
    admins = session.scalars(select(User).where(User.role == Role.ADMIN, User.active).with_for_update()).all()
    user = get_user(session, user_id)
    loses_admin = (role is not None and role is not Role.ADMIN) or active is False
    if loses_admin and [admin.id for admin in admins] == [user.id]:
        raise Conflict("This is the last admin. Make somebody else an admin first.", code="last_admin")
    if name is not None:
        user.name = name
    if role is not None:
        user.role = role
    if active is not None:
        user.active = active
        if not active:
            _end_sessions(session, user)
    session.flush()
    return user


def reset_password(session: Session, user_id: uuid.UUID) -> tuple[User, str]:
    """A new one-time password; every sign-in of the user ends."""
    user = get_user(session, user_id)
    password = security.new_one_time_password()
    user.password_hash = security.hash_password(password)
    user.must_change_password = True
    _end_sessions(session, user)
    session.flush()
    return user, password


def count_active_admins(session: Session) -> int:
    """Admins that can sign in."""
    return session.scalar(select(func.count()).select_from(User).where(User.role == Role.ADMIN, User.active)) or 0


# Tokens for programs


def list_tokens(session: Session, user: User) -> list[ApiToken]:
    """The user's own tokens, newest first."""
    return list(session.scalars(select(ApiToken).where(ApiToken.user_id == user.id).order_by(ApiToken.id.desc())))


def create_token(session: Session, user: User, name: str, expires_in_days: int | None = None) -> tuple[ApiToken, str]:
    """A new token and its secret, which is not stored."""
    if not user.active:
        raise Forbidden("A deactivated account cannot have tokens.")
    secret = security.new_api_token()
    token = ApiToken(
        token_hash=security.hash_secret(secret),
        user_id=user.id,
        name=name,
        prefix=secret[:8],
        expires_at=utcnow() + timedelta(days=expires_in_days) if expires_in_days else None,
    )
    session.add(token)
    session.flush()
    return token, secret


def delete_token(session: Session, user: User, token_id: uuid.UUID) -> None:
    """Takes one of the user's own tokens back."""
    token = session.get(ApiToken, token_id)
    if token is None or token.user_id != user.id:
        raise NotFound("There is no such token.")
    session.delete(token)
