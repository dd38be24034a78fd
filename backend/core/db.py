"""The database: declarative base, ids, clocks, transactions and what runs after them.

One request or task is one transaction. `Database.transaction` commits when its block ends and rolls back when it
raises; functions left with `after_commit` run only after a commit, in order, and never break their cause. Services get
a session, and never commit.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import DateTime, Engine, MetaData, Text, Uuid, create_engine, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

logger = logging.getLogger(__name__)

_AFTER_COMMIT = "maskloom.after_commit"
_uuid_lock = threading.Lock()
_last_uuid_ns = 0


def uuid7() -> uuid.UUID:
    """A UUIDv7 (RFC 9562):

    48 bits of milliseconds, 12 of sub-millisecond fraction, the rest random; grows in a process.
    """
    global _last_uuid_ns
    with _uuid_lock:
        now_ns = max(time.time_ns(), _last_uuid_ns + 256)  # one step of the 12-bit fraction is about 244 ns
        _last_uuid_ns = now_ns
    milliseconds, rest_ns = divmod(now_ns, 1_000_000)
    fraction = rest_ns * 4096 // 1_000_000
    random_bits = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    value = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random_bits
    return uuid.UUID(int=value)


def utcnow() -> datetime:
    """Now, timezone-aware, in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Parent of every table. Constraint names follow one convention, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy's own name and shape)
        uuid.UUID: Uuid(),
        datetime: DateTime(timezone=True),
        str: Text(),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
        list[str]: JSONB(none_as_null=True),
        list[dict[str, Any]]: JSONB(none_as_null=True),
    }


class TimestampMixin:
    """`created_at` and `updated_at`, kept by the database session."""

    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now(), onupdate=utcnow)


class Database:
    """A pool of connections to one database, and the sessions on it.

    `info` is put into every session's `info`, which is how services reach the process's live connections after a
    commit.
    """

    def __init__(self, url: str, *, info: dict[str, Any] | None = None, pool_size: int = 10) -> None:
        if not url:
            raise ValueError("DATABASE_URL is not set. Start the platform with `maskloom up`, or set DATABASE_URL.")
        self.url = url
        self.engine: Engine = create_engine(
            url, pool_pre_ping=True, pool_size=pool_size, max_overflow=30, connect_args={"connect_timeout": 10}
        )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, info=info or {})

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed when the block ends and rolled back when it raises."""
        with self._sessions() as session:
            with session.begin():
                yield session
            _run_after_commit(session)

    def dispose(self) -> None:
        """Closes every pooled connection."""
        self.engine.dispose()


def after_commit(session: Session, function: Callable[[], None]) -> None:
    """Leaves `function` to run once this session's transaction is committed; dropped if it is rolled back."""
    session.info.setdefault(_AFTER_COMMIT, []).append(function)


def _run_after_commit(session: Session) -> None:
    functions: list[Callable[[], None]] = session.info.pop(_AFTER_COMMIT, [])
    for function in functions:
        try:
            function()
        except Exception:
            # The work is committed; a hint that could not be sent must not turn it into an error.
            logger.exception("something left for after the commit failed")


def get_session(request: Request) -> Iterator[Session]:
    """The request's one transaction."""
    database: Database = request.app.state.runtime.database
    with database.transaction() as session:
        yield session


# scope="function": the commit happens before the response is sent, so a client that has its answer can rely on it.
SessionDep = Annotated[Session, Depends(get_session, scope="function")]
