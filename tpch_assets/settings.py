"""Settings: the environment (and `.env`), validated once, with one clear sentence when something is wrong.

Nothing here touches the lake, a cluster or Dagster.
"""

import os
import re
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tpch_assets.deployment import DeploymentError, deployment
from tpch_assets.schema import Business, SchemaError, load_business

PROJECT = Path(__file__).resolve().parent.parent
PREFIX = "TPCH_"
DASHBOARD_PREFIX = "TPCH_DASHBOARD_"  # The dashboard's own settings, which it validates itself.
HEALTH = "/liveness"  # Where a dashboard answers without sign-in.


class SettingsError(ValueError):
    """A setting is unusable; the message names it, its value and what is allowed."""


class Settings(BaseSettings):
    """Every setting, read from `TPCH_<NAME>`; the README's table is made from these descriptions."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=(PROJECT / ".env", ".env"), extra="ignore", frozen=True, env_ignore_empty=True
    )

    lake: str = Field(default="lake", description="Where the lake is: a folder, or `s3://bucket/prefix`.")
    business: str = Field(
        default="tpch_assets.tpch",
        description="Python module with the tables, queries and generator, as `BUSINESS`.",
    )
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
    shard_rows: int = Field(
        default=4_000_000, ge=1_000, description="Rows of a group's largest fact per silver shard, about."
    )
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
    coiled_workers_min: int = Field(default=1, ge=1, description="Coiled: fewest workers for silver and gold.")
    coiled_workers_max: int = Field(default=20, ge=1, description="Coiled: most workers for silver and gold.")
    coiled_vm_type: str = Field(default="m6i.xlarge", description="Coiled: VM type of workers for silver and gold.")
    coiled_spot_policy: Literal["spot", "spot_with_fallback", "on-demand"] = Field(
        default="spot_with_fallback", description="Coiled: spot or on-demand machines."
    )
    coiled_idle_timeout: str = Field(default="10 minutes", description="Coiled: an idle cluster stops after this.")
    coiled_region: str | None = Field(default=None, description="Coiled: cloud region; by default AWS's.")
    coiled_name: str = Field(default="tpch-assets", description="Coiled: what the clusters' names begin with.")
    coiled_batch_workers_max: int = Field(default=2, ge=1, description="Coiled: most workers for raw and bronze.")
    coiled_batch_vm_type: str = Field(default="t3.large", description="Coiled: VM type of workers for raw and bronze.")
    coiled_container: str | None = Field(
        default=None, description="Coiled: container image of workers; without, this environment is copied to them."
    )
    coiled_keep_seconds: int = Field(
        default=0, ge=0, description="Coiled: a cluster outlives its last run by so long; `0` stops it at once."
    )
    budget_dollars_per_day: float | None = Field(
        default=None, gt=0, description="Dollars that a deployment may cost in a day (UTC); runs wait past them."
    )

    dagster_port: int = Field(default=3000, ge=1, le=65535, description="Port of Dagster's UI in `make dev`.")
    dashboard_mode: Literal["off", "coiled"] = Field(
        default="off", description="`coiled`: a schedule keeps a dashboard up on Coiled."
    )
    dashboard_url: str | None = Field(
        default=None,
        description="Where the dashboard on Coiled answers: `http://<subdomain>.<workspace>.dask.host:5006`.",
    )
    dashboard_image: str | None = Field(default=None, description="Container image of the dashboard on Coiled.")
    dashboard_vm_type: str = Field(default="t3.medium", description="VM type of the dashboard on Coiled.")
    branch_lakes: str | None = Field(
        default=None, description="Each branch deployment of Dagster Cloud has a lake of its own below this."
    )
    branch_automation: bool = Field(
        default=False,
        description="Schedules and sensors start switched on in branch deployments, which ignore `TPCH_AUTOMATION`.",
    )

    @field_validator("lake", "branch_lakes")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "://" in value:
            scheme = value.split("://")[0]
            if scheme not in ("s3", "file"):
                raise ValueError(f"the scheme {scheme}:// is not supported; use a folder or s3://bucket/prefix")
            if scheme == "s3" and not value.removeprefix("s3://").strip("/"):
                raise ValueError("the bucket is missing; write s3://bucket/prefix")
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

    @field_validator("dashboard_mode", mode="before")
    @classmethod
    def _not_local(cls, value: object) -> object:
        if value == "local":
            raise ValueError(
                "`make dev` keeps its dashboard up by itself; leave this out, and in production use systemd "
                "(docs/deploy.md, step 10) or `coiled`"
            )
        return value

    @field_validator("dashboard_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/?#@]+/?", value):
            raise ValueError("write an address without a path, such as http://tpch.<workspace>.dask.host:5006")
        return value.rstrip("/") if value else value

    @field_validator("address")
    @classmethod
    def _scheduler(cls, value: str | None) -> str | None:
        if value is not None and "://" not in value:
            raise ValueError("write a Dask scheduler's address such as tcp://127.0.0.1:8786")
        return value


class DashboardAddress(BaseSettings):
    """Where the dashboard listens. The rest of its settings are its own (`dashboards/settings.py`)."""

    model_config = SettingsConfigDict(
        env_prefix=DASHBOARD_PREFIX,
        env_file=(PROJECT / ".env", ".env"),
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
    )

    address: str = Field(default="127.0.0.1", description="Network address to listen on.")
    port: int = Field(default=5006, ge=1, le=65535, description="Port to listen on.")

    @property
    def url(self) -> str:
        """Where it answers on its own machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


