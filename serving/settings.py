"""The server's own settings, from `TPCH_SERVING_<NAME>` (and `.env`). Where the lake is, `TPCH_LAKE` says."""

from pydantic import Field

from tpch_assets.settings import ServingAddress


class ServingSettings(ServingAddress):
    """Every setting of the server; docs/serving.md explains them."""

    model: str | None = Field(default=None, description="Which model to serve. By default the business's first one.")
    poll_seconds: float = Field(default=5, ge=0.1, le=60, description="How often the registry is looked at.")
    connections: int = Field(
        default=512, ge=8, le=10_000, description="Connections at once. One more gets status 503 at once."
    )
