"""Settings from the environment and `.env`, validated once. A bad setting raises a one-line error.

This module does not touch the lake, a cluster or Dagster.
"""

import os
import re
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tpch_assets.deployment import DeploymentError, deployment
from tpch_assets.schema import Business, SchemaError, load_business

PROJECT = Path(__file__).resolve().parent.parent
PREFIX = "TPCH_"
# The dashboard and the model's server validate their own settings.
DASHBOARD_PREFIX, SERVING_PREFIX = "TPCH_DASHBOARD_", "TPCH_SERVING_"
HEALTH = "/liveness"  # Says that the dashboard, or the model's server, responds. It needs no sign-in.
# Where S3 is, here, on workers and on the dashboard's machine. The first variable that is set counts.
S3_REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
S3_ENDPOINT = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


SECRETS = ("alert_webhook_url", "alert_smtp_password")  # No message shows their values.


class SettingsError(ValueError):
    """A setting is not valid. The message names the setting, its value and the allowed values."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


ListT = TypeVar("ListT")
Separated = Annotated[ListT, NoDecode, BeforeValidator(_split)]
"""A list whose parts stand between commas."""


class Settings(BaseSettings):
    """All settings, read from `TPCH_<NAME>`. The README's table repeats these descriptions."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=(PROJECT / ".env", ".env"), extra="ignore", frozen=True, env_ignore_empty=True
    )

    lake: str = Field(default="lake", description="Location of the lake: a folder, or `s3://bucket/prefix`.")
    business: str = Field(
        default="tpch_assets.tpch",
        description="Python module that defines `BUSINESS`: tables, queries and generator.",
    )
    start: datetime = Field(
        default=datetime(2026, 1, 1, tzinfo=UTC), description="First day of the calendar: a midnight in UTC."
    )
    scale_factor: float = Field(default=0.1, ge=0.001, le=100_000, description="TPC-H scale factor per day.")
    generate: bool = Field(
        default=True, description="Generate TPC-H batches in `raw`. Set `false` if your own files land there."
    )
    automation: bool = Field(default=False, description="Turn schedules and sensors on by default.")
    compute: Literal["threads", "processes", "address", "coiled"] = Field(
        default="threads", description="Where Dask runs: `threads`, `processes`, `address` or `coiled`."
    )
    address: str | None = Field(default=None, description="Address of the Dask scheduler, for `TPCH_COMPUTE=address`.")
    workers: int = Field(default=os.cpu_count() or 1, ge=1, description="Number of threads or worker processes.")
    memory: str = Field(
        default="4GiB",
        pattern=r"^\d+(\.\d+)?[KMGT]i?B$",
        description="Memory that DuckDB may use per process before it spills to disk.",
    )
    shard_rows: int = Field(
        default=4_000_000,
        ge=1_000,
        description="Approximate rows per silver shard, counted in the group's largest fact.",
    )
    model_rows: int = Field(
        default=20_000_000,
        ge=1,
        description="Rows up to which one worker trains a model; more are trained on by all workers together.",
    )
    settle_seconds: float = Field(
        default=5,
        ge=0,
        description="Seconds that a raw file from another writer must stay unchanged before it is read.",
    )
    keep_runs_days: int = Field(default=30, ge=1, description="Delete finished Dagster runs after this many days.")
    owners: Separated[list[str]] = Field(
        default=["team:data-platform"], description="Asset owners shown in Dagster, comma-separated."
    )
    repository_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Where assets in Dagster link to their code, such as `https://github.com/me/etl/blob/main`. By "
        "default they link to the files on this machine.",
    )
    coiled_workers_min: int = Field(
        default=1, ge=1, description="Coiled: minimum number of workers for silver and gold."
    )
    coiled_workers_max: int = Field(
        default=20, ge=1, description="Coiled: maximum number of workers for silver and gold."
    )
    coiled_vm_type: str = Field(default="m6i.xlarge", description="Coiled: VM type of the workers for silver and gold.")
    coiled_spot_policy: Literal["spot", "spot_with_fallback", "on-demand"] = Field(
        default="spot_with_fallback", description="Coiled: whether to use spot or on-demand VMs."
    )
    coiled_idle_timeout: str = Field(
        default="10 minutes", description="Coiled: how long a cluster may idle before it stops."
    )
    coiled_region: str | None = Field(default=None, description="Coiled: cloud region. Defaults to the AWS region.")
    coiled_name: str = Field(default="tpch-assets", description="Coiled: prefix of the clusters' names.")
    coiled_batch_workers_max: int = Field(
        default=2, ge=1, description="Coiled: maximum number of workers for raw and bronze."
    )
    coiled_batch_vm_type: str = Field(
        default="t3.large", description="Coiled: VM type of the workers for raw and bronze."
    )
    coiled_container: str | None = Field(
        default=None,
        description="Coiled: container image of the workers. By default they get a copy of this environment.",
    )
    coiled_keep_seconds: int = Field(
        default=0, ge=0, description="Coiled: seconds to keep a cluster after its last run. `0` stops it at once."
    )
    budget_dollars_per_day: float | None = Field(
        default=None,
        gt=0,
        description="Dollars that a deployment may spend per day (UTC). Once they are spent, runs wait.",
    )

    dagster_port: int = Field(default=3000, ge=1, le=65535, description="Port of the Dagster UI.")
    dashboard_mode: Literal["off", "coiled"] = Field(
        default="off", description="`coiled`: a schedule keeps a dashboard running on Coiled."
    )
    dashboard_url: str | None = Field(
        default=None,
        description="URL of the dashboard on Coiled: `http://<subdomain>.<workspace>.dask.host:5006`.",
    )
    dashboard_image: str | None = Field(default=None, description="Container image of the dashboard on Coiled.")
    dashboard_vm_type: str = Field(default="t3.medium", description="VM type of the dashboard on Coiled.")
    serving_mode: Literal["off", "coiled"] = Field(
        default="off", description="`coiled`: a schedule keeps the model's server running on Coiled."
    )
    serving_url: str | None = Field(
        default=None, description="URL of the model's server, if it runs on another machine than the dashboard."
    )
    serving_image: str | None = Field(default=None, description="Container image of the model's server on Coiled.")
    serving_vm_type: str = Field(default="t3.medium", description="VM type of the model's server on Coiled.")
    alert_webhook_url: SecretStr | None = Field(
        default=None, description="Alerts: incoming webhook of Slack, or of whatever takes its JSON. A secret."
    )
    alert_email_to: Separated[list[str] | None] = Field(
        default=None, description="Alerts: addresses that get e-mail, comma-separated."
    )
    alert_email_from: str | None = Field(
        default=None, description="Alerts: sender of e-mail. Defaults to the first address that gets it."
    )
    alert_smtp_host: str | None = Field(default=None, description="Alerts: mail server, for `TPCH_ALERT_EMAIL_TO`.")
    alert_smtp_port: int = Field(default=587, ge=1, le=65535, description="Alerts: port of the mail server.")
    alert_smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="Alerts: encryption of e-mail on its way: `starttls`, `tls` or `none`."
    )
    alert_smtp_user: str | None = Field(default=None, description="Alerts: user at the mail server.")
    alert_smtp_password: SecretStr | None = Field(
        default=None, description="Alerts: password at the mail server. A secret."
    )
    alert_dagster_url: str | None = Field(
        default=None, description="Alerts: URL of the Dagster UI in links. Defaults to the local one."
    )
    alert_dashboard_url: str | None = Field(
        default=None,
        description="Alerts: URL of the dashboard, for links and to ask whether it answers. Defaults to "
        "`TPCH_DASHBOARD_URL`, or to the local one.",
    )
    alert_reject_rate: float = Field(
        default=0.01, ge=0, lt=1, description="Alerts: share of a table's lines that may be rejected, over a day."
    )
    alert_disk_share: float = Field(default=0.85, gt=0, le=1, description="Alerts: share of a disk that may be used.")
    branch_lakes: str | None = Field(
        default=None, description="Location below which each branch deployment of Dagster Cloud has its own lake."
    )
    branch_automation: bool = Field(
        default=False,
        description="Turn schedules and sensors on by default in branch deployments, which ignore `TPCH_AUTOMATION`.",
    )

    def generates(self, business: Business) -> bool:
        """Whether raw batches are made here, rather than landing by themselves."""
        return self.generate and business.source is not None

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
                raise ValueError("the start must be a midnight in UTC, such as 2026-01-01")
        return value

    @field_validator("alert_webhook_url")
    @classmethod
    def _web(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/]+\S*", value.get_secret_value()):
            raise ValueError("write an address such as https://hooks.slack.com/services/…")
        return value

    @field_validator("alert_email_to")
    @classmethod
    def _addresses(cls, value: list[str] | None) -> list[str] | None:
        if odd := [one for one in value or () if not re.fullmatch(r"[^\s@,]+@[^\s@,]+", one)]:
            raise ValueError(f"{odd[0]} is not an address such as team@example.org")
        return value

    @field_validator("alert_dagster_url", "alert_dashboard_url")
    @classmethod
    def _page(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s?#@]+", value):
            raise ValueError("write an address such as https://dagster.example.org")
        return value.rstrip("/") if value else value

    @field_validator("dashboard_url", "serving_url")
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


class Address(BaseSettings):
    """Where a server listens."""

    address: str = Field(default="127.0.0.1", description="Network address to listen on.")
    port: int = Field(ge=1, le=65535, description="Port to listen on.")

    @property
    def url(self) -> str:
        """The URL of the server on its own machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def _prefixed(prefix: str) -> SettingsConfigDict:
    files = (PROJECT / ".env", ".env")
    return SettingsConfigDict(env_prefix=prefix, env_file=files, extra="ignore", frozen=True, env_ignore_empty=True)


class DashboardAddress(Address):
    """Where the dashboard listens. Its other settings are in `dashboards/settings.py`."""

    model_config = _prefixed(DASHBOARD_PREFIX)

    port: int = Field(default=5006, ge=1, le=65535, description="Port to listen on.")


class ServingAddress(Address):
    """Where the model's server listens, and its token. Its other settings are in `serving/settings.py`."""

    model_config = _prefixed(SERVING_PREFIX)

    port: int = Field(default=8080, ge=1, le=65535, description="Port to listen on.")
    token: str | None = Field(
        default=None,
        min_length=16,
        pattern=r"^[\x21-\x7e]+$",
        description="What clients must send as `Authorization: Bearer …`; at least 16 random characters.",
    )


AddressT = TypeVar("AddressT", bound=Address)


def load_address(kind: type[AddressT], **overrides: object) -> AddressT:
    """Load a server's address, or all of its settings.

    Raises:
        SettingsError: A value is not valid. The message names the setting but not its value, which may be a secret.
    """
    try:
        return kind(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first, prefix = error.errors()[0], kind.model_config.get("env_prefix")
        name = f"{prefix}{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        raise SettingsError(f"{name}{first['msg'].removeprefix('Value error, ')}") from None


def variables() -> dict[str, str]:
    """The environment variables, merged with those of the `.env` files."""
    files = Settings.model_config.get("env_file")
    given = [dotenv_values(file) for file in (files if isinstance(files, tuple) else ())]
    found = {name: value or "" for values in given for name, value in values.items()}
    return {**found, **os.environ}


def load_settings(**overrides: object) -> Settings:
    """Load the settings.

    Args:
        overrides: Values by field name; they take precedence over the environment.

    Raises:
        SettingsError: A value is not valid, or a `TPCH_…` variable is unknown.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(variables()):
        own = name.startswith((DASHBOARD_PREFIX, SERVING_PREFIX))
        if name.startswith(PREFIX) and name not in known and not own:
            close = get_close_matches(name, known, n=1)
            raise SettingsError(f"{name} is not a setting{f'; did you mean {close[0]}?' if close else '.'}")
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        message = first["msg"].removeprefix("Value error, ")
        value = "***" if name in SECRETS else repr(first["input"])
        raise SettingsError(f"{PREFIX}{name.upper()}={value}: {message}") from None
    if settings.compute == "address" and not settings.address:
        raise SettingsError("TPCH_COMPUTE=address needs TPCH_ADDRESS, the scheduler's address (tcp://host:8786).")
    for prefix, mode, url, port in (
        (DASHBOARD_PREFIX, settings.dashboard_mode, settings.dashboard_url, 5006),
        (SERVING_PREFIX, settings.serving_mode, settings.serving_url, 8080),
    ):
        if mode == "coiled" and not url:
            raise SettingsError(f"{prefix}MODE=coiled needs {prefix}URL (http://tpch.<workspace>.dask.host:{port}).")
    if settings.alert_email_to and not settings.alert_smtp_host:
        raise SettingsError("TPCH_ALERT_EMAIL_TO needs TPCH_ALERT_SMTP_HOST, the mail server's name.")
    _check_coiled(settings)
    return _of_deployment(settings)


def _of_deployment(settings: Settings) -> Settings:
    """Adapt production's settings to a branch deployment: its own lake, its own automation setting, no servers."""
    try:
        here = deployment()
    except DeploymentError as error:
        raise SettingsError(str(error)) from None
    if not here.is_branch:
        return settings
    root = settings.branch_lakes or f"{settings.lake}/branches"
    own = {"lake": f"{root}/{here.name}", "automation": settings.branch_automation}
    return settings.model_copy(update={**own, "dashboard_mode": "off", "serving_mode": "off"})


def _check_coiled(settings: Settings) -> None:
    if settings.compute == "coiled" and "://" not in settings.lake:
        raise SettingsError(
            f"TPCH_LAKE={settings.lake}: Coiled's workers cannot reach a local folder; use s3://bucket/prefix."
        )
    if settings.coiled_workers_min > settings.coiled_workers_max:
        raise SettingsError(
            f"TPCH_COILED_WORKERS_MIN={settings.coiled_workers_min} is more than TPCH_COILED_WORKERS_MAX="
            f"{settings.coiled_workers_max}."
        )


@cache
def current_settings() -> Settings:
    """This process's settings, read once."""
    return load_settings()


@cache
def _business_of(module: str) -> Business:
    try:
        return load_business(module)
    except SchemaError as error:
        raise SettingsError(f"{PREFIX}BUSINESS={module}: {error}.") from None


def current_business() -> Business:
    """The business named in the settings.

    Raises:
        SettingsError: The business cannot be loaded, or one of its tables is not valid.
    """
    return _business_of(current_settings().business)