AddressT = TypeVar("AddressT", bound=DashboardAddress)


def load_address(kind: type[AddressT], **overrides: object) -> AddressT:
    """The dashboard's address in force, or all of its settings.

    Raises:
        SettingsError: A value is not valid; the message names the setting, but not its value, which may be a secret.
    """
    try:
        return kind(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{DASHBOARD_PREFIX}{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        raise SettingsError(f"{name}{first['msg'].removeprefix('Value error, ')}") from None


def variables() -> dict[str, str]:
    """The environment's variables, and those of the `.env` files."""
    files: Any = Settings.model_config.get("env_file") or ()
    found = {name: value or "" for file in files for name, value in dotenv_values(file).items()}
    return {**found, **os.environ}


def load_settings(**overrides: object) -> Settings:
    """The settings in force.

    Args:
        overrides: Values that win over the environment, by field name.

    Raises:
        SettingsError: A value, or the name of a `TPCH_…` variable, is not valid.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(variables()):
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
    if settings.dashboard_mode == "coiled" and not settings.dashboard_url:
        raise SettingsError(
            "TPCH_DASHBOARD_MODE=coiled needs TPCH_DASHBOARD_URL (http://tpch.<workspace>.dask.host:5006)."
        )
    _check_coiled(settings)
    return _of_deployment(settings)


def _of_deployment(settings: Settings) -> Settings:
    """A branch deployment gets a lake of its own, and neither automation nor a dashboard by production's settings."""
    try:
        here = deployment()
    except DeploymentError as error:
        raise SettingsError(str(error)) from None
    if not here.is_branch:
        return settings
    root = settings.branch_lakes or f"{settings.lake}/branches"
    return settings.model_copy(
        update={"lake": f"{root}/{here.name}", "automation": settings.branch_automation, "dashboard_mode": "off"}
    )


def _check_coiled(settings: Settings) -> None:
    if settings.compute == "coiled" and "://" not in settings.lake:
        raise SettingsError(
            f"TPCH_LAKE={settings.lake}: Coiled's workers reach no folder of here; use s3://bucket/prefix."
        )
    if settings.coiled_workers_min > settings.coiled_workers_max:
        raise SettingsError(
            f"TPCH_COILED_WORKERS_MIN={settings.coiled_workers_min} is more than TPCH_COILED_WORKERS_MAX="
            f"{settings.coiled_workers_max}."
        )


@cache
def current_settings() -> Settings:
    """The process's settings, read once."""
    return load_settings()


@cache
def _business_of(module: str) -> Business:
    try:
        return load_business(module)
    except SchemaError as error:
        raise SettingsError(f"{PREFIX}BUSINESS={module}: {error}.") from None


def current_business() -> Business:
    """The business that the settings name.

    Raises:
        SettingsError: It cannot be loaded, or a table of it is not valid.
    """
    return _business_of(current_settings().business)
