"""Keeps the dashboard running on Coiled. How a server is kept running there belongs in `on_coiled`."""

from collections.abc import Mapping

import dagster as dg

from tpch_assets.orchestration.on_coiled import CoiledServer, kept_up
from tpch_assets.settings import DASHBOARD_PREFIX, Settings, SettingsError


def complete(found: Mapping[str, str], reached: str) -> dict[str, str]:
    """Return what else the machine needs: the host under which browsers reach it.

    Raises:
        SettingsError: The dashboard has no sign-in.
    """
    sign_in = found.keys() & {"TPCH_DASHBOARD_BASIC_AUTH", "TPCH_DASHBOARD_OAUTH_PROVIDER"}
    if not sign_in or "TPCH_DASHBOARD_COOKIE_SECRET" not in found:
        raise SettingsError(
            "The dashboard would be open to everybody: set TPCH_DASHBOARD_BASIC_AUTH or "
            "TPCH_DASHBOARD_OAUTH_PROVIDER, and TPCH_DASHBOARD_COOKIE_SECRET."
        )
    name = f"{DASHBOARD_PREFIX}ORIGINS"
    return {name: f"{found.get(name, '')},{reached}"}


# Its page of a model asks the model's server, so it gets that one's address and token.
DASHBOARD = CoiledServer(
    "dashboard", "the dashboard", ("python", "-m", "dashboards"), r"TPCH_(DASHBOARD|SERVING)_\w+", complete
)


def dashboard(settings: Settings) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """Return the job and its schedule."""
    return kept_up(DASHBOARD, settings)
