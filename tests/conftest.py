"""What tests of the platform stand on: a real Postgres, a real Redis, and the platform's own code around them.

The servers start once a session, from wheels. The schema is built by the migrations; tables are emptied after each test
that used them. `run_jobs` runs queued jobs in this process through the very claim and lease code that workers use.
"""

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from backend.accounts import service as accounts
from backend.accounts.dependencies import COOKIE
from backend.accounts.models import Role, User
from backend.app import create_app
from backend.core.db import Base, Database
from backend.core.jobs.reconcile import reconcile
from backend.core.jobs.runner import queued_job_ids, run_job
from backend.core.runtime import Runtime
from backend.core.storage import Storage
from backend.local.migrate import upgrade
from backend.local.postgres import Postgres
from backend.local.redis import LocalRedis
from backend.settings import Settings

MOST_JOBS = 200


class SignedIn(TestClient):
    """A client with somebody's session cookie."""

    user_id: uuid.UUID
    email: str


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    # Not pytest's own temporary folder: Postgres, which runs as another user under root, could not get there.
    folder = Path(tempfile.mkdtemp(prefix="mlk-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(server_folder: Path) -> Iterator[str]:
    """The URL of a database with the schema, on a server of this test session."""
    server = Postgres(server_folder / "postgres", fast=True)
    server.start()
    try:
        upgrade(server.url())
        yield server.url()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def redis_url(server_folder: Path) -> Iterator[str]:
    """The URL of a Redis of this test session."""
    server = LocalRedis(server_folder / "redis")
    with subprocess.Popen(server.command(), stdout=subprocess.DEVNULL) as process:
        try:
            server.wait(process)
            yield server.url
        finally:
            process.terminate()


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str, redis_url: str) -> Settings:
    """Settings of this test: its own home, short leases."""
    return Settings(
        home=tmp_path / "home",
        database_url=postgres_url,
        redis_url=redis_url,
        frontend_dir=tmp_path / "page",
        job_lease_s=4,
        job_heartbeat_s=1,
        reconcile_s=1,
        resend_s=2,
        min_free_bytes=0,
    )


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """The platform's connections. The tables and Redis are emptied afterwards."""
    made = Runtime(settings)
    yield made
    made.redis.flushall()
    names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    with made.database.transaction() as session:
        session.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    made.close()


@pytest.fixture
def database(runtime: Runtime) -> Database:
    """The database, empty."""
    return runtime.database


@pytest.fixture
def storage(runtime: Runtime) -> Storage:
    """A storage in a folder of this test."""
    return runtime.storage


@pytest.fixture
def app(runtime: Runtime) -> FastAPI:
    """The web application."""
    return create_app(runtime=runtime)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A stranger's client."""
    with TestClient(app) as made:
        yield made


@pytest.fixture
def login(app: FastAPI, client: TestClient, runtime: Runtime) -> Callable[..., SignedIn]:
    """`login("annotator" | "reviewer" | "admin", email=None)`: a client of a user with that role, made if need be."""

    def sign_in(role: str = "annotator", email: str | None = None) -> SignedIn:
        address = email or f"{role}@example.org"
        with runtime.database.transaction() as session:
            user = session.query(User).filter_by(email=address).one_or_none()
            if user is None:
                # No password: hashing one takes longer than most tests.
                user = User(email=address, name=address.split("@")[0].title(), role=Role(role), password_hash="!")
                session.add(user)
                session.flush()
            secret = accounts.open_session(session, runtime.settings, user)
        signed_in = SignedIn(app, cookies={COOKIE: secret})
        signed_in.user_id = user.id
        signed_in.email = address
        return signed_in

    return sign_in


@pytest.fixture
def run_jobs(runtime: Runtime) -> Callable[[], int]:
    """Runs queued jobs, and those they lead to, until none is left; returns how many ran."""
    from backend.worker import load_handlers

    load_handlers()

    def run() -> int:
        done = 0
        while True:
            with runtime.database.transaction() as session:
                waiting = queued_job_ids(session)
            if not waiting:
                return done
            for job_id in waiting:
                done += run_job(runtime, job_id)
                assert done < MOST_JOBS, "jobs keep leading to jobs"

    return run


@pytest.fixture
def reconcile_jobs(runtime: Runtime) -> Callable[[], None]:
    """One tick of the clock that takes back silent jobs and sends lost ones again."""
    return lambda: reconcile(runtime)
