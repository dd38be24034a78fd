"""Alembic's environment: the platform's models, on the database the settings name."""

from alembic import context
from sqlalchemy import create_engine, pool

import backend.accounts.models
import backend.annotation.models
import backend.core.jobs.models
import backend.datasets.models
import backend.exports.models
import backend.generation.models
import backend.registry.models
import backend.review.models
import backend.rounds.models  # noqa: F401  (imported for their tables)
from backend.core.db import Base
from backend.settings import get_settings


def run() -> None:
    """Runs migrations online, in one transaction."""
    url = context.config.get_main_option("sqlalchemy.url") or get_settings().database_url
    if not url:
        raise SystemExit("DATABASE_URL is not set: say which database to migrate.")
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
