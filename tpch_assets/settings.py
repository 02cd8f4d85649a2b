"""Settings: the environment (and `.env`), validated once, with one clear sentence when something is wrong.

Nothing here touches the lake, a cluster or Dagster.
"""

import os
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent
PREFIX = "TPCH_"
DASHBOARD_PREFIX = "TPCH_DASHBOARD_"  # The dashboard's own settings, which it validates itself.


class SettingsError(ValueError):
    """A setting is unusable; the message names it, its value and what is allowed."""


class Settings(BaseSettings):
    """Every setting, read from `TPCH_<NAME>`; the README's table is made from these descriptions."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=(PROJECT / ".env", ".env"), extra="ignore", frozen=True, env_ignore_empty=True
    )

    lake: str = Field(default="lake", description="Where the lake is: a folder, or `s3://bucket/prefix`.")
    start: datetime = Field(
        default=datetime(2026, 1, 1, tzinfo=UTC), description="First day of the calendar, a midnight (UTC)."
    )
    scale_factor: float = Field(default=0.1, ge=0.001, le=100_000, description="TPC-H scale factor of one day.")
    generate: bool = Field(
        default=True, description="Make TPC-H batches in `raw`; `false` where real files land there by themselves."
    )
    automation: bool = Field(default=False, description="Schedules and sensors start switched on.")
    compute: Literal["threads", "processes", "address", "coiled"] = Field(
        default="threads", description="Where Dask computes."
    )
    address: str | None = Field(default=None, description="The Dask scheduler, with `TPCH_COMPUTE=address`.")
    workers: int = Field(
        default=os.cpu_count() or 1, ge=1, description="Threads, or worker processes, to compute with."
    )
    memory: str = Field(
        default="4GiB",
        pattern=r"^\d+(\.\d+)?[KMGT]i?B$",
        description="Memory DuckDB may use per process before it spills.",
    )
    pair_rows: int = Field(default=4_000_000, ge=1_000, description="Order lines per silver pair, about.")
    shuffle_queries: Annotated[list[str] | None, NoDecode] = Field(
        default=None,
        description="Gold queries answered by a shuffle join, separated by commas: where a dimension table is larger "
        "than a worker's memory.",
    )
    settle_seconds: float = Field(
        default=5, ge=0, description="A foreign raw file is read when it has not changed for so long."
    )
    keep_runs_days: int = Field(default=30, ge=1, description="Finished Dagster runs older than this are deleted.")
    owners: Annotated[list[str], NoDecode] = Field(
        default=["team:data-platform"], description="Owners shown in Dagster, separated by commas."
    )
    coiled_workers_min: int = Field(default=1, ge=0, description="Coiled: fewest workers.")
    coiled_workers_max: int = Field(default=20, ge=1, description="Coiled: most workers.")
    coiled_vm_type: str = Field(default="m6i.xlarge", description="Coiled: VM type of scheduler and workers.")
    coiled_spot_policy: Literal["spot", "spot_with_fallback", "on-demand"] = Field(
        default="spot_with_fallback", description="Coiled: spot or on-demand machines."
    )
    coiled_idle_timeout: str = Field(default="10 minutes", description="Coiled: an idle cluster stops after this.")
    coiled_region: str | None = Field(default=None, description="Coiled: cloud region; best next to the bucket.")
    coiled_name: str = Field(default="tpch-assets", description="Coiled: name of the cluster that runs share.")

    @field_validator("lake")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if "://" in value:
            scheme = value.split("://")[0]
            if scheme not in ("s3", "file"):
                raise ValueError(f"the scheme {scheme}:// is not supported; use a folder or s3://bucket/prefix")
            return value.rstrip("/") if scheme == "s3" else value.removeprefix("file://").rstrip("/")
        return str((PROJECT / Path(value).expanduser()).resolve())

    @field_validator("start", mode="before")
    @classmethod
    def _midnight(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise ValueError("write a date such as 2026-01-01") from None
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, datetime):
            value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
            if value.time() != datetime.min.time():
                raise ValueError("the start must be a midnight (UTC), such as 2026-01-01")
        return value

    @field_validator("owners", "shuffle_queries", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [owner.strip() for owner in value.split(",") if owner.strip()] if isinstance(value, str) else value

    @field_validator("address")
    @classmethod
    def _scheduler(cls, value: str | None) -> str | None:
        if value is not None and "://" not in value:
            raise ValueError("write a Dask scheduler's address such as tcp://127.0.0.1:8786")
        return value


def load_settings(**overrides: object) -> Settings:
    """The settings in force.

    Args:
        overrides: Values that win over the environment, by field name.

    Raises:
        SettingsError: A value, or the name of a `TPCH_…` variable, is not valid.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    files: Any = Settings.model_config.get("env_file") or ()
    for name in sorted({*os.environ, *(name for file in files for name in dotenv_values(file))}):
        if name.startswith(PREFIX) and name not in known and not name.startswith(DASHBOARD_PREFIX):
            close = get_close_matches(name, known, n=1)
            raise SettingsError(f"{name} is not a setting{f'; did you mean {close[0]}?' if close else '.'}")
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{PREFIX}{name.upper()}={first['input']!r}: {message}") from None
    if settings.compute == "address" and not settings.address:
        raise SettingsError("TPCH_COMPUTE=address needs TPCH_ADDRESS, the scheduler's address (tcp://host:8786).")
    return settings


@cache
def current_settings() -> Settings:
    """The process's settings, read once."""
    return load_settings()
