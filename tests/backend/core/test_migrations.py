"""The migrations build exactly the tables that the models describe."""

import importlib
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine, inspect, text

import backend
from backend.core.db import Base
from backend.local.migrate import alembic_config, is_current, upgrade


def test_models_and_migrations_agree(postgres_url: str) -> None:
    for path in Path(backend.__file__).parent.glob("*/models.py"):
        importlib.import_module(f"backend.{path.parent.name}.models")
    command.check(alembic_config(postgres_url))
    assert is_current(postgres_url)


def test_migrating_down_and_up_again(postgres_url: str) -> None:
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE down_and_up"))
    url = postgres_url.replace("/maskloom?", "/down_and_up?")
    other = create_engine(url)
    try:
        upgrade(url)
        assert set(Base.metadata.tables) <= set(inspect(other).get_table_names())
        command.downgrade(alembic_config(url), "base")
        assert inspect(other).get_table_names() == ["alembic_version"]
        assert not is_current(url)
        upgrade(url)
        assert is_current(url)
    finally:
        other.dispose()
        with admin.connect() as connection:
            connection.execute(text("DROP DATABASE down_and_up WITH (FORCE)"))
        admin.dispose()
