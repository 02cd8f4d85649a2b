"""Keeps the model's server running on Coiled. How a server is kept running there belongs in `on_coiled`."""

from collections.abc import Mapping

import dagster as dg

from tpch_assets.orchestration.on_coiled import CoiledServer, kept_up
from tpch_assets.settings import SERVING_PREFIX, Settings, SettingsError


def complete(found: Mapping[str, str], _: str) -> dict[str, str]:
    """Return nothing: the machine needs no more.

    Raises:
        SettingsError: The server asks for no token.
    """
    if f"{SERVING_PREFIX}TOKEN" not in found:
        raise SettingsError(f"The model's server would be open to everybody: set {SERVING_PREFIX}TOKEN.")
    return {}


SERVING = CoiledServer("serving", "the model's server", ("python", "-m", "serving"), r"TPCH_SERVING_\w+", complete)


def serving(settings: Settings) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """Return the job and its schedule."""
    return kept_up(SERVING, settings)
