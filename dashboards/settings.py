"""The dashboard's own settings, from `TPCH_DASHBOARD_<NAME>` (and `.env`). Where the lake is, `TPCH_LAKE` says."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tpch_assets.settings import DashboardAddress, Separated, current_settings


def _dagster_url() -> str:
    return f"http://127.0.0.1:{current_settings().dagster_port}"


class DashboardSettings(DashboardAddress):
    """Every setting of the dashboard; docs/dashboard.md explains them."""

    origins: Separated[list[str]] = Field(
        default=[], description="`host:port` under which browsers reach it, separated by commas; behind a proxy."
    )
    processes: int = Field(default=2, ge=1, le=64, description="Server processes; each follows the lake by itself.")
    poll_seconds: float = Field(default=3, ge=0.2, le=10, description="How often the tables' versions are looked at.")
    memory: str = Field(
        default="1GiB",
        pattern=r"^\d+(\.\d+)?\s?(KB|MB|GB|TB|KiB|MiB|GiB|TiB)$",
        description="Memory of each process for what is computed on the spot, such as 1GiB.",
    )
    dagster_url: str = Field(
        default_factory=_dagster_url,
        pattern=r"^https?://[^\s\"'<>]+$",
        description="The Dagster UI that links go to.",
    )
    basic_auth: str | None = Field(
        default=None, description="Basic auth: a password, or a JSON file of users and passwords."
    )
    oauth_provider: Literal["auth0", "azure", "bitbucket", "generic", "github", "gitlab", "google", "okta"] | None = (
        Field(default=None, description="OAuth: who signs people in.")
    )
    oauth_key: str | None = Field(default=None, description="OAuth: the client's id.")
    oauth_secret: str | None = Field(default=None, description="OAuth: the client's secret.")
    oauth_redirect_uri: str | None = Field(default=None, description="OAuth: where the provider sends people back to.")
    oauth_encryption_key: str | None = Field(default=None, description="OAuth: encrypts the tokens in cookies.")
    oauth_extra_params: dict[str, str] = Field(default={}, description="OAuth: more for the provider, as JSON.")
    cookie_secret: str | None = Field(
        default=None, min_length=16, description="Signs the sign-in cookie; at least 16 random characters."
    )

    @field_validator("origins")
    @classmethod
    def _hosts(cls, value: list[str]) -> list[str]:
        if bad := [origin for origin in value if "/" in origin or "*" in origin]:
            raise ValueError(f"write host:port, without scheme or wildcard, not {bad[0]}")
        return value

    @field_validator("dagster_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> "DashboardSettings":
        if self.basic_auth and self.oauth_provider:
            raise ValueError("choose one of TPCH_DASHBOARD_BASIC_AUTH and TPCH_DASHBOARD_OAUTH_PROVIDER")
        if (self.basic_auth or self.oauth_provider) and not self.cookie_secret:
            raise ValueError("signing in needs TPCH_DASHBOARD_COOKIE_SECRET (`openssl rand -hex 32` makes one)")
        if self.oauth_provider and not (self.oauth_key and self.oauth_secret):
            raise ValueError("OAuth needs TPCH_DASHBOARD_OAUTH_KEY and TPCH_DASHBOARD_OAUTH_SECRET")
        if self.basic_auth and self.basic_auth.endswith(".json") and not Path(self.basic_auth).is_file():
            raise ValueError(f"TPCH_DASHBOARD_BASIC_AUTH={self.basic_auth}: there is no such file")
        return self

    @property
    def signs_in(self) -> bool:
        """Whether people have to sign in."""
        return bool(self.basic_auth or self.oauth_provider)

    def serve_options(self) -> dict[str, object]:
        """Keyword arguments of `panel.serve`."""
        options: dict[str, object] = {
            "address": self.address,
            "port": self.port,
            "websocket_origin": [*self.origins, f"127.0.0.1:{self.port}", f"localhost:{self.port}"],
            "cookie_secret": self.cookie_secret,
        }
        if self.basic_auth:
            options["basic_auth"] = self.basic_auth
        if self.oauth_provider:
            names = ("provider", "key", "secret", "redirect_uri", "encryption_key", "extra_params")
            options |= {f"oauth_{name}": value for name in names if (value := getattr(self, f"oauth_{name}"))}
        return options
