"""Brings a database to the current schema."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
# One at a time, however many processes start at once.
_LOCK_KEY = 0x6D6C6B01

logger = logging.getLogger(__name__)


def alembic_config(url: str) -> Config:
    """Alembic's configuration for one database, without a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str) -> None:
    """Runs the migrations that are missing."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
            try:
                command.upgrade(alembic_config(url), "head")
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK_KEY})
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Whether the database has the schema this version needs."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            have = MigrationContext.configure(connection).get_current_heads()
    finally:
        engine.dispose()
    return set(have) == set(ScriptDirectory(str(MIGRATIONS)).get_heads())
