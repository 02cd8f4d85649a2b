"""The server's own settings, from `TPCH_SERVING_<NAME>` (and `.env`). Where the lake is, `TPCH_LAKE` says."""

from functools import cache

from pydantic import Field

from tpch_assets.settings import ServingAddress, load_address


class ServingSettings(ServingAddress):
    """Every setting of the server; docs/serving.md explains them."""

    model: str | None = Field(default=None, description="Which model to serve. By default the business's first one.")
    poll_seconds: float = Field(default=3, ge=0.1, le=60, description="How often the registry is looked at.")
    connections: int = Field(
        default=512, ge=8, le=10_000, description="Connections at once. One more gets status 503 at once."
    )


def load_serving_settings(**overrides: object) -> ServingSettings:
    """The server's settings in force.

    Raises:
        SettingsError: A value is not valid; the message names it and what is allowed.
    """
    return load_address(ServingSettings, **overrides)


@cache
def serving_settings() -> ServingSettings:
    """The process's settings, read once."""
    return load_serving_settings()
