"""Settings: everything a process of the platform can be told, read once from the environment.

`MASKLOOM_HOME`, `DATABASE_URL`, `REDIS_URL` and `STORAGE_URL` keep their plain names; everything else is
`MASKLOOM_<NAME>`. An empty `DATABASE_URL` or `REDIS_URL` means the private servers that `maskloom up` runs under
`MASKLOOM_HOME`.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent
MEBIBYTE = 1024 * 1024


class Settings(BaseSettings):
    """One process's settings. Frozen: a changed setting needs a new process."""

    model_config = SettingsConfigDict(
        env_prefix="MASKLOOM_", extra="ignore", frozen=True, populate_by_name=True, validate_default=True
    )

    home: Path = Field(default=Path("~/.maskloom"), description="data folder of the one-machine default")
    database_url: str = Field(default="", validation_alias=AliasChoices("DATABASE_URL", "database_url"))
    redis_url: str = Field(default="", validation_alias=AliasChoices("REDIS_URL", "redis_url"))
    storage_url: str = Field(default="", validation_alias=AliasChoices("STORAGE_URL", "storage_url"))
    work_dir: Path | None = Field(default=None, description="scratch of jobs; give a shared folder on many machines")
    frontend_dir: Path = Field(default=REPOSITORY / "frontend" / "dist", description="the built web page")

    import_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="server folders that admins may import from, separated by ':' or ','"
    )
    max_pixels: int = Field(default=100_000_000, ge=1, description="larger images are refused as bombs")
    max_file_bytes: int = Field(default=4096 * MEBIBYTE, ge=1, description="largest single uploaded file")
    max_import_files: int = Field(default=100_000, ge=1, description="most files in one import")
    min_free_bytes: int = Field(default=256 * MEBIBYTE, ge=0, description="disk space that imports leave free")

    job_lease_s: float = Field(default=45.0, gt=0, description="a running job is given up when silent for this long")
    job_heartbeat_s: float = Field(default=10.0, gt=0, description="how often a running job renews its lease")
    reconcile_s: float = Field(default=10.0, gt=0, description="how often lost jobs are looked for")
    resend_s: float = Field(default=30.0, gt=0, description="a queued job unheard of for this long is sent again")
    worker_ttl_s: float = Field(default=30.0, gt=0, description="a worker silent for this long counts as gone")

    session_days: int = Field(default=30, ge=1, description="a sign-in lasts this long after its last use")
    login_attempts: int = Field(default=10, ge=1, description="wrong passwords per e-mail before a pause")
    login_window_s: int = Field(default=300, ge=1, description="length of that pause")
    secure_cookies: bool = Field(default=False, description="set behind HTTPS: the cookie is never sent in clear")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="other origins whose pages may write with a cookie, e.g. a proxy's public URL"
    )
    instance: str = Field(default="", description="set by `maskloom up`, which knows its own web process by it")
    log_format: Literal["text", "json"] = "text"
    log_level: str = "INFO"

    @field_validator("import_roots", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object, info: object) -> object:
        if not isinstance(value, str):
            return value
        field = getattr(info, "field_name", "")
        separated = value.replace(os.pathsep, ",") if field == "import_roots" else value
        return tuple(part.strip() for part in separated.split(",") if part.strip())

    @field_validator("home", "work_dir", "frontend_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @field_validator("database_url", mode="after")
    @classmethod
    def _driver(cls, value: str) -> str:
        """Postgres URLs as other tools write them, turned to the one driver used here."""
        for prefix in ("postgres://", "postgresql://"):
            if value.startswith(prefix):
                return "postgresql+psycopg://" + value.removeprefix(prefix)
        if value and not value.startswith("postgresql+psycopg://"):
            raise ValueError("DATABASE_URL must start with postgresql://: Maskloom stores its data in PostgreSQL.")
        return value

    @model_validator(mode="after")
    def _beats_within_a_lease(self) -> "Settings":
        if self.job_heartbeat_s * 2 > self.job_lease_s:
            raise ValueError("MASKLOOM_JOB_HEARTBEAT_S must be at most half of MASKLOOM_JOB_LEASE_S.")
        return self

    @property
    def effective_storage_url(self) -> str:
        return self.storage_url or (self.home / "storage").as_uri()

    @property
    def effective_work_dir(self) -> Path:
        return self.work_dir or self.home / "work"

    @property
    def quarantine_dir(self) -> Path:
        """Where uploads wait, under names of our own, until a job has decoded them."""
        return self.effective_work_dir / "quarantine"


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read from the environment once."""
    return Settings()
